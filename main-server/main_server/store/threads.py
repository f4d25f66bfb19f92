"""Which conversation a session belongs to: the one its device had a moment ago goes on, else a new one begins.

The writer decides, where all that happens to a device comes in order; what a talk begins with (recall.py) is read by
the same rule. A conversation goes on in a session of the same device, in the same role and account, that opens at most
CONTINUED_WITHIN after its last turn. Its row then carries the newer session's id: a late word of the older session
finds it by this rule too, and takes nothing away from the newer one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from contracts.events import SessionOpened, TurnEnded
from main_server.store import rows
from main_server.store.backlog import Entry
from main_server.store.models import Conversation, Device, Turn

CONTINUED_WITHIN = timedelta(minutes=15)
LONGEST = timedelta(hours=12)
"""A conversation that began longer ago is left to rest: nobody reads a thread of days."""

Row = dict[str, Any]


@dataclass(slots=True)
class Thread:
    """The newest conversation of a device in which something was said."""

    key: str
    last_turn_at: datetime

    def goes_on_at(self, at: datetime) -> bool:
        return abs(at - self.last_turn_at) <= CONTINUED_WITHIN


def newest_threads(of_devices: ColumnElement[bool], at: datetime) -> Select[Any]:
    """For each device its account and role, and `key`, `last_turn_at`, `summary` and `summarised_turns` of its newest
    conversation in them, where there is one."""
    newest = (
        select(Conversation.id)
        .where(
            Conversation.device_key == Device.id,
            Conversation.turn_count > 0,
            Conversation.started_at > at - LONGEST,
            Conversation.account_id.is_not_distinct_from(Device.account_id),
            Conversation.role_id.is_not_distinct_from(Device.role_id),
        )
        .order_by(Conversation.started_at.desc(), Conversation.id)
        .limit(1)
        .correlate(Device)
        .scalar_subquery()
    )
    last_turn_at = select(func.max(Turn.started_at)).where(Turn.conversation_id == Conversation.id).scalar_subquery()
    return (
        select(
            Device.id.label("device_key"),
            Device.account_id,
            Device.role_id,
            Conversation.id.label("key"),
            Conversation.summary,
            Conversation.summarised_turns,
            last_turn_at.label("last_turn_at"),
        )
        .outerjoin(Conversation, Conversation.id == newest)
        .where(of_devices)
    )


def written_before(connection: Connection, batch: Sequence[Entry]) -> dict[str, str]:
    """Conversations by session_id that an earlier attempt at this batch has written: a session whose conversation has
    gone on since then is found by what it said, or by the row it made."""
    keys = {
        entry.key: rows.name(entry.what.session_id)
        for entry in batch
        if isinstance(entry.what, SessionOpened | TurnEnded)
    }
    made = connection.scalars(select(Conversation.id).where(Conversation.id.in_(keys)))
    said = connection.execute(select(Turn.id, Turn.conversation_id).where(Turn.id.in_(keys)))
    return {keys[key]: key for key in made} | {keys[turn.id]: turn.conversation_id for turn in said}


@dataclass(slots=True)
class Threads:
    """The conversations of a batch. `keys` are by session_id; `made` are rows to insert; `taken_over` says which
    session a conversation that goes on belongs to now, since when, and on which device."""

    keys: dict[str, str]
    made: list[Row] = field(default_factory=list)
    taken_over: dict[str, tuple[str, datetime, str]] = field(default_factory=dict)
    _newest: dict[str, Thread] = field(default_factory=dict)
    _belongs: dict[str, Row] = field(default_factory=dict)

    def read(self, connection: Connection, device_keys: Collection[str], at: datetime) -> None:
        """Learns what these devices talked of last."""
        for row in connection.execute(newest_threads(Device.id.in_(device_keys), at)):
            self._belongs[row.device_key] = {"account_id": row.account_id, "role_id": row.role_id}
            if row.key is not None and row.last_turn_at is not None:
                self._newest[row.device_key] = Thread(row.key, row.last_turn_at)

    def place(self, batch: Sequence[Entry], devices: dict[str, str]) -> None:
        """Gives every session of the batch its conversation, in the order in which things happened. `devices` are keys
        by device_id."""
        for entry in batch:
            if isinstance(entry.what, SessionOpened):
                self._opened(entry, entry.what, devices[rows.name(entry.what.device_id)])
            elif isinstance(entry.what, TurnEnded):
                self._turned(entry, entry.what, devices[rows.name(entry.what.device_id)])

    def _opened(self, entry: Entry, opened: SessionOpened, device_key: str) -> None:
        session_id = rows.name(opened.session_id)
        if session_id not in self.keys:
            self._find(entry, session_id, device_key, opened.opened_at, takes_over=True)
        elif self.keys[session_id] in self.taken_over:  # seen before, and then an older session's opening came again
            self.taken_over[self.keys[session_id]] = (session_id, opened.opened_at, device_key)

    def _turned(self, entry: Entry, ended: TurnEnded, device_key: str) -> None:
        session_id = rows.name(ended.session_id)
        if session_id not in self.keys:
            self._find(entry, session_id, device_key, ended.started_at, takes_over=False)
        key, newest = self.keys[session_id], self._newest.get(device_key)
        if newest is None or ended.started_at > newest.last_turn_at:
            self._newest[device_key] = Thread(key, ended.started_at)

    def _find(self, entry: Entry, session_id: str, device_key: str, at: datetime, *, takes_over: bool) -> None:
        newest = self._newest.get(device_key)
        if newest is not None and newest.goes_on_at(at):
            self.keys[session_id] = newest.key
            if takes_over:
                self.taken_over[newest.key] = (session_id, at, device_key)
            return
        self.keys[session_id] = entry.key
        unsaid = {"closed_reason": "", "turn_count": 0, "title": ""}
        row = {"id": entry.key, "device_key": device_key, "session_id": session_id, "started_at": at, **unsaid}
        self.made.append(row | self._belongs.get(device_key, {"account_id": None, "role_id": None}))
