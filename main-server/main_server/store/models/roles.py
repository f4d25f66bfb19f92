"""What a toy can be: roles and their versions, the providers they think and speak with, and voices."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, true
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


class Role(Base):
    """A character: who it is, how it thinks, sounds and remembers. `account_id` None = a template of the system.

    `second_model_id` thinks while `model_id` is down. `greets`: it answers its bare wake word, with `greeting` or,
    where that is empty, one of the house's; `exit_phrases` [] = the house's too. `replacements` are as
    contracts.roles.ReplacementKind tells. `memory_policy` and `recording_policy` are contracts.roles, "" = their
    default; what its devices said goes after `retention_days`, 0 = never. `version` is the number of its newest
    RoleVersion, and its ETag.
    """

    __tablename__ = "roles"
    __table_args__ = (Index(None, "account_id", "updated_at", "id"),)

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    template: Mapped[str | None] = mapped_column(String(CODE_CHARS), unique=True)
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    language: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    persona: Mapped[str] = mapped_column(Text, default="")
    greeting: Mapped[str] = mapped_column(Text, default="")
    model_id: Mapped[str | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"), index=True)
    second_model_id: Mapped[str | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"), index=True)
    small_model_id: Mapped[str | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"), index=True)
    voice_id: Mapped[str | None] = mapped_column(ForeignKey("voices.id", ondelete="SET NULL"), index=True)
    speed: Mapped[float] = mapped_column(default=1.0)
    pitch: Mapped[float] = mapped_column(default=1.0)
    volume: Mapped[float] = mapped_column(default=1.0)
    patience: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    replacements: Mapped[list[Any]] = mapped_column(JSON, default=list)
    exit_phrases: Mapped[list[Any]] = mapped_column(JSON, default=list)
    memory_policy: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    recording_policy: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    greets: Mapped[bool] = mapped_column(default=True, server_default=true())
    retention_days: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class RoleVersion(Base):
    """What a role was after each edit; `body` holds its columns by name."""

    __tablename__ = "role_versions"
    __table_args__ = (UniqueConstraint("role_id", "version"),)

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    role_id: Mapped[str] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"))
    version: Mapped[int]
    editor: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class ProviderKind(StrEnum):
    """What a provider is asked for."""

    LLM = "llm"
    ASR = "asr"
    TTS = "tts"
    VISION = "vision"
    ENCODER = "encoder"


class Provider(Base):
    """Where a model is reached and how. `options` is what the engine's form asks; `secret` is sealed (sealing.py).

    `is_default`: it serves its kind in this account where a role names none.
    """

    __tablename__ = "providers"
    __table_args__ = (Index(None, "account_id", "kind", "name"),)

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(CODE_CHARS))
    engine: Mapped[str] = mapped_column(String(CODE_CHARS))
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    secret: Mapped[str] = mapped_column(Text, default="")
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Voice(Base):
    """How a role sounds: a name an engine knows, or a clip to be cloned (`clip_key` names its file)."""

    __tablename__ = "voices"
    __table_args__ = (Index(None, "account_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    provider_id: Mapped[str | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    engine_voice: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    language: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    clip_key: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    clip_sha256: Mapped[str] = mapped_column(String(HASH_CHARS), default="")
    transcript: Mapped[str] = mapped_column(Text, default="")
    consent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012
