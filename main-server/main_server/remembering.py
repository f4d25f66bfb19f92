"""The store as a conversation wants it for its memory (conversation.remembering.Remembering)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from contracts.events import Outcome
from main_server.conversation.remembering import Asked, EarlierTurn, Memory, Recollection
from main_server.store.engine import Database
from main_server.store.errors import StoreError
from main_server.store.recall import KeptMemory, Recall, SaidTurn
from main_server.store.recorder import Recorder

WRITTEN_S = 1.0
"""How long the end of an earlier session may take to be written; what is not there then is not recalled."""

GIVE_UP_S = 10.0

log = structlog.get_logger(__name__)


class StoreRemembering:
    """Recalls from the database, behind what this process still has to write of the same device."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._database = database
        self._recorder = recorder

    async def recall(self, asked: Asked) -> Recollection:
        try:
            async with asyncio.timeout(GIVE_UP_S):
                await self._catch_up(asked)
                async with self._database.reading() as session:
                    recalled = await Recall(session).of(asked.device_id, asked.role_id, asked.policy, datetime.now(UTC))
        except (StoreError, TimeoutError) as error:
            log.warning("talk begins without memories", device_id=asked.device_id, why=str(error) or "too slow")
            return Recollection()
        turns = tuple(_earlier(turn) for turn in recalled.turns)
        return Recollection(tuple(map(_memory, recalled.memories)), recalled.summary, turns)

    async def _catch_up(self, asked: Asked) -> None:
        try:
            async with asyncio.timeout(WRITTEN_S):
                await self._recorder.caught_up(asked.device_id, asked.session_id)
        except TimeoutError:
            log.warning("an earlier turn is not written yet", device_id=asked.device_id, session_id=asked.session_id)


def _memory(kept: KeptMemory) -> Memory:
    return Memory(kept.text, about=kept.speaker, on=kept.updated_at.date())


def _earlier(turn: SaidTurn) -> EarlierTurn:
    return EarlierTurn(turn.turn_id, turn.user_text, turn.heard_text, turn.outcome == Outcome.INTERRUPTED)
