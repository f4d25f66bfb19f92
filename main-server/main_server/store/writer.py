"""Writes a batch of entries in one transaction, with as few statements as it takes.

Keys of devices and conversations are remembered after a commit, so that a turn of a session under way costs an
insert and two updates. Nothing is remembered from a transaction that failed.

Anybody may ask for a configuration under an invented name, so devices that never talked are kept only while they are
among the newest (`prune`).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Boolean, Connection, bindparam, case, delete, func, insert, select, update
from sqlalchemy.orm import aliased

from contracts.events import ConversationSummarised, SessionClosed, TurnEnded
from main_server.store import rows, sounds
from main_server.store.backlog import Entry, SoundKept
from main_server.store.engine import Database
from main_server.store.models import Conversation, Device, Role, Turn, UtcDateTime, new_id
from main_server.store.threads import Threads, written_before

REMEMBERED_KEYS = 4_096
"""Devices, and conversations, whose keys need no query."""

KEPT_SILENT_DEVICES = 10_000
"""Devices that never talked, the last seen of which are kept."""

PRUNE_EVERY_DEVICES = 1_000
PRUNED_AT_ONCE = 5_000
"""Rows one pruning deletes at most, so that no turn waits long behind it; more than come between two prunings."""

MEMORY_AFTER_END = timedelta(seconds=60)
"""How long after its end a conversation is looked at for what is worth remembering: it may go on in a moment."""

MEMORY_AFTER_LAST_TURN = timedelta(minutes=10)
"""How long after its last turn a conversation is taken to have ended, though nobody saw it end."""

_TELLS_NO_DEVICE = (SessionClosed, ConversationSummarised, SoundKept)

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
            Device.server_aec: func.coalesce(bindparam("new_server_aec", type_=Boolean), Device.server_aec),
            Device.last_seen_at: bindparam("seen_at"),
            Device.last_talk_at: func.coalesce(bindparam("talk_at", type_=UtcDateTime), Device.last_talk_at),
        }
    )
)
_count_turns = (
    update(Conversation)
    .where(Conversation.id == bindparam("key"))
    .values(
        {
            Conversation.turn_count: Conversation.turn_count + bindparam("more"),
            Conversation.memory_due_at: bindparam("due_at", type_=UtcDateTime),
        }
    )
)
_if_due = case(
    (Conversation.memory_due_at.is_not(None), bindparam("due_at", type_=UtcDateTime)), else_=Conversation.memory_due_at
)
_close = (
    update(Conversation)
    .where(Conversation.session_id == bindparam("of_session"))
    .values(
        {
            Conversation.ended_at: bindparam("at"),
            Conversation.closed_reason: bindparam("why"),
            Conversation.memory_due_at: _if_due,
        }
    )
)
_take_over = (
    update(Conversation)
    .where(Conversation.id == bindparam("key"))
    .values(
        {
            Conversation.session_id: bindparam("of_session"),
            Conversation.ended_at: None,
            Conversation.closed_reason: "",
            Conversation.memory_due_at: _if_due,
        }
    )
)
_through = aliased(Turn)
_sum_up = (
    update(Conversation)
    .where(Conversation.session_id == bindparam("of_session"))
    .values(
        {
            Conversation.summary: bindparam("text"),
            Conversation.summarised_turns: select(func.count())
            .where(
                Turn.conversation_id == Conversation.id,
                Turn.started_at
                <= select(func.max(_through.started_at))
                .where(_through.conversation_id == Conversation.id, _through.turn_id == bindparam("through"))
                .correlate(Conversation)
                .scalar_subquery(),
            )
            .correlate(Conversation)
            .scalar_subquery(),
        }
    )
)
_lose = (
    update(Conversation)
    .where(
        Conversation.device_key == bindparam("of_device"),
        Conversation.id != bindparam("but"),
        Conversation.ended_at.is_(None),
    )
    .values({Conversation.ended_at: bindparam("at"), Conversation.closed_reason: LOST})
)


# A turn belongs to whom its conversation belongs to; its role is the one that answered, as long as that is there.
_its_conversation = Conversation.id == bindparam("of_conversation")
_add_turns = insert(Turn).values(
    account_id=select(Conversation.account_id).where(_its_conversation).scalar_subquery(),
    role_id=func.coalesce(
        select(Role.id).where(Role.id == bindparam("said_role_id")).scalar_subquery(),
        select(Conversation.role_id).where(_its_conversation).scalar_subquery(),
    ),
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


@dataclass(frozen=True, slots=True)
class Learned:
    """Keys of the rows a transaction found or made, by device_id and by session_id."""

    devices: dict[str, str]
    conversations: dict[str, str]
    new_devices: int = 0


class Writer:
    """Turns entries into rows of one database."""

    def __init__(self, database: Database, *, kept_silent_devices: int = KEPT_SILENT_DEVICES) -> None:
        self._database = database
        self._device_keys = Keys()
        self._conversation_keys = Keys()
        self._kept_silent_devices = kept_silent_devices
        self._new_devices = PRUNE_EVERY_DEVICES  # an earlier process may have left more than are kept

    @property
    def prune_due(self) -> bool:
        """Whether enough devices came since the last `prune`; true at first."""
        return self._new_devices >= PRUNE_EVERY_DEVICES

    async def write(self, batch: Sequence[Entry], *, again: bool = False) -> None:
        """Writes the batch or nothing of it. `again` = an earlier attempt may have been committed after all.

        Raises what SQLAlchemy raises.
        """
        transaction = Transaction(batch, again=again)
        known = Learned(self._device_keys.of(transaction.devices), self._conversation_keys.of(transaction.sessions))
        learned = await self._database.write(partial(transaction.run, known))
        self._device_keys.remember(learned.devices)
        self._conversation_keys.remember(learned.conversations)
        self._conversation_keys.forget(transaction.closings)
        self._new_devices += learned.new_devices

    async def prune(self) -> int:
        """Deletes devices that never talked and are nobody's, the longest unseen, beyond those kept; how many went.

        It looks before it writes: where few toys live it costs one short query. Raises StoreError, or what SQLAlchemy
        raises; either way it is not due again before more devices came.
        """
        self._new_devices = 0
        too_many = (
            select(Device.id)
            .where(Device.last_talk_at.is_(None), Device.account_id.is_(None))
            .order_by(Device.last_seen_at.desc(), Device.id)
            .offset(self._kept_silent_devices)
        )
        async with self._database.reading() as session:
            if await session.scalar(too_many.limit(1)) is None:
                return 0
        pruning = delete(Device).where(Device.id.in_(too_many.limit(PRUNED_AT_ONCE)))
        try:
            return await self._database.write(lambda connection: connection.execute(pruning).rowcount)
        finally:
            self.forget()  # a report under a deleted row's key would be lost

    def forget(self) -> None:
        """Forgets all keys: somebody deleted rows behind our back, or another process made them before us."""
        self._device_keys.clear()
        self._conversation_keys.clear()


class Transaction:
    """One batch, and the statements that write it. `run` may happen in another thread."""

    def __init__(self, batch: Sequence[Entry], *, again: bool) -> None:
        self.devices = rows.devices(entry for entry in batch if not isinstance(entry.what, _TELLS_NO_DEVICE))
        self.sessions = rows.sessions(batch)
        self.closings = rows.closings(batch)
        self._summaries = rows.summaries(batch)
        self._batch = batch
        self._turns = [(entry, entry.what) for entry in batch if isinstance(entry.what, TurnEnded)]
        self._sounds = [(entry.key, entry.what) for entry in batch if isinstance(entry.what, SoundKept)]
        self._again = again

    def run(self, known: Learned, connection: Connection) -> Learned:
        """Writes everything; the caller commits."""
        devices, new_devices = self._write_devices(connection, known.devices)
        conversations = self._write_conversations(connection, known.conversations, devices)
        self._write_turns(connection, conversations)
        sounds.write(connection, self._sounds)
        if self._summaries:
            connection.execute(_sum_up, self._summaries)
        if self.closings:
            connection.execute(_close, [_closing(session, *end) for session, end in self.closings.items()])
        return Learned(devices, conversations, new_devices)

    def _write_devices(self, connection: Connection, known: dict[str, str]) -> tuple[dict[str, str], int]:
        """Makes or updates the devices of the batch; their keys by device_id, and how many were made."""
        unknown = [device_id for device_id in self.devices if device_id not in known]
        found = dict(known)
        if unknown:
            query = select(Device.device_id, Device.id).where(Device.device_id.in_(unknown))
            found |= {row.device_id: row.id for row in connection.execute(query)}
        made = {device_id: new_id() for device_id in self.devices if device_id not in found}
        if made:
            connection.execute(insert(Device), [self.devices[d] | {"id": key} for d, key in made.items()])
        if found:
            connection.execute(_touch_device, [_touch(key, self.devices[d]) for d, key in found.items()])
        return found | made, len(made)

    def _write_conversations(
        self, connection: Connection, known: dict[str, str], devices: dict[str, str]
    ) -> dict[str, str]:
        """Makes the conversations of the batch that are not there yet, or lets older ones go on; keys by session_id."""
        unknown = {session_id: since for session_id, since in self.sessions.items() if session_id not in known}
        if not unknown:
            return known
        query = select(Conversation.session_id, Conversation.id).where(Conversation.session_id.in_(unknown))
        found = known | {row.session_id: row.id for row in connection.execute(query)}
        threads = Threads(found | written_before(connection, self._batch) if self._again else found)
        threads.read(connection, {devices[since.device_id] for since in unknown.values()}, min(unknown.values()).at)
        threads.place(self._batch, devices)
        self._lose_others(connection, threads)
        if threads.made:  # of a device that was deleted meanwhile: the insert fails, and all is tried again
            connection.execute(insert(Conversation), threads.made)
        if threads.taken_over:
            taken = [_taking(key, *by) for key, by in threads.taken_over.items()]
            connection.execute(_take_over, taken)
        return threads.keys

    def _lose_others(self, connection: Connection, threads: Threads) -> None:
        """A device has one session at a time, so an older one still open can only have been cut off. Where it is about
        to be closed for a better reason ("replaced"), its own SessionClosed says so after this."""
        opening = [{"of_device": row["device_key"], "but": row["id"], "at": row["started_at"]} for row in threads.made]
        opening += [
            {"of_device": device_key, "but": key, "at": at} for key, (_, at, device_key) in threads.taken_over.items()
        ]
        if opening:
            connection.execute(_lose, opening)

    def _write_turns(self, connection: Connection, conversations: dict[str, str]) -> None:
        turns = [rows.turn(each.key, conversations[rows.name(what.session_id)], what) for each, what in self._turns]
        if self._again and turns:
            query = select(Turn.id).where(Turn.id.in_([turn["id"] for turn in turns]))
            there = set(connection.scalars(query))
            turns = [turn for turn in turns if turn["id"] not in there]
        if not turns:
            return
        connection.execute(_add_turns, [turn | {"of_conversation": turn["conversation_id"]} for turn in turns])
        more = Counter(turn["conversation_id"] for turn in turns)
        due_at = max(entry.at for entry, _ in self._turns) + MEMORY_AFTER_LAST_TURN
        connection.execute(_count_turns, [{"key": key, "more": n, "due_at": due_at} for key, n in more.items()])


def _closing(session_id: str, at: datetime, why: str) -> rows.Row:
    return {"of_session": session_id, "at": at, "why": why, "due_at": at + MEMORY_AFTER_END}


def _taking(key: str, session_id: str, at: datetime, device_key: str) -> rows.Row:
    return {"key": key, "of_session": session_id, "due_at": at + MEMORY_AFTER_LAST_TURN}


def _touch(key: str, told: rows.Row) -> rows.Row:
    columns = ("client_id", "board", "chip", "firmware", "language")
    said = {f"new_{column}": told[column] for column in columns}
    times = {"seen_at": told["last_seen_at"], "talk_at": told["last_talk_at"]}
    return {"key": key, "new_server_aec": told["server_aec"], **times, **said}
