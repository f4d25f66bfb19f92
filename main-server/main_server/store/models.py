"""The tables: a device has conversations, a conversation has turns.

Portable between SQLite and PostgreSQL: text keys made by us, UTC times, JSON only where nothing is searched in it.
Relationships are not declared: each query names what it loads.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

CODE_CHARS = 64
"""Length of the columns that hold short codes and names of ours."""

NAME_CHARS = 128
"""Length of the columns that hold names others choose: boards, models, voices, identities."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Takes aware times of any zone, gives them back in UTC; SQLite itself keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Every constraint gets a name, so that migrations can find it again on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def new_id() -> str:
    """A key for a new row: 32 hexadecimal characters."""
    return uuid.uuid4().hex


class Device(Base):
    """A toy. `device_id` is the name it gives itself (its MAC address); `id` is our key.

    `server_aec`: it leaves echo cancellation to the server; None until its first hello. `last_talk_at` None = it never
    talked, and may be pruned (writer.py).
    """

    __tablename__ = "devices"
    __table_args__ = (Index(None, "last_seen_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    device_id: Mapped[str] = mapped_column(String(NAME_CHARS), unique=True)
    client_id: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    board: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    chip: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    firmware: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    language: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    server_aec: Mapped[bool | None]
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_talk_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Conversation(Base):
    """What was said in one session. Open while `ended_at` is None; `closed_reason` "lost" = its end was never seen."""

    __tablename__ = "conversations"
    __table_args__ = (Index(None, "device_key", "started_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    device_key: Mapped[str] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"))
    session_id: Mapped[str] = mapped_column(String(NAME_CHARS), unique=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_reason: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    turn_count: Mapped[int] = mapped_column(default=0)


class Turn(Base):
    """One exchange. The `*_ms` columns are the fields of contracts.events.TurnTimings; None = did not happen."""

    __tablename__ = "turns"
    __table_args__ = (Index(None, "conversation_id", "started_at"), Index(None, "started_at"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    turn_id: Mapped[str] = mapped_column(String(NAME_CHARS))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    trigger: Mapped[str] = mapped_column(String(CODE_CHARS))
    user_text: Mapped[str] = mapped_column(Text)
    reply_text: Mapped[str] = mapped_column(Text)
    heard_text: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(CODE_CHARS))
    error_code: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    language: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    emotion: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    recogniser: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    model: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    voice: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    prompt_tokens: Mapped[int] = mapped_column(default=0)
    completion_tokens: Mapped[int] = mapped_column(default=0)
    tools: Mapped[list[Any]] = mapped_column(JSON, default=list)
    speech_ms: Mapped[float | None]
    silence_ms: Mapped[float | None]
    transcribe_ms: Mapped[float | None]
    transcribe_wait_ms: Mapped[float | None]
    draft_lead_ms: Mapped[float | None]
    first_token_ms: Mapped[float | None]
    first_clause_ms: Mapped[float | None]
    first_speech_ms: Mapped[float | None]
    first_sound_ms: Mapped[float | None]
    reply_ms: Mapped[float | None]
    filler_ms: Mapped[float | None]
    stop_heard_ms: Mapped[float | None]
    total_ms: Mapped[float | None]
    speech_end_to_sound_ms: Mapped[float | None]
