"""Who goes next at an engine that does one job at a time: in the order they came, drafts a little later."""

from __future__ import annotations

import asyncio
import itertools
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field

DRAFT_WAITS_S = 0.3
"""Work that comes within this time after a draft goes before it. Longer than that a draft is not a guess any more: by
then it was given up, and its request closed, or the person had finished and waits for it."""


@dataclass(order=True, slots=True)
class _Place:
    rank_s: float
    number: int
    let_in: asyncio.Future[None] = field(compare=False)


class Turnstile:
    """One at a time: `await enter()`, the job, `leave()`. `most` may wait; drafts fill three quarters of that room.

    Nobody is kept out for ever: a draft counts as if it had come DRAFT_WAITS_S later than it did.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy = False
        self._waiting: list[_Place] = []
        self._numbers: Iterator[int] = itertools.count()

    def has_room(self, draft: bool = False) -> bool:
        """Whether one more may wait. It is for the caller to refuse the work."""
        return len(self._waiting) < room_for(self._most, draft)

    async def enter(self, draft: bool = False) -> None:
        """Returns when it is this job's turn. Cancelling it gives the place up."""
        if not self._busy:
            self._busy = True
            return
        loop = asyncio.get_running_loop()
        rank_s = loop.time() + (DRAFT_WAITS_S if draft else 0.0)
        place = _Place(rank_s, next(self._numbers), loop.create_future())
        insort(self._waiting, place)
        try:
            await place.let_in
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            else:  # let in at the very moment it was cancelled
                self.leave()
            raise

    def leave(self) -> None:
        """The job is done: the next one is let in."""
        if self._waiting:
            self._waiting.pop(0).let_in.set_result(None)
        else:
            self._busy = False


def room_for(most: int, draft: bool) -> int:
    """How many of `most` places this work may fill: the last quarter is for what is certain."""
    return most * 3 // 4 if draft else most
