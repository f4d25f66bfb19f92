"""The store as the keeper of memories wants it (memory.notebook.Notebook), and how busy the house is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from contracts.events import Event, SessionClosed, Stage, StageReached, TurnEnded
from contracts.roles import MemoryPolicy, RecordingPolicy
from main_server.memory.notebook import Fact, Note, PastTalk, Said
from main_server.store.engine import Database
from main_server.store.errors import DatabaseUnavailable
from main_server.store.keeping import Due, Keeping, Kept, Looked

TAKEN_FOR = timedelta(minutes=5)
"""Longer than a keeper works on one conversation: after that it has died, and another one takes it."""

STORE_S = 15.0


class StoreNotebook:
    """Past conversations in the database. Raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self) -> PastTalk | None:
        while True:
            try:
                async with asyncio.timeout(STORE_S):
                    taken = await self._take_one()
                    if taken is None:
                        return None
                    async with self._database.reading() as session:
                        looked = await Keeping(session).look(taken.id)
                        talk = None if looked is None else _past_talk(looked, taken)
                    if talk is not None:
                        return talk
                    async with self._database.writing() as session:  # nothing of it is to be kept
                        await Keeping(session).move(taken, None)
            except TimeoutError:
                raise _too_slow() from None

    async def write(self, talk: PastTalk, note: Note) -> None:
        kept = Kept(
            conversation_id=talk.conversation_id,
            account_id=talk.account_id,
            role_id=talk.role_id or None,
            speaker_id=talk.speaker_id or None,
            due_at=talk.taken_until,
            title=note.title,
            summary=note.summary,
            facts=note.facts,
            outdated=note.outdated,
        )
        await self._write(lambda keeping: keeping.keep(kept))

    async def put_off(self, talk: PastTalk, until: datetime) -> None:
        await self._write(lambda keeping: keeping.move(Due(talk.conversation_id, talk.taken_until), until))

    async def _take_one(self) -> Due | None:
        """The first that nobody else takes at the same moment."""
        async with self._database.reading() as session:
            candidates = await Keeping(session).due(datetime.now(UTC))
        for due in candidates:
            until = datetime.now(UTC) + TAKEN_FOR
            async with self._database.writing() as session:
                if await Keeping(session).move(due, until):
                    return Due(due.id, until)
        return None

    async def _write(self, work: Callable[[Keeping], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(STORE_S), self._database.writing() as session:
                await work(Keeping(session))
        except TimeoutError:
            raise _too_slow() from None


class TurnsUnderWay:
    """An EventSink that knows how many turns are being answered now."""

    def __init__(self) -> None:
        self._turn_of: dict[str, str] = {}

    def __call__(self) -> int:
        return len(self._turn_of)

    def on_event(self, event: Event) -> None:
        match event:
            case StageReached(stage=Stage.HEARD):
                self._turn_of[event.session_id] = event.turn_id
            case TurnEnded() if self._turn_of.get(event.session_id) == event.turn_id:
                del self._turn_of[event.session_id]
            case SessionClosed():
                self._turn_of.pop(event.session_id, None)


def _past_talk(looked: Looked, taken: Due) -> PastTalk | None:
    """None where nothing of it is to be kept: it is nobody's, or its words were not to be kept."""
    conversation = looked.conversation
    if conversation.account_id is None or looked.recording is RecordingPolicy.NONE:
        return None
    return PastTalk(
        conversation_id=conversation.id,
        account_id=conversation.account_id,
        role_id=conversation.role_id or "",
        taken_until=taken.due_at,
        last_turn_at=looked.last_turn_at,
        remembers=looked.memory is not MemoryPolicy.NONE,
        learns=looked.memory is MemoryPolicy.FULL,
        summary=conversation.summary,
        turns=tuple(Said(turn.user_text, turn.heard_text) for turn in looked.turns),
        facts=tuple(Fact(fact.id, fact.text, fact.pinned) for fact in looked.facts),
        speaker_id=looked.speaker.id if looked.speaker else "",
        speaker=looked.speaker.name if looked.speaker else "",
    )


def _too_slow() -> DatabaseUnavailable:
    return DatabaseUnavailable(f"The database did not answer within {STORE_S:.0f} seconds.")
