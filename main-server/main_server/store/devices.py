"""Queries about devices. Each takes the caller's session; the caller commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Device

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

    async def known(self, device_id: str) -> KnownDevice | None:
        """What is known of a device; None when it never reported itself."""
        query = select(Device.chip, Device.firmware, Device.server_aec).where(Device.device_id == device_id)
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else KnownDevice(row.chip, row.firmware, row.server_aec)
