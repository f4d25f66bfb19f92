"""`/devices`: the toys of an account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import AnyCaller, Caller, Editor, Owner, Scope
from main_server.api.etags import IfMatch, expect, mark
from main_server.api.fields import Body, Line, Name, RowId
from main_server.api.paging import ByTime, Page, Search, page_of
from main_server.api.parts import ApiParts, Parts
from main_server.api.problems import Problem, not_found
from main_server.api.sessions import Reading, Writing
from main_server.store.audit import Audit
from main_server.store.devices import Devices
from main_server.store.models import Device, Rank

router = APIRouter(tags=["devices"])

MOST_TAGS = 20


class DeviceShown(BaseModel):
    """`device_id` is what it calls itself; `online`: it talks to this server right now."""

    id: str
    device_id: str
    name: str
    tags: list[str]
    board: str
    chip: str
    firmware: str
    language: str
    role_id: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    last_talk_at: datetime | None
    claimed_at: datetime | None
    online: bool


class DeviceEdit(Body):
    """What is missing stays."""

    name: Line | None = None
    tags: Annotated[list[Name], Field(max_length=MOST_TAGS)] | None = None


@router.get("/devices", operation_id="listDevices")
async def list_devices(
    caller: AnyCaller,
    paging: ByTime,
    parts: Parts,
    session: Reading,
    q: Search = "",
    nobodys: Annotated[
        bool, Query(description="Those of nobody instead of one's own; for owners of the server.")
    ] = False,
) -> Page[DeviceShown]:
    """The last seen first."""
    if nobodys and not _manages(caller):
        raise Problem(403, "not_owner", "Only an owner of the server sees devices that are nobody's.")
    rows = await Devices(session).page(None if nobodys else caller.sees_id, paging, q)
    return page_of(rows, lambda device: shown(device, parts))


@router.get("/devices/{device_key}", operation_id="readDevice")
async def read_device(
    device_key: RowId, caller: AnyCaller, parts: Parts, response: Response, session: Reading
) -> DeviceShown:
    device = await _existing(session, caller.sees_id, device_key)
    mark(response, device.version)
    return shown(device, parts)


@router.patch("/devices/{device_key}", operation_id="editDevice")
async def edit_device(
    device_key: RowId,
    edit: DeviceEdit,
    caller: Editor,
    parts: Parts,
    response: Response,
    session: Writing,
    if_match: IfMatch = "",
) -> DeviceShown:
    """Names it and tags it."""
    device = await _existing(session, caller.sees_id, device_key)
    expect(if_match, device.version)
    if edit.name is not None:
        device.name = edit.name
    if edit.tags is not None:
        device.tags = sorted(set(edit.tags))
    await session.flush()
    mark(response, device.version)
    return shown(device, parts)


@router.post("/devices/{device_key}/adopt", operation_id="adoptDevice")
async def adopt_device(
    device_key: RowId, caller: Owner, parts: Parts, response: Response, session: Writing
) -> DeviceShown:
    """Makes a device that is nobody's the owner's, with all it said so far. For servers where any device may talk."""
    device = await _existing(session, None, device_key)
    await Devices(session).give(device, caller.account_id)
    _note(session, "device_adopted", caller, device)
    await session.flush()
    parts.live.forget(device.device_id)
    mark(response, device.version)
    return shown(device, parts)


@router.delete("/devices/{device_key}", operation_id="releaseDevice", status_code=204)
async def release_device(
    device_key: RowId, caller: Editor, parts: Parts, after: BackgroundTasks, session: Writing
) -> None:
    """Lets a device go: it is nobody's then, and its talk ends. What was said with it stays."""
    device = await _existing(session, caller.sees_id, device_key)
    await Devices(session).let_go(device)
    _note(session, "device_released", caller, device)
    parts.live.forget(device.device_id)
    after.add_task(parts.hang_up, device.device_id)  # once it is committed: it may connect again at once


async def _existing(session: AsyncSession, account_id: str | None, device_key: str) -> Device:
    device = await Devices(session).of_account(account_id, device_key)
    if device is None:
        raise not_found("device")
    return device


def _manages(caller: Caller) -> bool:
    return caller.rank is Rank.OWNER and Scope.ADMIN in caller.scopes


def _note(session: AsyncSession, action: str, caller: Caller, device: Device) -> None:
    Audit(session).note(
        action, account_id=caller.account_id, actor=caller.name, target_id=device.id, address=caller.address
    )


def shown(device: Device, parts: ApiParts) -> DeviceShown:
    """A device as it is shown."""
    columns = {name: getattr(device, name) for name in DeviceShown.model_fields if name != "online"}
    return DeviceShown(**columns, online=parts.online(device.device_id))
