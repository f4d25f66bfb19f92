"""`/talk-tickets`: what a page needs to talk as a toy of its account."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import Caller, Editor
from main_server.api.access.tickets import GOOD_FOR_S, TalkTicket
from main_server.api.fields import Body, Line
from main_server.api.parts import ApiParts, Parts
from main_server.api.problems import Problem
from main_server.api.resources.roles import check_own, usable
from main_server.api.role_fields import RoleEdit
from main_server.api.sessions import Writing
from main_server.store.audit import Audit
from main_server.store.browser_toys import BrowserToys
from main_server.store.models import utc_now
from main_server.store.roles import body_of, draft_of

DEVICE_PATH = "/xiaozhi/v1/"

router = APIRouter(tags=["talk"])


class TicketWish(Body):
    """`browser`: 16 hex digits that this browser made once and keeps. `role_id`: the role to talk with, this time;
    without one it is the role of the device. `role`: as a page would save it, on top of `role_id` where that is given;
    it lasts for this talk alone."""

    browser: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    name: Line = ""
    role_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None
    role: RoleEdit | None = None


class TicketGiven(BaseModel):
    """To be shown once at `device_url`, as ?device-id=...&client-id=...&ticket=..."""

    ticket: str
    expires_at: datetime
    device_url: str
    device_id: str
    client_id: str


@router.post("/talk-tickets", operation_id="giveTalkTicket", status_code=201)
async def give_talk_ticket(
    wish: TicketWish, request: Request, caller: Editor, parts: Parts, session: Writing
) -> TicketGiven:
    """Lets this browser talk as a device of the account: once, within a minute. Each connection needs a new one."""
    role_id = await _role_of(session, caller, wish, parts)
    device_id = _device_id(caller.sees_id, wish.browser)
    await _make_its_own(session, caller, device_id, wish.name, parts)
    ticket = TalkTicket(caller.sees_id, device_id, wish.browser, role_id)
    return TicketGiven(
        ticket=parts.tickets.give(ticket),
        expires_at=utc_now() + timedelta(seconds=GOOD_FOR_S),
        device_url=_device_url(request, parts),
        device_id=device_id,
        client_id=wish.browser,
    )


async def _role_of(session: AsyncSession, caller: Caller, wish: TicketWish, parts: ApiParts) -> str:
    """The reference of the role that is wished for, "" = the device's own. Raises Problem."""
    saved = await usable(session, caller, wish.role_id) if wish.role_id else None
    if wish.role is None:
        return saved.id if saved is not None else ""
    edited = wish.role.columns()
    await check_own(session, caller, edited)
    body = {"name": "", **(body_of(saved) if saved is not None else {}), **edited}
    return parts.keep_role_draft(draft_of(caller.sees_id, saved.id if saved is not None else "", body))


def _device_id(account_id: str, browser: str) -> str:
    """One per account and browser, and nobody can ask for another account's."""
    return "web:" + hashlib.sha256(f"{account_id} {browser}".encode()).hexdigest()[:16]


async def _make_its_own(session: AsyncSession, caller: Caller, device_id: str, name: str, parts: ApiParts) -> None:
    """The browser's toy, made where this browser talks for the first time."""
    toys = BrowserToys(session)
    if await toys.is_of(caller.sees_id, device_id):
        return
    device = await toys.add(caller.sees_id, device_id, name)
    if device is None:
        raise Problem(409, "too_many_browsers", "Too many browsers talk for this account: let some go under Devices.")
    Audit(session).note(
        "browser_joined", account_id=caller.account_id, actor=caller.name, target_id=device.id, address=caller.address
    )
    await session.flush()
    parts.live.forget(device_id)


def _device_url(request: Request, parts: ApiParts) -> str:
    scheme = "wss" if parts.proxies.is_secure(request) else "ws"
    return f"{scheme}://{parts.proxies.called(request)}{DEVICE_PATH}"
