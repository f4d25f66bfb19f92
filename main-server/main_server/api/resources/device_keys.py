"""`/device-keys`: keys that an owner burned into boards. They go in and never come out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field, SecretStr, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import Caller, Owner
from main_server.api.fields import Body, RowId
from main_server.api.paging import ByName, Page, Search, page_of
from main_server.api.parts import Parts
from main_server.api.problems import not_found
from main_server.api.sessions import Reading, Writing
from main_server.store.audit import Audit
from main_server.store.device_keys import DeviceKeys, parse_key
from main_server.store.models import DeviceKey

router = APIRouter(tags=["devices"])

MOST_AT_ONCE = 500

SerialNumber = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]


def _usable(key: SecretStr) -> SecretStr:
    parse_key(key.get_secret_value())
    return key


class BurnedKey(Body):
    """What is in a board's eFuse: its serial number, and the 32 bytes of its key in hexadecimal."""

    serial_number: SerialNumber
    key: Annotated[
        SecretStr, Field(max_length=128, description="It is sealed and never shown."), AfterValidator(_usable)
    ]


class BurnedKeys(Body):
    keys: Annotated[list[BurnedKey], Field(min_length=1, max_length=MOST_AT_ONCE)]


class DeviceKeyShown(BaseModel):
    """`device_id` is the device whose board it proved to be, "" while none was let in with it."""

    id: str
    serial_number: str
    device_id: str
    created_at: datetime
    last_proven_at: datetime | None

    @classmethod
    def of(cls, key: DeviceKey) -> DeviceKeyShown:
        return cls.model_validate(key, from_attributes=True)


class DeviceKeysShown(BaseModel):
    items: list[DeviceKeyShown]


@router.post("/device-keys", operation_id="importDeviceKeys", status_code=201)
async def import_keys(new: BurnedKeys, caller: Owner, parts: Parts, session: Writing) -> DeviceKeysShown:
    """Takes all of them or none. From then on a board with such a serial number is nothing without its key."""
    pairs = [(each.serial_number, parse_key(each.key.get_secret_value())) for each in new.keys]
    made = await DeviceKeys(session, parts.seal).add(pairs)
    for key in made:
        _note(session, "device_key_added", caller, key)
    return DeviceKeysShown(items=[DeviceKeyShown.of(key) for key in made])


@router.get("/device-keys", operation_id="listDeviceKeys")
async def list_keys(
    caller: Owner, paging: ByName, parts: Parts, session: Reading, q: Search = ""
) -> Page[DeviceKeyShown]:
    """Serial numbers whose key is known, never the keys."""
    return page_of(await DeviceKeys(session, parts.seal).page(paging, q), DeviceKeyShown.of)


@router.delete("/device-keys/{key_id}", operation_id="deleteDeviceKey", status_code=204)
async def delete_key(key_id: RowId, caller: Owner, parts: Parts, session: Writing) -> None:
    """Forgets a key: its board is let in like one that has none."""
    keys = DeviceKeys(session, parts.seal)
    key = await keys.by_id(key_id)
    if key is None:
        raise not_found("key")
    _note(session, "device_key_deleted", caller, key)
    await keys.delete(key)


def _note(session: AsyncSession, action: str, caller: Caller, key: DeviceKey) -> None:
    Audit(session).note(
        action,
        account_id=caller.account_id,
        actor=caller.name,
        target_id=key.id,
        address=caller.address,
        serial_number=key.serial_number,
    )
