"""`/claims`: letting boards in, by the code they speak or because their owner knows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Request, Response
from pydantic import BaseModel, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import AnyCaller, Caller, Editor, tries_of
from main_server.api.etags import mark
from main_server.api.fields import Body, RowId
from main_server.api.parts import Parts
from main_server.api.problems import Problem, not_found
from main_server.api.resources.devices import DeviceShown, shown
from main_server.api.sessions import Reading, Writing
from main_server.store.audit import Audit
from main_server.store.claims import Claims
from main_server.store.models import Claim, Device

router = APIRouter(tags=["claims"])


class SpokenCode(Body):
    """What the board says: six digits. Spaces between them do not matter."""

    code: Annotated[str, StringConstraints(pattern=r"^[0-9 ]{6,16}$")]


class Knocking(BaseModel):
    """A board at `address` says it is the device `device_key`, under another Client-Id: it was reset, or it lies."""

    id: str
    device_key: str
    device_id: str
    device_name: str
    board: str
    address: str
    created_at: datetime


class Knockings(BaseModel):
    items: list[Knocking]


@router.post("/claims", operation_id="claimDevice", status_code=201)
async def claim_device(
    spoken: SpokenCode, request: Request, caller: Editor, parts: Parts, response: Response, session: Writing
) -> DeviceShown:
    """Makes the board that speaks this code one's own. Tries are counted: codes cannot be guessed."""
    for whose in (caller.account_id, tries_of(parts, request)):
        parts.attempts.begin(claim=whose)
    claims = Claims(session)
    claim = await claims.by_code(spoken.code.replace(" ", ""))
    device = await claims.admit(claim, caller.sees_id) if claim is not None else None
    if device is None:
        raise Problem(404, "no_such_code", "No device speaks this code now. Listen again: codes last ten minutes.")
    for whose in (caller.account_id, tries_of(parts, request)):
        parts.attempts.succeeded(claim=whose)
    _note(session, "device_claimed", caller, device)
    await session.flush()
    parts.live.forget(device.device_id)
    mark(response, device.version)
    return shown(device, parts)


@router.get("/claims", operation_id="listClaims")
async def list_claims(caller: AnyCaller, session: Reading) -> Knockings:
    """Boards that say they are one's own and cannot prove it; a few at most."""
    items = [
        Knocking(
            id=claim.id,
            device_key=device.id,
            device_id=device.device_id,
            device_name=device.name,
            board=claim.board,
            address=claim.address,
            created_at=claim.created_at,
        )
        for claim, device in await Claims(session).knocking(caller.sees_id)
    ]
    return Knockings(items=items)


@router.post("/claims/{claim_id}/accept", operation_id="acceptClaim")
async def accept_claim(
    claim_id: RowId, caller: Editor, parts: Parts, response: Response, after: BackgroundTasks, session: Writing
) -> DeviceShown:
    """Believes the board. What the device had before to prove itself is worth nothing then."""
    claim, device = await _existing(session, caller, claim_id)
    await Claims(session).let_in(claim, device)
    _note(session, "device_let_in", caller, device)
    await session.flush()
    after.add_task(parts.hang_up, device.device_id)
    mark(response, device.version)
    return shown(device, parts)


@router.delete("/claims/{claim_id}", operation_id="refuseClaim", status_code=204)
async def refuse_claim(claim_id: RowId, caller: Editor, session: Writing) -> None:
    """Does not believe the board; it may ask again."""
    claim, device = await _existing(session, caller, claim_id)
    await session.delete(claim)
    _note(session, "device_refused", caller, device)


async def _existing(session: AsyncSession, caller: Caller, claim_id: str) -> tuple[Claim, Device]:
    for claim, device in await Claims(session).knocking(caller.sees_id):
        if claim.id == claim_id:
            return claim, device
    raise not_found("claim")


def _note(session: AsyncSession, action: str, caller: Caller, device: Device) -> None:
    Audit(session).note(
        action, account_id=caller.account_id, actor=caller.name, target_id=device.id, address=caller.address
    )
