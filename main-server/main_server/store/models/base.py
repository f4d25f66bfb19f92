"""What all tables share: the registry, keys, times, and the lengths of columns.

Portable between SQLite and PostgreSQL: text keys made by us, UTC times, JSON only where nothing is searched in it.
Relationships are not declared: each query names what it loads.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

CODE_CHARS = 64
"""Length of the columns that hold short codes and names of ours."""

NAME_CHARS = 128
"""Length of the columns that hold names others choose: boards, models, voices, identities."""

KEY_CHARS = 32
"""Length of the keys that `new_id` makes."""

HASH_CHARS = 64
"""Length of a SHA-256 in hexadecimal."""


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


def utc_now() -> datetime:
    """Now, in the zone every instant of ours is in."""
    return datetime.now(UTC)
