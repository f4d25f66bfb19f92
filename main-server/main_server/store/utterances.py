"""Queries about what was heard as sound. Each takes the caller's session; the caller commits."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Turn, Utterance
from main_server.store.paging import Paging, Rows, page


@dataclass(frozen=True, slots=True)
class Said:
    """What an utterance became: the words, and where they stand."""

    conversation_id: str
    text: str


class Utterances:
    """Utterances as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(self, account_id: str, device_key: str, paging: Paging) -> Rows[Utterance]:
        """What the device heard while it was the account's, the latest first."""
        query = select(Utterance).where(Utterance.device_key == device_key, Utterance.account_id == account_id)
        return await page(self._session, query, Utterance.started_at, Utterance.id, paging)

    async def of_account(self, account_id: str, utterance_id: str) -> Utterance | None:
        """The utterance with this key, if it is the account's."""
        query = select(Utterance).where(Utterance.id == utterance_id, Utterance.account_id == account_id)
        return (await self._session.scalars(query)).one_or_none()

    async def said(self, utterances: list[Utterance]) -> dict[str, Said]:
        """By the keys of their turns."""
        keys = [utterance.turn_key for utterance in utterances if utterance.turn_key]
        query = select(Turn.id, Turn.conversation_id, Turn.user_text).where(Turn.id.in_(keys))
        return {row.id: Said(row.conversation_id, row.user_text) for row in await self._session.execute(query)}
