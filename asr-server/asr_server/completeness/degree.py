"""How finished a text sounds."""

from __future__ import annotations

from enum import StrEnum


class Completeness(StrEnum):
    """From "answer now" to "leave me time"."""

    COMPLETE = "complete"
    UNSURE = "unsure"
    UNFINISHED = "unfinished"
    HELD = "held"  # the person asked for time: "wait", "让我想想"
