"""Guessing is slow: tries are counted by who makes them, and too many are told how long to wait.

Counted before the proof is looked at, so that many guesses at once gain nothing; a good one is taken back. In memory of
this process: a restart forgets, and several servers count by themselves.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from main_server.api.problems import Problem

MOST_KEYS = 20_000


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `tries` within `window_s`."""

    tries: int
    window_s: float


LIMITS = {
    "name at address": Limit(5, 900),
    "address": Limit(30, 900),
    "name": Limit(60, 900),  # above one address's limit: nobody alone locks another person out
    "registration": Limit(20, 3_600),
    "password": Limit(10, 900),
    "claim": Limit(10, 600),
    "provider test": Limit(30, 600),  # each may cost money, and make this server connect to where it is told
}


class Attempts:
    """Tries of the last while, the most recent MOST_KEYS kinds of them."""

    def __init__(self, limits: dict[str, Limit] | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits or LIMITS
        self._clock = clock
        self._made: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._made)

    def begin(self, **whose: str) -> None:
        """Counts one try for each kind of key, such as `address="..."`. Raises Problem (429) when it is one too many;
        then nothing is counted. Underscores in kinds stand for spaces."""
        keys = _keys(whose)
        wait_s = max(self._wait_s(key) for key in keys)
        if wait_s > 0:
            minutes = max(1, round(wait_s / 60))
            sentence = f"Too many tries. Wait {minutes} minute{'s' if minutes > 1 else ''}, then try again."
            raise Problem(429, "too_many_tries", sentence, retry_after_s=wait_s)
        for key in keys:
            self._made.setdefault(key, deque()).append(self._clock())
            self._made.move_to_end(key)
        while len(self._made) > MOST_KEYS:
            self._made.popitem(last=False)

    def succeeded(self, **whose: str) -> None:
        """The try was good: it does not count."""
        for key in _keys(whose):
            made = self._made.get(key)
            if made:
                made.pop()
            if not made:
                self._made.pop(key, None)

    def _wait_s(self, key: tuple[str, str]) -> float:
        limit, made, now = self._limits[key[0]], self._made.get(key), self._clock()
        if made is None:
            return 0.0
        while made and now - made[0] >= limit.window_s:
            made.popleft()
        return made[0] + limit.window_s - now if len(made) >= limit.tries else 0.0


def _keys(whose: dict[str, str]) -> list[tuple[str, str]]:
    return [(kind.replace("_", " "), value) for kind, value in whose.items()]
