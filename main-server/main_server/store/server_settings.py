"""What the owner sets for the whole server."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import ServerSetting, utc_now


class Registration(StrEnum):
    """Who may register."""

    INVITATION = "invitation"
    OPEN = "open"


PRIVATE_ENGINES = "private_engines"
"""Name of the row that says whether providers of owners may lie in networks at home and on this machine."""


class ServerSettings:
    """Settings as rows; one that is missing has its first value here."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def registration(self) -> Registration:
        row = await self._session.get(ServerSetting, "registration")
        return Registration(row.value) if row is not None else Registration.INVITATION

    async def private_engines(self) -> bool:
        """Whether an owner's providers may lie in private networks; a member's never may."""
        row = await self._session.get(ServerSetting, PRIVATE_ENGINES)
        return is_on(row.value if row is not None else None)

    async def set_private_engines(self, allowed: bool) -> None:
        await self._session.merge(ServerSetting(name=PRIVATE_ENGINES, value=allowed, changed_at=utc_now()))

    async def set_registration(self, registration: Registration) -> None:
        await self._session.merge(ServerSetting(name="registration", value=str(registration), changed_at=utc_now()))


def is_on(value: object) -> bool:
    """What a switch that is on at first says; None = nobody has set it."""
    return value is not False
