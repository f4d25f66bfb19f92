"""What a talk begins with, read in three short queries: whose device it is, the conversation that goes on, memories.

Memories are those of the account and the role, pinned first, then facts, then summaries, the newest first of each.
A device that is nobody's has none: there would be nobody to see or delete them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, select
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.roles import MemoryPolicy
from main_server.store.models import Device, Memory, Speaker, Turn
from main_server.store.threads import Thread, newest_threads

MOST_MEMORIES = 60
MOST_TURNS = 12
SUMMARY = "summary"
FACT = "fact"
_SAID = ("speech", "text")
"""Triggers of turns in which a person said something: greetings and goodbyes are not part of the talk."""


@dataclass(frozen=True, slots=True)
class KeptMemory:
    """A memory and the name of its speaker, "" = nobody's."""

    text: str
    speaker: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SaidTurn:
    """What is recalled of a turn."""

    turn_id: str
    user_text: str
    heard_text: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """Memories, and of the conversation that goes on its summary and the turns after that, oldest first."""

    memories: tuple[KeptMemory, ...] = ()
    summary: str = ""
    turns: tuple[SaidTurn, ...] = ()


class Recall:
    """Reads; takes the caller's session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of(self, device_id: str, role_id: str, policy: MemoryPolicy, at: datetime) -> Recalled:
        """For a talk of this device that begins at `at`; `role_id` "" = the house's own role."""
        row = (await self._session.execute(newest_threads(Device.device_id == device_id, at))).one_or_none()
        if row is None:
            return Recalled()
        goes_on = (
            row.key is not None and row.last_turn_at is not None and Thread(row.key, row.last_turn_at).goes_on_at(at)
        )
        memories: tuple[KeptMemory, ...] = ()
        if row.account_id is not None and policy is not MemoryPolicy.NONE:
            memories = await self._memories(row.account_id, role_id, policy, row.key if goes_on else None)
        if not goes_on:
            return Recalled(memories)
        return Recalled(memories, row.summary, await self._turns(row.key, row.summarised_turns))

    async def _memories(
        self, account_id: str, role_id: str, policy: MemoryPolicy, but_of: str | None
    ) -> tuple[KeptMemory, ...]:
        """Those of the conversation `but_of` are left out: its own words are there."""
        query = (
            select(Memory.text, Memory.updated_at, Speaker.name)
            .outerjoin(Speaker, Speaker.id == Memory.speaker_id)
            .where(Memory.account_id == account_id, Memory.role_id == (role_id or None))
            .order_by(
                Memory.pinned.desc(), case((Memory.kind == FACT, 0), else_=1), Memory.updated_at.desc(), Memory.id
            )
            .limit(MOST_MEMORIES)
        )
        if policy is MemoryPolicy.SUMMARY:
            query = query.where((Memory.kind == SUMMARY) | Memory.pinned)
        if but_of is not None:
            query = query.where(Memory.conversation_id.is_distinct_from(but_of) | (Memory.kind != SUMMARY))
        found = await self._session.execute(query)
        return tuple(KeptMemory(text, name or "", updated_at) for text, updated_at, name in found)

    async def _turns(self, conversation_id: str, summarised: int) -> tuple[SaidTurn, ...]:
        columns = (Turn.turn_id, Turn.user_text, Turn.heard_text, Turn.outcome)
        query = select(*columns).where(Turn.conversation_id == conversation_id)
        if summarised > 0:
            last = select(Turn.started_at).where(Turn.conversation_id == conversation_id).order_by(Turn.started_at)
            query = query.where(Turn.started_at > last.offset(summarised - 1).limit(1).scalar_subquery())
        said = query.where(Turn.trigger.in_(_SAID), Turn.user_text != "")
        newest = await self._session.execute(said.order_by(Turn.started_at.desc(), Turn.id).limit(MOST_TURNS))
        return tuple(SaidTurn(*row) for row in reversed(newest.all()))
