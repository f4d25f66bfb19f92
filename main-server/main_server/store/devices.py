"""Queries about devices. Each takes the caller's session; the caller commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.house_toy import NAMES
from main_server.store.models import Account, Conversation, Device, DeviceToken, Turn, Utterance, utc_now
from main_server.store.paging import Paging, Rows, containing, page

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """What boot and connect must know of a device before its first word (device/quirks.py); "" and None = unknown."""

    chip: str = ""
    firmware: str = ""
    server_aec: bool | None = None


class Devices:
    """Devices as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def by_device_id(self, device_id: str) -> Device | None:
        """The device that calls itself `device_id` (its MAC address)."""
        return (await self._session.scalars(select(Device).where(Device.device_id == device_id))).one_or_none()

    async def recent(self, *, limit: int = PAGE_ROWS, offset: int = 0) -> Sequence[Device]:
        """Devices, the last seen first."""
        query = select(Device).order_by(Device.last_seen_at.desc(), Device.id).limit(limit).offset(offset)
        return (await self._session.scalars(query)).all()

    async def with_owners(self) -> Sequence[tuple[Device, str | None]]:
        """Every device and the name of its account, the last seen first."""
        query = select(Device, Account.name).outerjoin(Account, Account.id == Device.account_id)
        rows = await self._session.execute(query.order_by(Device.last_seen_at.desc(), Device.id))
        return [(row.Device, row.name) for row in rows]

    async def known(self, device_id: str) -> KnownDevice | None:
        """What is known of a device; None when it never reported itself."""
        query = select(Device.chip, Device.firmware, Device.server_aec).where(Device.device_id == device_id)
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else KnownDevice(row.chip, row.firmware, row.server_aec)

    async def keeps_utterances(self, device_id: str) -> bool:
        """Whether its last utterances are kept for a while: it is somebody's, and the switch is on."""
        query = select(Device.keeps_utterances).where(Device.device_id == device_id, Device.account_id.is_not(None))
        return bool(await self._session.scalar(query))

    async def owner_of(self, device_id: str) -> str | None:
        """The account a device belongs to."""
        return await self._session.scalar(select(Device.account_id).where(Device.device_id == device_id))

    async def page(
        self, account_id: str | None, paging: Paging, search: str = "", *, role_id: str | None = None
    ) -> Rows[Device]:
        """Devices of an account, or of nobody, the last seen first."""
        query = select(Device).where(Device.account_id == account_id)  # None becomes IS NULL
        if role_id is not None:
            query = query.where(Device.role_id == role_id)
        if search:
            like = containing(search)
            named = (column.ilike(like, escape="!") for column in (Device.name, Device.device_id, Device.board))
            query = query.where(or_(*named))
        return await page(self._session, query, Device.last_seen_at, Device.id, paging)

    async def of_account(self, account_id: str | None, key: str) -> Device | None:
        """The device with this key, if it is the account's."""
        query = select(Device).where(Device.id == key, Device.account_id == account_id)
        return (await self._session.scalars(query)).one_or_none()

    async def all_of(self, account_id: str, keys: Sequence[str]) -> list[Device]:
        """The devices with these keys in their order; those that are not the account's are left out."""
        query = select(Device).where(Device.account_id == account_id, Device.id.in_(keys))
        found = {device.id: device for device in await self._session.scalars(query)}
        return [found[key] for key in keys if key in found]

    async def give(self, device: Device, account_id: str) -> None:
        """Makes a device of nobody the account's, with all it said while it was nobody's."""
        device.account_id, device.claimed_at, device.claimed_client_id = account_id, utc_now(), device.client_id
        for said in (
            update(Turn).where(
                Turn.account_id.is_(None),
                Turn.conversation_id.in_(select(Conversation.id).where(Conversation.device_key == device.id)),
            ),
            update(Conversation).where(Conversation.device_key == device.id, Conversation.account_id.is_(None)),
            update(Utterance).where(Utterance.device_key == device.id, Utterance.account_id.is_(None)),
        ):
            await self._session.execute(said.values(account_id=account_id).execution_options(synchronize_session=False))

    async def give_house_toy(self, device_id: str, account_id: str) -> Device | None:
        """Makes a toy of this machine's owner the account's; None when it became somebody's meanwhile. At a boot it
        proves nothing: anybody may say its name there."""
        device = await self.by_device_id(device_id)
        if device is None:
            now = utc_now()
            device = Device(device_id=device_id, first_seen_at=now, last_seen_at=now)
            self._session.add(device)
            await self._session.flush()
        if device.account_id is not None:
            return None
        await self.give(device, account_id)
        device.claimed_client_id = ""
        return device

    async def nobodys_house_toys(self) -> Sequence[str]:
        """The Device-Ids of toys of this machine that talked while there was no account."""
        query = select(Device.device_id).where(Device.account_id.is_(None), Device.device_id.startswith(NAMES))
        return (await self._session.scalars(query)).all()

    async def let_go(self, device: Device) -> None:
        """Makes a device nobody's. What was said with it stays with the account; its tokens end."""
        await self._session.execute(delete(DeviceToken).where(DeviceToken.device_key == device.id))
        device.account_id = device.role_id = device.claimed_at = None
        device.name, device.tags, device.claimed_client_id, device.keeps_utterances = "", [], "", True
