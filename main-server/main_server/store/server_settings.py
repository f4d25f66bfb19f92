"""What the owner sets for the whole server."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import ServerSetting, utc_now


class Registration(StrEnum):
    """Who may register."""

    INVITATION = "invitation"
    OPEN = "open"


class ServerSettings:
    """Settings as rows; one that is missing has its first value here."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def registration(self) -> Registration:
        row = await self._session.get(ServerSetting, "registration")
        return Registration(row.value) if row is not None else Registration.INVITATION

    async def set_registration(self, registration: Registration) -> None:
        await self._session.merge(ServerSetting(name="registration", value=str(registration), changed_at=utc_now()))
