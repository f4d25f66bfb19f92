"""Queries about voices. Each takes the caller's session; the caller commits."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Provider, ProviderKind, Role, Voice
from main_server.store.paging import Paging, Rows, containing, page

MOST_VOICES = 500
"""Voices of one account."""


class Voices:
    """Voices as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(
        self, account_id: str, paging: Paging, *, provider_id: str | None = None, search: str = ""
    ) -> Rows[Voice]:
        """Voices of an account, the newest first."""
        query = select(Voice).where(Voice.account_id == account_id)
        if provider_id is not None:
            query = query.where(Voice.provider_id == provider_id)
        if search:
            like = containing(search)
            query = query.where(or_(Voice.name.ilike(like, escape="!"), Voice.engine_voice.ilike(like, escape="!")))
        return await page(self._session, query, Voice.created_at, Voice.id, paging)

    async def of_account(self, account_id: str, voice_id: str) -> Voice | None:
        """The voice with this key, if it is the account's."""
        query = select(Voice).where(Voice.id == voice_id, Voice.account_id == account_id)
        return (await self._session.scalars(query)).one_or_none()

    async def count(self, account_id: str) -> int:
        query = select(func.count()).select_from(Voice).where(Voice.account_id == account_id)
        return await self._session.scalar(query) or 0

    async def add(self, voice: Voice) -> Voice:
        self._session.add(voice)
        await self._session.flush()
        return voice

    async def role_count(self, voice: Voice) -> int:
        """How many roles speak with it."""
        return await self._session.scalar(select(func.count()).select_from(Role).where(Role.voice_id == voice.id)) or 0

    async def delete(self, voice: Voice) -> None:
        """Deletes a voice. Roles that have it speak with the account's default then."""
        await self._session.delete(voice)

    async def may_speak(self, account_id: str, provider_id: str) -> bool:
        """Whether the provider is the account's, and speaks."""
        query = select(Provider.id).where(
            Provider.id == provider_id, Provider.account_id == account_id, Provider.kind == ProviderKind.TTS
        )
        return await self._session.scalar(query) is not None
