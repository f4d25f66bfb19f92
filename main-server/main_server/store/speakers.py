"""Queries about speakers and their voiceprints. Each takes the caller's session; the caller commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Speaker, Voiceprint
from main_server.store.paging import Paging, Rows, containing, page

MOST_SPEAKERS = 500
"""Speakers of one account."""


@dataclass(frozen=True, slots=True)
class Print:
    """A voiceprint without the numbers."""

    id: str
    speaker_id: str
    encoder: str
    dimension: int
    utterance_id: str | None
    created_at: datetime


class Speakers:
    """Speakers as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(self, account_id: str, paging: Paging, search: str = "") -> Rows[Speaker]:
        """Speakers of an account by name."""
        query = select(Speaker).where(Speaker.account_id == account_id)
        if search:
            query = query.where(Speaker.name.ilike(containing(search), escape="!"))
        return await page(self._session, query, Speaker.name, Speaker.id, paging, descending=False)

    async def of_account(self, account_id: str, speaker_id: str) -> Speaker | None:
        """The speaker with this key, if it is the account's."""
        query = select(Speaker).where(Speaker.id == speaker_id, Speaker.account_id == account_id)
        return (await self._session.scalars(query)).one_or_none()

    async def count(self, account_id: str) -> int:
        query = select(func.count()).select_from(Speaker).where(Speaker.account_id == account_id)
        return await self._session.scalar(query) or 0

    async def add(self, speaker: Speaker) -> Speaker:
        self._session.add(speaker)
        await self._session.flush()
        return speaker

    async def delete(self, speaker: Speaker) -> None:
        """Forgets a speaker: the voiceprints and the memories of that person go too."""
        await self._session.delete(speaker)

    async def prints(self, speaker_ids: Collection[str]) -> Sequence[Print]:
        """Voiceprints of these speakers, the oldest first."""
        columns = (getattr(Voiceprint, name) for name in Print.__dataclass_fields__)
        query = select(*columns).where(Voiceprint.speaker_id.in_(speaker_ids)).order_by(Voiceprint.created_at)
        return [Print(*row) for row in await self._session.execute(query)]

    async def delete_print(self, speaker_id: str, print_id: str) -> bool:
        """Whether there was one."""
        gone = delete(Voiceprint).where(Voiceprint.id == print_id, Voiceprint.speaker_id == speaker_id)
        return bool((await self._session.execute(gone)).rowcount)
