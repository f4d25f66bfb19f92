"""Pages of a list by position, not by number: rows that come or go meanwhile neither repeat nor hide others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

T = TypeVar("T")
Value = str | datetime

MOST_ROWS = 100
"""Rows of one page at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place in a list: the value it is sorted by, and its key."""

    value: Value
    id: str


@dataclass(frozen=True, slots=True)
class Paging:
    """What a reader asks for: `limit` rows (1 to MOST_ROWS) after a place, from the beginning without one."""

    limit: int = 50
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """One page, and the place of its last row where more follow."""

    items: list[T]
    next: Place | None


async def page(
    session: AsyncSession,
    query: Select[tuple[T]],
    by: InstrumentedAttribute[Any],
    key: InstrumentedAttribute[str],
    paging: Paging,
    *,
    descending: bool = True,
) -> Rows[T]:
    """Rows of `query` in the order of `by` and then `key`."""
    place = tuple_(by, key)
    if paging.after is not None:
        after = tuple_(literal(paging.after.value, by.type), literal(paging.after.id, key.type))
        query = query.where(place < after if descending else place > after)
    order = (by.desc(), key.desc()) if descending else (by.asc(), key.asc())
    found = list(await session.scalars(query.order_by(*order).limit(paging.limit + 1)))
    items = found[: paging.limit]
    if len(found) <= paging.limit:
        return Rows(items, None)
    return Rows(items, Place(getattr(items[-1], by.key), getattr(items[-1], key.key)))


def containing(text: str) -> str:
    """A LIKE pattern for rows that contain `text`; use with `escape="!"`."""
    for special in "!%_":
        text = text.replace(special, "!" + special)
    return f"%{text}%"
