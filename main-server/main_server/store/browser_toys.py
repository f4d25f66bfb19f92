"""Queries about browser toys: pages that talk as a device of their account. The caller commits."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.devices import Devices
from main_server.store.models import Device, utc_now

BOARD = "browser"
MOST = 100
"""Of an account; each is a browser, or a window that keeps nothing."""


class BrowserToys:
    """Browser toys as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def is_of(self, account_id: str, device_id: str) -> bool:
        """Whether the account has it already."""
        return await Devices(self._session).owner_of(device_id) == account_id

    async def add(self, account_id: str, device_id: str, name: str) -> Device | None:
        """Makes it the account's; None when the account has too many.

        At a boot it proves nothing, so it has no Client-Id to prove itself by: anybody may say its name there.
        """
        if await self._count(account_id) >= MOST:
            return None
        device = await Devices(self._session).by_device_id(device_id)
        if device is None:
            device = Device(device_id=device_id, first_seen_at=utc_now(), last_seen_at=utc_now())
            self._session.add(device)
            await self._session.flush()
        await Devices(self._session).give(device, account_id)
        device.claimed_client_id, device.board, device.name = "", BOARD, name
        return device

    async def _count(self, account_id: str) -> int:
        query = select(func.count()).select_from(Device).where(Device.account_id == account_id, Device.board == BOARD)
        return await self._session.scalar(query) or 0
