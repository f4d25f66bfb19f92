"""Writes a batch of entries in one transaction, with as few statements as it takes.

Keys of devices and conversations are remembered after a commit, so that a turn of a session under way costs an
insert and two updates. Nothing is remembered from a transaction that failed.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import SessionClosed, TurnEnded
from main_server.store import rows
from main_server.store.backlog import Entry
from main_server.store.engine import Database
from main_server.store.models import Conversation, Device, Turn, UtcDateTime, new_id

REMEMBERED_KEYS = 4_096
"""Devices, and conversations, whose keys need no query."""

LOST = "lost"
"""Closing reason of a conversation whose end nobody saw: the process was killed."""

# A column that the device said nothing of keeps its value.
_touch_device = (
    update(Device)
    .where(Device.id == bindparam("key"))
    .values(
        {
            column: func.coalesce(func.nullif(bindparam(f"new_{column.key}"), ""), column)
            for column in (Device.client_id, Device.board, Device.chip, Device.firmware, Device.language)
        }
        | {
            Device.last_seen_at: bindparam("seen_at"),
            Device.last_talk_at: func.coalesce(bindparam("talk_at", type_=UtcDateTime), Device.last_talk_at),
        }
    )
)
_count_turns = (
    update(Conversation)
    .where(Conversation.id == bindparam("key"))
    .values({Conversation.turn_count: Conversation.turn_count + bindparam("more")})
)
_close = (
    update(Conversation)
    .where(Conversation.session_id == bindparam("of_session"))
    .values({Conversation.ended_at: bindparam("at"), Conversation.closed_reason: bindparam("why")})
)
_lose = (
    update(Conversation)
    .where(Conversation.device_key == bindparam("of_device"), Conversation.ended_at.is_(None))
    .values({Conversation.ended_at: bindparam("at"), Conversation.closed_reason: LOST})
)


class Keys:
    """Names and the keys of their rows, the most recently used `limit` of them."""

    def __init__(self, limit: int = REMEMBERED_KEYS) -> None:
        self._limit = limit
        self._keys: OrderedDict[str, str] = OrderedDict()

    def of(self, names: Iterable[str]) -> dict[str, str]:
        """The keys we remember of `names`."""
        found = {name: self._keys[name] for name in names if name in self._keys}
        for name in found:
            self._keys.move_to_end(name)
        return found

    def remember(self, keys: dict[str, str]) -> None:
        self._keys.update(keys)
        while len(self._keys) > self._limit:
            self._keys.popitem(last=False)

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._keys.pop(name, None)

    def clear(self) -> None:
        self._keys.clear()


class Writer:
    """Turns entries into rows of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._device_keys = Keys()
        self._conversation_keys = Keys()

    async def write(self, batch: Sequence[Entry], *, again: bool = False) -> None:
        """Writes the batch or nothing of it. `again` = an earlier attempt may have been committed after all.

        Raises what SQLAlchemy raises.
        """
        closings = rows.closings(batch)
        async with self._database.write_connection() as connection:
            devices = await self._devices(connection, batch)
            conversations = await self._conversations(connection, batch, devices)
            await self._turns(connection, batch, conversations, again=again)
            if closings:
                closed = [{"of_session": session, "at": at, "why": why} for session, (at, why) in closings.items()]
                await connection.execute(_close, closed)
        self._device_keys.remember(devices)
        self._conversation_keys.remember(conversations)
        self._conversation_keys.forget(closings)

    def forget(self) -> None:
        """Forgets all keys: somebody deleted rows behind our back, or another process made them before us."""
        self._device_keys.clear()
        self._conversation_keys.clear()

    async def _devices(self, connection: AsyncConnection, batch: Sequence[Entry]) -> dict[str, str]:
        """Makes or updates the devices of the batch; their keys by device_id."""
        told = rows.devices(entry for entry in batch if not isinstance(entry.what, SessionClosed))
        keys = self._device_keys.of(told)
        unknown = [device_id for device_id in told if device_id not in keys]
        if unknown:
            query = select(Device.device_id, Device.id).where(Device.device_id.in_(unknown))
            keys |= {row.device_id: row.id for row in await connection.execute(query)}
        made = {device_id: new_id() for device_id in told if device_id not in keys}
        if made:
            await connection.execute(insert(Device), [told[d] | {"id": key} for d, key in made.items()])
        if keys:
            await connection.execute(_touch_device, [_touch(key, told[d]) for d, key in keys.items()])
        return keys | made

    async def _conversations(
        self, connection: AsyncConnection, batch: Sequence[Entry], devices: dict[str, str]
    ) -> dict[str, str]:
        """Makes the conversations of the batch that are not there yet; their keys by session_id."""
        needed = rows.conversations(batch)
        keys = self._conversation_keys.of(needed)
        unknown = [session_id for session_id in needed if session_id not in keys]
        if unknown:
            query = select(Conversation.session_id, Conversation.id).where(Conversation.session_id.in_(unknown))
            keys |= {row.session_id: row.id for row in await connection.execute(query)}
        made = [
            conversation.row | {"device_key": devices[conversation.device_id], "closed_reason": "", "turn_count": 0}
            for session_id, conversation in needed.items()
            if session_id not in keys
        ]
        if made:
            # A device has one session at a time, so an older one still open can only have been cut off. Where it is
            # about to be closed for a better reason ("replaced"), its own SessionClosed says so after this.
            lost = [{"of_device": row["device_key"], "at": row["started_at"]} for row in made]
            await connection.execute(_lose, lost)
            await connection.execute(insert(Conversation), made)
        return keys | {row["session_id"]: row["id"] for row in made}

    async def _turns(
        self, connection: AsyncConnection, batch: Sequence[Entry], conversations: dict[str, str], *, again: bool
    ) -> None:
        turns = [
            rows.turn(entry.key, conversations[rows.name(entry.what.session_id)], entry.what)
            for entry in batch
            if isinstance(entry.what, TurnEnded)
        ]
        if again and turns:
            query = select(Turn.id).where(Turn.id.in_([turn["id"] for turn in turns]))
            there = set(await connection.scalars(query))
            turns = [turn for turn in turns if turn["id"] not in there]
        if not turns:
            return
        await connection.execute(insert(Turn), turns)
        more = Counter(turn["conversation_id"] for turn in turns)
        await connection.execute(_count_turns, [{"key": key, "more": count} for key, count in more.items()])


def _touch(key: str, told: rows.Row) -> rows.Row:
    columns = ("client_id", "board", "chip", "firmware", "language")
    said = {f"new_{column}": told[column] for column in columns}
    return {"key": key, "seen_at": told["last_seen_at"], "talk_at": told["last_talk_at"], **said}
