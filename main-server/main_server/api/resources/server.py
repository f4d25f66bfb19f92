"""`/server`: what anybody may know of this server, and what its owner sets."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from main_server.api.access.caller import Owner
from main_server.api.fields import Body
from main_server.api.parts import Parts
from main_server.api.sessions import Reading, Writing
from main_server.store.accounts import Accounts
from main_server.store.audit import Audit
from main_server.store.server_settings import Registration, ServerSettings

router = APIRouter(tags=["server"])


class Server(BaseModel):
    """`founded`: there is an owner. Until then only the link that `zhiyin serve` prints makes an account."""

    version: str
    founded: bool
    registration: Registration


class ServerEdit(Body):
    registration: Registration


@router.get("/server", operation_id="readServer")
async def read_server(parts: Parts, session: Reading) -> Server:
    """What a page needs to know before anybody has logged in."""
    founded = await Accounts(session).any()
    return Server(version=parts.version, founded=founded, registration=await ServerSettings(session).registration())


@router.patch("/server", operation_id="editServer")
async def edit_server(edit: ServerEdit, caller: Owner, parts: Parts, session: Writing) -> Server:
    """Sets who may register."""
    await ServerSettings(session).set_registration(edit.registration)
    Audit(session).note(
        "server_edited",
        account_id=caller.account_id,
        actor=caller.name,
        address=caller.address,
        registration=edit.registration,
    )
    return Server(version=parts.version, founded=True, registration=edit.registration)
