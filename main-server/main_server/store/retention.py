"""What is kept for a while only: rows go when their time is over, and the files they name with them (erasing.py).

Nothing is locked for long: every step deletes a few rows in a transaction of its own, and may be done by several
processes at once, or twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Delete, Select, delete, func, or_, select

from main_server.store.engine import Database
from main_server.store.models import Conversation, Device, Role, Turn, Utterance
from main_server.store.sounds import KEPT_UTTERANCES, beyond_the_last

ROWS_AT_ONCE = 200
TURNS_AT_ONCE = 500
"""Turns that go with their conversations in one transaction, unless a single one has more."""


class Retention:
    """Deletes what is over at `now`."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now

    async def run(self) -> int:
        """How many utterances and conversations went. Raises StoreError, or what SQLAlchemy raises."""
        gone = await self._utterances(Utterance.kept_until <= self._now())
        nobodys = or_(Device.account_id.is_(None), Device.keeps_utterances.is_(False))
        switched_off = Utterance.device_key.in_(select(Device.id).where(nobodys))
        gone += await self._utterances(Utterance.kept_until.is_not(None) & switched_off)
        gone += await self._crowded()
        for role_id, days in await self._roles():
            gone += await self._conversations(role_id, self._now() - timedelta(days=days))
        return gone

    async def _utterances(self, over: ColumnElement[bool]) -> int:
        some = select(Utterance.id).where(over).limit(ROWS_AT_ONCE)
        return await self._all(delete(Utterance).where(Utterance.id.in_(some)))

    async def _all(self, some: Delete) -> int:
        """Deletes some after some until there are no more."""
        gone = 0
        while went := await self._database.write(lambda connection: connection.execute(some).rowcount):
            gone += went
        return gone

    async def _crowded(self) -> int:
        """Where devices keep more than their last ones; new ones make room by themselves."""
        count = func.count(Utterance.id)
        kept = select(Utterance.device_key).where(Utterance.kept_until.is_not(None)).group_by(Utterance.device_key)
        gone = 0
        for device_key in await self._column(kept.having(count > KEPT_UTTERANCES)):
            gone += await self._all(beyond_the_last(device_key))
        return gone

    async def _roles(self) -> list[tuple[str, int]]:
        query = select(Role.id, Role.retention_days).where(Role.retention_days > 0)
        async with self._database.reading() as session:
            return [(row.id, row.retention_days) for row in await session.execute(query)]

    async def _conversations(self, role_id: str, before: datetime) -> int:
        """Conversations in which nothing was said since."""
        lately = select(Turn.id).where(Turn.conversation_id == Conversation.id, Turn.started_at >= before).exists()
        over = (Conversation.role_id == role_id, Conversation.started_at < before, ~lately)
        query = select(Conversation.id, Conversation.turn_count).where(*over).limit(ROWS_AT_ONCE)

        def some(connection: Connection) -> int:
            chosen, turns = [], 0
            for row in connection.execute(query):
                turns += row.turn_count
                if chosen and turns > TURNS_AT_ONCE:
                    break
                chosen.append(row.id)
            if chosen:
                connection.execute(delete(Conversation).where(Conversation.id.in_(chosen)))
            return len(chosen)

        gone = 0
        while went := await self._database.write(some):
            gone += went
        return gone

    async def _column(self, query: Select[tuple[str]]) -> list[str]:
        async with self._database.reading() as session:
            return list(await session.scalars(query))
