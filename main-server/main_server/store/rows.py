"""From events to rows: plain values in, values for the tables out. No database here."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple

from contracts.events import ConversationSummarised, SessionClosed, SessionOpened, TurnEnded, TurnTimings
from main_server.store.backlog import DeviceReport, Entry
from main_server.store.models import CODE_CHARS, KEY_CHARS, NAME_CHARS

TEXT_CHARS = 20_000
"""Longer texts of a turn are cut here."""

MOST_TOKENS = 2**31 - 1
"""What the columns hold on PostgreSQL; counts come from vendors, who may say anything."""

Row = dict[str, Any]

_TIMINGS = [field.name for field in fields(TurnTimings)]


def devices(entries: Iterable[Entry]) -> dict[str, Row]:
    """What the entries tell of each device, by device_id: the last thing said of each column; "" and None = nothing."""
    found: dict[str, Row] = {}
    for entry in entries:
        what = entry.what
        device_id = name(what.device_id)
        row = found.setdefault(device_id, _blank_device(entry, device_id))
        row["last_seen_at"] = entry.at
        if isinstance(what, DeviceReport):
            _fill(row, client_id=what.client_id, board=what.board, chip=what.chip, firmware=what.firmware)
            row["language"] = code(what.language) or row["language"]
            if what.server_aec is not None:
                row["server_aec"] = what.server_aec
        elif isinstance(what, SessionOpened):
            _fill(row, client_id=what.client_id, board=what.board, firmware=what.firmware)
        elif isinstance(what, TurnEnded):
            row["last_talk_at"] = entry.at
    return found


class Since(NamedTuple):
    """When something first happened in a session, and on which device."""

    at: datetime
    device_id: str


def sessions(entries: Iterable[Entry]) -> dict[str, Since]:
    """The sessions that opened or said something, by session_id."""
    found: dict[str, Since] = {}
    for entry in entries:
        what = entry.what
        if isinstance(what, SessionOpened):
            since = Since(what.opened_at, name(what.device_id))
        elif isinstance(what, TurnEnded):
            since = Since(what.started_at, name(what.device_id))
        else:
            continue
        found.setdefault(name(what.session_id), since)
    return found


def closings(entries: Iterable[Entry]) -> dict[str, tuple[datetime, str]]:
    """When and why sessions ended, by session_id."""
    return {
        name(entry.what.session_id): (entry.at, code(entry.what.reason))
        for entry in entries
        if isinstance(entry.what, SessionClosed)
    }


def summaries(entries: Iterable[Entry]) -> list[Row]:
    """The newest summary of each session, as values for the writer."""
    found: dict[str, Row] = {}
    for entry in entries:
        what = entry.what
        if isinstance(what, ConversationSummarised) and what.summary:
            session_id = name(what.session_id)
            text = clean(what.summary, TEXT_CHARS)
            found[session_id] = {"of_session": session_id, "through": name(what.turn_id), "text": text}
    return list(found.values())


def turn(key: str, conversation_id: str, ended: TurnEnded) -> Row:
    """One row of `turns`."""
    return {
        "id": key,
        "conversation_id": conversation_id,
        "turn_id": name(ended.turn_id),
        "started_at": ended.started_at,
        "trigger": code(ended.trigger),
        "user_text": clean(ended.user_text, TEXT_CHARS),
        "reply_text": clean(ended.reply_text, TEXT_CHARS),
        "heard_text": clean(ended.heard_text, TEXT_CHARS),
        "outcome": code(ended.outcome),
        "error_code": code(ended.error_code),
        "language": code(ended.language),
        "emotion": code(ended.emotion),
        "recogniser": name(ended.recogniser),
        "model": name(ended.model),
        "voice": name(ended.voice),
        "prompt_tokens": min(ended.prompt_tokens, MOST_TOKENS),
        "completion_tokens": min(ended.completion_tokens, MOST_TOKENS),
        "said_role_id": ended.role_id[:KEY_CHARS],
        "cost": ended.cost if ended.cost is not None and math.isfinite(ended.cost) else None,
        "currency": code(ended.currency),
        "tools": [name(tool) for tool in ended.tools],
        **{timing: getattr(ended.timings, timing) for timing in _TIMINGS},
    }


def clean(text: str, most_chars: int) -> str:
    """Text every database takes: no NUL (PostgreSQL), no lone surrogate (no UTF-8 for it), not too long."""
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text[:most_chars]


def name(text: str) -> str:
    return clean(text, NAME_CHARS)


def code(text: str) -> str:
    return clean(text, CODE_CHARS)


def _blank_device(entry: Entry, device_id: str) -> Row:
    unsaid = dict.fromkeys(("client_id", "board", "chip", "firmware", "language"), "")
    times = {"first_seen_at": entry.at, "last_seen_at": entry.at, "last_talk_at": None}
    return {"device_id": device_id, **unsaid, "server_aec": None, **times}


def _fill(row: Row, **columns: str) -> None:
    for column, value in columns.items():
        if value:
            row[column] = name(value)
