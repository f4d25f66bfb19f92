"""`/server`: what anybody may know of this server, and what its owner sets."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import Owner
from main_server.api.fields import Body
from main_server.api.parts import ApiParts, Parts
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
    private_engines: bool


class ServerEdit(Body):
    """What is missing stays. `private_engines`: providers of owners may lie in networks at home and on this machine;
    those of members never may."""

    registration: Registration | None = None
    private_engines: bool | None = None


@router.get("/server", operation_id="readServer")
async def read_server(parts: Parts, session: Reading) -> Server:
    """What a page needs to know before anybody has logged in."""
    return await _shown(parts, session, founded=await Accounts(session).any())


@router.patch("/server", operation_id="editServer")
async def edit_server(edit: ServerEdit, caller: Owner, parts: Parts, session: Writing) -> Server:
    """Sets who may register, and where engines may be."""
    settings = ServerSettings(session)
    if edit.registration is not None:
        await settings.set_registration(edit.registration)
    if edit.private_engines is not None:
        await settings.set_private_engines(edit.private_engines)
    Audit(session).note(
        "server_edited",
        account_id=caller.account_id,
        actor=caller.name,
        address=caller.address,
        **edit.model_dump(exclude_none=True),
    )
    await session.flush()
    return await _shown(parts, session, founded=True)


async def _shown(parts: ApiParts, session: AsyncSession, *, founded: bool) -> Server:
    settings = ServerSettings(session)
    return Server(
        version=parts.version,
        founded=founded,
        registration=await settings.registration(),
        private_engines=await settings.private_engines(),
    )
