"""Lists of `/api`: a page of items and a cursor, which is where the page ended, written so that nobody relies on it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Generic, TypeVar

import orjson
from fastapi import Depends, Query
from pydantic import BaseModel

from main_server.api.fields import Line
from main_server.api.problems import Problem
from main_server.store.paging import MOST_ROWS, Paging, Place, Rows

Item = TypeVar("Item")
Row = TypeVar("Row")

MOST_CURSOR_CHARS = 1_024
"""Room for the longest name in the script that takes most bytes."""


class Page(BaseModel, Generic[Item]):
    """`next` is given back as `after` for the page that follows; null on the last one."""

    items: list[Item]
    next: str | None


def page_of(rows: Rows[Row], show: Callable[[Row], Item]) -> Page[Item]:
    """A page with each row as it is shown."""
    return Page(items=[show(row) for row in rows.items], next=None if rows.next is None else to_cursor(rows.next))


def to_cursor(place: Place) -> str:
    value = place.value
    parts = ["t", value.isoformat()] if isinstance(value, datetime) else ["s", value]
    return base64.urlsafe_b64encode(orjson.dumps([*parts, place.id])).decode().rstrip("=")


def from_cursor(cursor: str) -> Place:
    """Raises Problem when it is none of ours."""
    try:
        kind, value, key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not (isinstance(value, str) and isinstance(key, str)) or "\0" in value + key:
            raise ValueError
        if kind == "s":
            return Place(value, key)
        at = datetime.fromisoformat(value)
        if kind != "t" or at.tzinfo is None:
            raise ValueError
        return Place(at, key)
    except (ValueError, TypeError, OverflowError, binascii.Error):  # orjson's error is a ValueError
        raise Problem(422, "bad_cursor", "after is no cursor of ours: take next of the page before.") from None


def _time_paging(
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Items of the page.")] = 50,
    after: Annotated[
        str, Query(max_length=MOST_CURSOR_CHARS, description="`next` of the page before; empty = the first page.")
    ] = "",
) -> Paging:
    place = from_cursor(after) if after else None
    if place is not None and isinstance(place.value, str):
        raise Problem(422, "bad_cursor", "after belongs to another list.")
    return Paging(limit, place)


def _name_paging(
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Items of the page.")] = 50,
    after: Annotated[
        str, Query(max_length=MOST_CURSOR_CHARS, description="`next` of the page before; empty = the first page.")
    ] = "",
) -> Paging:
    place = from_cursor(after) if after else None
    if place is not None and not isinstance(place.value, str):
        raise Problem(422, "bad_cursor", "after belongs to another list.")
    return Paging(limit, place)


ByTime = Annotated[Paging, Depends(_time_paging)]
"""Paging of a list sorted by an instant."""

ByName = Annotated[Paging, Depends(_name_paging)]
"""Paging of a list sorted by a text."""

Search = Annotated[Line, Query(description="Only what contains this text.")]
