"""Looking back on conversations: which are due, taken by one process at a time, and what is kept of them.

`memory_due_at` is all there is to it: due when it has passed, taken by moving it on, done when it is None. A new turn
moves it too, so that a conversation which goes on while somebody looks back on it is looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.roles import DEFAULT_MEMORY, DEFAULT_RECORDING, MemoryPolicy, RecordingPolicy
from main_server.store.models import Account, Conversation, Memory, Role, Speaker, Turn, utc_now
from main_server.store.recall import FACT, SUMMARY, SaidTurn

LOOKED_AT = 8
MOST_TURNS = 60
MOST_FACTS = 50
MOST_SUMMARIES = 20
"""Kept per role and speaker; beyond them the oldest that are not pinned go."""


@dataclass(frozen=True, slots=True)
class Due:
    """A conversation whose time has come, and when that was."""

    id: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Looked:
    """A conversation as it is looked back on; `turns` are those after its summary, oldest first."""

    conversation: Conversation
    memory: MemoryPolicy
    recording: RecordingPolicy
    speaker: Speaker | None
    turns: Sequence[SaidTurn]
    last_turn_at: datetime
    facts: Sequence[Memory]


@dataclass(frozen=True, slots=True)
class Kept:
    """What to keep of a conversation, of which role and account it was taken to be."""

    conversation_id: str
    account_id: str
    role_id: str | None
    speaker_id: str | None
    due_at: datetime
    title: str
    summary: str
    facts: Sequence[str] = ()
    outdated: Sequence[str] = field(default=())


class Keeping:
    """Each method takes the caller's session; the caller commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def due(self, at: datetime) -> list[Due]:
        """Those whose time has come, the longest due first; a few."""
        query = (
            select(Conversation.id, Conversation.memory_due_at)
            .where(Conversation.memory_due_at <= at)
            .order_by(Conversation.memory_due_at)
            .limit(LOOKED_AT)
        )
        return [Due(*row) for row in await self._session.execute(query)]

    async def move(self, due: Due, to: datetime | None) -> bool:
        """Moves it on, None = done; False when somebody else has, or a new turn."""
        moving = update(Conversation).where(Conversation.id == due.id, Conversation.memory_due_at == due.due_at)
        moved = await self._session.execute(moving.values(memory_due_at=to))
        return cast("CursorResult[Any]", moved).rowcount == 1

    async def look(self, conversation_id: str) -> Looked | None:
        """None when it is gone, or nobody said anything."""
        conversation = await self._session.get(Conversation, conversation_id)
        if conversation is None:
            return None
        said = (
            select(Turn.turn_id, Turn.user_text, Turn.heard_text, Turn.outcome, Turn.started_at, Turn.speaker_id)
            .where(Turn.conversation_id == conversation_id, Turn.trigger.in_(("speech", "text")), Turn.user_text != "")
            .order_by(Turn.started_at.desc(), Turn.id)
            .limit(MOST_TURNS)
        )
        turns = list(reversed((await self._session.execute(said)).all()))
        if not turns:
            return None
        role = await self._session.get(Role, conversation.role_id) if conversation.role_id else None
        speakers = {turn.speaker_id for turn in turns if turn.speaker_id}
        speaker = await self._session.get(Speaker, speakers.pop()) if len(speakers) == 1 else None
        return Looked(
            conversation,
            MemoryPolicy(role.memory_policy) if role and role.memory_policy else DEFAULT_MEMORY,
            RecordingPolicy(role.recording_policy) if role and role.recording_policy else DEFAULT_RECORDING,
            speaker,
            [SaidTurn(*turn[:4]) for turn in turns],
            turns[-1].started_at,
            await self._facts(conversation, speaker),
        )

    async def keep(self, kept: Kept) -> bool:
        """False when nothing was kept: the conversation was deleted, or its role was, with all that it remembered."""
        # Those who write for one account wait for each other; rows that only refer to the account wait for nobody.
        one_at_a_time = select(Account.id).where(Account.id == kept.account_id).with_for_update(key_share=True)
        await self._session.execute(one_at_a_time)
        await self.move(Due(kept.conversation_id, kept.due_at), None)
        conversation = await self._session.get(Conversation, kept.conversation_id)
        whose = (kept.account_id, kept.role_id)
        if conversation is None or (conversation.account_id, conversation.role_id) != whose:
            return False
        if kept.title:
            conversation.title = kept.title
        if kept.summary:
            await self._keep_summary(kept)
        if kept.facts:
            await self._keep_facts(kept)
        if kept.outdated:
            gone = delete(Memory).where(Memory.id.in_(kept.outdated), Memory.account_id == kept.account_id)
            await self._session.execute(gone.where(Memory.pinned.is_(False), Memory.kind == FACT))
        await self._session.flush()
        await self._trim(kept, SUMMARY, MOST_SUMMARIES)
        await self._trim(kept, FACT, MOST_FACTS)
        return True

    async def _keep_summary(self, kept: Kept) -> None:
        """One for each conversation; one that its owner has pinned stays as it is."""
        of_it = select(Memory).where(Memory.conversation_id == kept.conversation_id, Memory.kind == SUMMARY)
        before = (await self._session.scalars(of_it.order_by(Memory.updated_at.desc()))).first()
        if before is None:
            self._session.add(_memory(kept, SUMMARY, kept.summary))
        elif not before.pinned:
            before.text, before.speaker_id, before.updated_at = kept.summary, kept.speaker_id, utc_now()

    async def _keep_facts(self, kept: Kept) -> None:
        """Not what another conversation has taught meanwhile."""
        known = select(Memory.text).where(*_of_whom(kept), Memory.kind == FACT)
        seen = {text.casefold() for text in await self._session.scalars(known)}
        for text in kept.facts:
            if text.casefold() not in seen:
                self._session.add(_memory(kept, FACT, text))

    async def _facts(self, conversation: Conversation, speaker: Speaker | None) -> Sequence[Memory]:
        query = (
            select(Memory)
            .where(
                Memory.account_id == conversation.account_id,
                Memory.role_id == conversation.role_id,
                Memory.speaker_id == (speaker.id if speaker else None),
                Memory.kind == FACT,
            )
            .order_by(Memory.pinned.desc(), Memory.updated_at.desc(), Memory.id)
            .limit(MOST_FACTS)
        )
        return (await self._session.scalars(query)).all()

    async def _trim(self, kept: Kept, kind: str, most: int) -> None:
        beyond = (
            select(Memory.id)
            .where(*_of_whom(kept), Memory.kind == kind, Memory.pinned.is_(False))
            .order_by(Memory.updated_at.desc(), Memory.id)
            .offset(most)
            .limit(1_000)
        )
        ids = (await self._session.scalars(beyond)).all()
        if ids:
            await self._session.execute(delete(Memory).where(Memory.id.in_(ids)))


def _of_whom(kept: Kept) -> tuple[ColumnElement[bool], ...]:
    return (
        Memory.account_id == kept.account_id,
        Memory.role_id == kept.role_id,
        Memory.speaker_id == kept.speaker_id,
    )


def _memory(kept: Kept, kind: str, text: str) -> Memory:
    return Memory(
        account_id=kept.account_id,
        role_id=kept.role_id,
        speaker_id=kept.speaker_id,
        conversation_id=kept.conversation_id,
        kind=kind,
        text=text,
    )
