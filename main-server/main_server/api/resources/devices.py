"""`/devices`: the toys of an account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import AnyCaller, Caller, Editor, Owner, Scope
from main_server.api.etags import IfMatch, expect, mark
from main_server.api.fields import Body, Key, Line, Name, RowId
from main_server.api.paging import ByTime, Page, Search, page_of
from main_server.api.parts import ApiParts, Parts
from main_server.api.problems import Problem, not_found
from main_server.api.sessions import Changing, Reading
from main_server.store.audit import Audit
from main_server.store.devices import Devices
from main_server.store.models import Device, Rank
from main_server.store.roles import Roles

router = APIRouter(tags=["devices"])

MOST_TAGS = 20
MOST_DEVICES_AT_ONCE = 500

Tags = Annotated[list[Name], Field(max_length=MOST_TAGS)]


class DeviceShown(BaseModel):
    """`device_id` is what it calls itself; `online`: it talks to this server right now. `role_id` null = it speaks as
    the server's own role. `keeps_utterances`: its last ones are kept for a while, to know a speaker by."""

    id: str
    device_id: str
    name: str
    tags: list[str]
    board: str
    chip: str
    firmware: str
    language: str
    role_id: str | None
    keeps_utterances: bool
    first_seen_at: datetime
    last_seen_at: datetime
    last_talk_at: datetime | None
    claimed_at: datetime | None
    online: bool


class DeviceEdit(Body):
    """What is missing stays, null too, but for the role, which null takes away."""

    name: Line | None = None
    tags: Tags | None = None
    role_id: Key | None = None
    keeps_utterances: bool | None = None


class DevicesEdit(Body):
    """For all devices of `ids` the same. `role_id` as in DeviceEdit."""

    ids: Annotated[list[Key], Field(min_length=1, max_length=MOST_DEVICES_AT_ONCE)]
    role_id: Key | None = None
    add_tags: Tags = Field(default_factory=list)
    remove_tags: Tags = Field(default_factory=list)


class DevicesEdited(BaseModel):
    items: list[DeviceShown]


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
    role: Annotated[Key | None, Query(description="Only those that have this role.")] = None,
) -> Page[DeviceShown]:
    """The last seen first."""
    if nobodys and not _manages(caller):
        raise Problem(403, "not_owner", "Only an owner of the server sees devices that are nobody's.")
    rows = await Devices(session).page(None if nobodys else caller.sees_id, paging, q, role_id=role)
    return page_of(rows, lambda device: shown(device, parts))


@router.patch("/devices", operation_id="editDevices")
async def edit_devices(edit: DevicesEdit, caller: Editor, parts: Parts, session: Changing) -> DevicesEdited:
    """Gives many devices a role, and tags or none: all of them, or none when one is not one's own."""
    keys = list(dict.fromkeys(edit.ids))
    devices = await Devices(session).all_of(caller.sees_id, keys)
    if len(devices) != len(keys):
        raise not_found("device among them")
    if "role_id" in edit.model_fields_set:
        await _give_role(session, caller, devices, edit.role_id)
    for device in devices:
        _tag(device, (set(device.tags) | set(edit.add_tags)) - set(edit.remove_tags))
        _note(session, "device_edited", caller, device, fields=sorted(edit.model_fields_set - {"ids"}))
    await session.flush()
    return DevicesEdited(items=[shown(device, parts) for device in devices])


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
    session: Changing,
    if_match: IfMatch = "",
) -> DeviceShown:
    """Names it, tags it, gives it a role: its next turn is that role's."""
    device = await _existing(session, caller.sees_id, device_key)
    expect(if_match, device.version)
    if edit.name is not None:
        device.name = edit.name
    if edit.tags is not None:
        _tag(device, set(edit.tags))
    if "role_id" in edit.model_fields_set:
        await _give_role(session, caller, [device], edit.role_id)
    if edit.keeps_utterances is not None:
        device.keeps_utterances = edit.keeps_utterances
    _note(session, "device_edited", caller, device, fields=sorted(edit.model_fields_set))
    await session.flush()
    mark(response, device.version)
    return shown(device, parts)


@router.post("/devices/{device_key}/adopt", operation_id="adoptDevice")
async def adopt_device(
    device_key: RowId, caller: Owner, parts: Parts, response: Response, session: Changing
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
    device_key: RowId, caller: Editor, parts: Parts, after: BackgroundTasks, session: Changing
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


async def _give_role(session: AsyncSession, caller: Caller, devices: list[Device], role_id: str | None) -> None:
    if role_id is not None and await Roles(session).usable_by(caller.sees_id, role_id) is None:
        raise Problem(422, "not_yours", "role_id names no role of this account, and no template.")
    for device in devices:
        device.role_id = role_id


def _tag(device: Device, tags: set[str]) -> None:
    if len(tags) > MOST_TAGS:
        raise Problem(422, "too_many_tags", f"A device has {MOST_TAGS} tags at most.")
    device.tags = sorted(tags)


def _manages(caller: Caller) -> bool:
    return caller.rank is Rank.OWNER and Scope.ADMIN in caller.scopes


def _note(session: AsyncSession, action: str, caller: Caller, device: Device, **detail: object) -> None:
    Audit(session).note(
        action, account_id=caller.account_id, actor=caller.name, target_id=device.id, address=caller.address, **detail
    )


def shown(device: Device, parts: ApiParts) -> DeviceShown:
    """A device as it is shown."""
    columns = {name: getattr(device, name) for name in DeviceShown.model_fields if name != "online"}
    return DeviceShown(**columns, online=parts.online(device.device_id))
