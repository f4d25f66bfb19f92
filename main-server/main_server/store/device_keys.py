"""Queries about keys that boards carry in their eFuse. Each takes the caller's session; the caller commits."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.errors import Taken
from main_server.store.models import DeviceKey, utc_now
from main_server.store.paging import Paging, Rows, containing, page
from main_server.store.rows import name as short
from main_server.store.sealing import Seal, place_of

KEY_BYTES = 32
"""Of an HMAC key in the eFuse of every chip that has one."""


def parse_key(text: str) -> bytes:
    """A key as burning tools write it: 64 hexadecimal digits. Raises ValueError; the text itself is left out."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key is {KEY_BYTES} bytes, written as {2 * KEY_BYTES} hexadecimal digits")
    if not any(key):
        raise ValueError("a key of zeros is an eFuse that was never burned")
    return key


class DeviceKeys:
    """Device keys as rows, sealed."""

    def __init__(self, session: AsyncSession, seal: Seal) -> None:
        self._session = session
        self._seal = seal

    async def page(self, paging: Paging, search: str = "") -> Rows[DeviceKey]:
        """Keys by serial number."""
        query = select(DeviceKey)
        if search:
            like = containing(search)
            query = query.where(
                or_(DeviceKey.serial_number.ilike(like, escape="!"), DeviceKey.device_id.ilike(like, escape="!"))
            )
        return await page(self._session, query, DeviceKey.serial_number, DeviceKey.id, paging, descending=False)

    async def by_id(self, key_id: str) -> DeviceKey | None:
        return await self._session.get(DeviceKey, key_id)

    async def add(self, keys: Iterable[tuple[str, bytes]]) -> list[DeviceKey]:
        """Adds all of them, as serial number and key. Raises Taken when a serial number has a key already."""
        made = []
        for serial_number, key in keys:
            row = DeviceKey(serial_number=serial_number)
            self._session.add(row)
            try:
                await self._session.flush()  # the secret is bound to the key of its row
            except IntegrityError as error:
                raise Taken(f"The serial number {serial_number} has a key already: delete that one first.") from error
            row.secret = self._seal.seal(key.hex(), _place(row))
            made.append(row)
        await self._session.flush()
        return made

    async def delete(self, key: DeviceKey) -> None:
        """Forgets it: its board is one without a key from then on."""
        await self._session.execute(delete(DeviceKey).where(DeviceKey.id == key.id))

    async def governing(self, device_id: str, serial_number: str) -> DeviceKey | None:
        """The key that a board of this name has to prove: the one with which its device was let in, whatever it says
        now, else the one of its serial number. None: its board carries none that is known here."""
        query = select(DeviceKey).where(DeviceKey.device_id == short(device_id)).order_by(DeviceKey.id).limit(1)
        bound = (await self._session.scalars(query)).one_or_none()
        if bound is not None or not serial_number:
            return bound
        query = select(DeviceKey).where(DeviceKey.serial_number == short(serial_number))
        return (await self._session.scalars(query)).one_or_none()

    def key_of(self, row: DeviceKey) -> bytes:
        """The key itself, to compare a proof with. Raises SecretLost."""
        return bytes.fromhex(self._seal.open(row.secret, _place(row)))

    def let_in(self, row: DeviceKey, device_id: str) -> None:
        """Its board was let in as this device, which needs it from now on. A key stays with its first device: a board
        has one name for life."""
        row.device_id, row.last_proven_at = row.device_id or short(device_id), utc_now()


def _place(row: DeviceKey) -> str:
    return place_of("device_keys", "secret", row.id)
