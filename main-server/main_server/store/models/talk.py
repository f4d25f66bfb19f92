"""The tables of the talk: a device has conversations, a conversation has turns, a turn an utterance.

`account_id` of a conversation and of a turn is whose the device was when they began, None while nobody's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text, true
from sqlalchemy.orm import Mapped, mapped_column

from main_server.store.models.base import (
    CODE_CHARS,
    HASH_CHARS,
    KEY_CHARS,
    NAME_CHARS,
    Base,
    UtcDateTime,
    new_id,
    utc_now,
)

NAMES_A_FILE = text("audio_key <> ''")


class Device(Base):
    """A toy. `device_id` is the name it gives itself (its MAC address); `id` is our key.

    `server_aec`: it leaves echo cancellation to the server; None until its first hello. `last_talk_at` None = it never
    talked, and may be pruned (writer.py). `client_id` is the last it named; `claimed_client_id` the one that was there
    when `account_id` claimed it, its proof at the next boot. `keeps_utterances`: its last ones are kept for a
    while, so that its owner can pick one to know a speaker by. `version` counts edits (ETag), not sightings.
    """

    __tablename__ = "devices"
    __table_args__ = (Index(None, "last_seen_at"), Index(None, "account_id", "last_seen_at", "id"))

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
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    role_id: Mapped[str | None] = mapped_column(ForeignKey("roles.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(NAME_CHARS), default="", server_default="")
    tags: Mapped[list[Any]] = mapped_column(JSON, default=list, server_default="[]")
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claimed_client_id: Mapped[str] = mapped_column(String(NAME_CHARS), default="", server_default="")
    keeps_utterances: Mapped[bool] = mapped_column(default=True, server_default=true())
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Claim(Base):
    """A board that waits to be let in. `code` is spoken by an unknown board; None where the board claims to be one
    that is known, under another Client-Id, and only its owner may say so.

    `key_id`: it has to answer `challenge` with that key first, and did so at `proven_at` from `proven_from`; each
    challenge is answered once. `told`: it proved what it had to, and waits for a person since.
    """

    __tablename__ = "claims"
    __table_args__ = (UniqueConstraint("device_id", "client_id"), Index(None, "expires_at"))

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    device_id: Mapped[str] = mapped_column(String(NAME_CHARS))
    client_id: Mapped[str] = mapped_column(String(NAME_CHARS))
    code: Mapped[str | None] = mapped_column(String(CODE_CHARS), unique=True)
    challenge: Mapped[str] = mapped_column(String(CODE_CHARS))
    board: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    address: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    key_id: Mapped[str | None] = mapped_column(ForeignKey("device_keys.id", ondelete="CASCADE"), index=True)
    proven_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    proven_from: Mapped[str] = mapped_column(String(CODE_CHARS), default="", server_default="")
    told: Mapped[bool] = mapped_column(default=True, server_default=true())


class DeviceToken(Base):
    """What a device shows when it connects, bound to its Device-Id and Client-Id; only its hash is kept."""

    __tablename__ = "device_tokens"
    __table_args__ = (Index(None, "device_key", "created_at"),)

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    device_key: Mapped[str] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"))
    client_id: Mapped[str] = mapped_column(String(NAME_CHARS))
    secret_hash: Mapped[str] = mapped_column(String(HASH_CHARS), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Conversation(Base):
    """What was said in one session, or in several close together: `session_id` is the last. Open while `ended_at` is
    None; `closed_reason` "lost" = its end was never seen.

    `summary` tells of its first `summarised_turns`. At `memory_due_at` somebody must see what is worth remembering of
    it; None = done, or nothing was said.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        Index(None, "device_key", "started_at"),
        Index(None, "account_id", "started_at", "id"),
        Index(None, "memory_due_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    device_key: Mapped[str] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"))
    session_id: Mapped[str] = mapped_column(String(NAME_CHARS), unique=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_reason: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    turn_count: Mapped[int] = mapped_column(default=0)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    role_id: Mapped[str | None] = mapped_column(ForeignKey("roles.id", ondelete="SET NULL"), index=True)
    title: Mapped[str] = mapped_column(String(NAME_CHARS), default="", server_default="")
    summary: Mapped[str] = mapped_column(Text, default="", server_default="")
    summarised_turns: Mapped[int] = mapped_column(default=0, server_default="0")
    memory_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Turn(Base):
    """One exchange. The `*_ms` columns are the fields of contracts.events.TurnTimings; None = did not happen.

    `cost` is in `currency` (ISO 4217), None where no price is known. `audio_key` names the reply's sound, "" = none.
    """

    __tablename__ = "turns"
    __table_args__ = (
        Index(None, "conversation_id", "started_at"),
        Index(None, "started_at"),
        Index(None, "account_id", "started_at"),
        Index(None, "audio_key", sqlite_where=NAMES_A_FILE, postgresql_where=NAMES_A_FILE),
    )

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
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    role_id: Mapped[str | None] = mapped_column(ForeignKey("roles.id", ondelete="SET NULL"), index=True)
    speaker_id: Mapped[str | None] = mapped_column(ForeignKey("speakers.id", ondelete="SET NULL"), index=True)
    cost: Mapped[float | None]
    currency: Mapped[str] = mapped_column(String(CODE_CHARS), default="", server_default="")
    audio_key: Mapped[str] = mapped_column(String(NAME_CHARS), default="", server_default="")


class Utterance(Base):
    """What was heard of a person, as sound: `audio_key` names the file ("" = not kept), `voiceprint` is as in
    people.Voiceprint. `turn_key` None = heard, but no turn came of it. `kept_until`: it goes then; None = it goes with
    its conversation."""

    __tablename__ = "utterances"
    __table_args__ = (
        Index(None, "device_key", "started_at"),
        Index(None, "account_id", "started_at"),
        Index(None, "kept_until"),
        Index(None, "audio_key", sqlite_where=NAMES_A_FILE, postgresql_where=NAMES_A_FILE),
    )

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    device_key: Mapped[str] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"))
    turn_key: Mapped[str | None] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), index=True)
    speaker_id: Mapped[str | None] = mapped_column(ForeignKey("speakers.id", ondelete="SET NULL"), index=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    length_ms: Mapped[float]
    clarity: Mapped[float | None]
    audio_key: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    encoder: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    voiceprint: Mapped[bytes | None] = mapped_column(LargeBinary)
    kept_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
