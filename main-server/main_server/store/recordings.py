"""Queries about recorded sound. Each takes the caller's session; the caller commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Conversation, Turn, Utterance
from main_server.store.paging import Paging, Rows, page

TURNS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class HeardText:
    """An utterance, and what was understood of it."""

    utterance: Utterance
    text: str
    conversation_id: str | None


class Recordings:
    """Utterances, and the sound of turns, as rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def turn_of(self, account_id: str, turn_id: str) -> Turn | None:
        """The turn with this key, if it is the account's."""
        query = select(Turn).where(Turn.id == turn_id, Turn.account_id == account_id)
        return (await self._session.scalars(query)).one_or_none()

    async def utterance_of(self, account_id: str, utterance_id: str) -> Utterance | None:
        """The utterance with this key, if it is the account's."""
        query = select(Utterance).where(Utterance.id == utterance_id, Utterance.account_id == account_id)
        return (await self._session.scalars(query)).one_or_none()

    async def of_turns(self, turn_ids: Sequence[str]) -> dict[str, Utterance]:
        """Utterances with sound, by the key of their turn; a few at most."""
        query = select(Utterance).where(Utterance.turn_key.in_(turn_ids), Utterance.audio_key != "")
        return {utterance.turn_key or "": utterance for utterance in await self._session.scalars(query)}

    async def of_device(self, account_id: str, device_key: str, paging: Paging) -> Rows[Utterance]:
        """What is kept of a device as sound and is the account's, the newest first."""
        own = (Utterance.device_key == device_key, Utterance.account_id == account_id, Utterance.audio_key != "")
        return await page(self._session, select(Utterance).where(*own), Utterance.started_at, Utterance.id, paging)

    async def with_texts(self, utterances: Sequence[Utterance]) -> list[HeardText]:
        """Each with its turn's text; "" where no turn came of it."""
        keys = [each.turn_key for each in utterances if each.turn_key is not None]
        query = select(Turn.id, Turn.user_text, Turn.conversation_id).where(Turn.id.in_(keys))
        turns = {row.id: row for row in await self._session.execute(query)}
        told = []
        for each in utterances:
            turn = turns.get(each.turn_key or "")
            told.append(HeardText(each, turn.user_text if turn else "", turn.conversation_id if turn else None))
        return told

    async def forget_utterance(self, utterance: Utterance) -> None:
        """Forgets it; its file goes with it."""
        await self._session.execute(delete(Utterance).where(Utterance.id == utterance.id))

    async def forget_history(self, account_id: str, device_key: str, *, turns: int = TURNS_AT_ONCE) -> bool:
        """Forgets some of what an account's device has said and heard, the oldest first; whether there is more."""
        own = (Conversation.device_key == device_key, Conversation.account_id == account_id)
        query = select(Conversation.id, Conversation.turn_count).where(*own).order_by(Conversation.started_at)
        chosen, count = [], 0
        for row in await self._session.execute(query.limit(turns)):
            count += row.turn_count
            if chosen and count > turns:
                break
            chosen.append(row.id)
        await self._session.execute(delete(Conversation).where(Conversation.id.in_(chosen)))
        if chosen:
            return True
        kept = (Utterance.device_key == device_key, Utterance.account_id == account_id)
        await self._session.execute(delete(Utterance).where(*kept))
        return False
