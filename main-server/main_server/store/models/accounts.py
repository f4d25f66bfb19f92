"""Who uses the server: accounts, what proves them, who invited whom, and what was done."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
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


class Rank(StrEnum):
    """What an account may do. A viewer sees what belongs to the account that invited it, and changes nothing."""

    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"


class Account(Base):
    """A person who may log in. `name` is unique and lower-case.

    `founder` is true of the first account and NULL of all others: being unique, it lets only one request found a
    server. `watches_id` is the account whose things a viewer sees. `version` counts edits (ETag).
    """

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(NAME_CHARS), unique=True)
    rank: Mapped[str] = mapped_column(String(CODE_CHARS))
    founder: Mapped[bool | None] = mapped_column(unique=True)
    watches_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    password_hash: Mapped[str] = mapped_column(String(256))
    language: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Login(Base):
    """A browser that is logged in. Its cookie holds the secret, the row only its hash."""

    __tablename__ = "logins"
    __table_args__ = (Index(None, "account_id", "last_used_at"), Index(None, "expires_at"))

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    secret_hash: Mapped[str] = mapped_column(String(HASH_CHARS), unique=True)
    browser: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    address: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiToken(Base):
    """A key for programs, shown once. `hint` is its beginning, by which its owner knows it again."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index(None, "account_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    secret_hash: Mapped[str] = mapped_column(String(HASH_CHARS), unique=True)
    hint: Mapped[str] = mapped_column(String(CODE_CHARS))
    scopes: Mapped[list[Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Invitation(Base):
    """Lets one person register. `account_id` None = the server's own, for the first account."""

    __tablename__ = "invitations"
    __table_args__ = (Index(None, "account_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    secret_hash: Mapped[str] = mapped_column(String(HASH_CHARS), unique=True)
    rank: Mapped[str] = mapped_column(String(CODE_CHARS))
    note: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_by_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"), index=True)


class AuditEntry(Base):
    """Who did what to which row, from where. `detail` never holds a secret or anybody's words.

    `account_id` is whose things it was about and who may read it; `actor` the name that did it, kept when it goes.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "account_id", "at", "id"), Index(None, "at", "id"))

    id: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True, default=new_id)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    actor: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    action: Mapped[str] = mapped_column(String(CODE_CHARS))
    target_id: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    address: Mapped[str] = mapped_column(String(CODE_CHARS), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class ServerSetting(Base):
    """What the owner sets for the whole server from the console."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(CODE_CHARS), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
