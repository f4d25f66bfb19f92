"""Between a wake word and its greeting: the device may send `listen start` right behind it, or never."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

GREET_AFTER_S = 0.3
"""A stock board sends `listen start` right behind `detect`; one that does not is greeted after this."""

WOKEN = "…"
"""Stands for a wake word that the device did not name."""


@dataclass(slots=True)
class Waking:
    """Remembers what the toy was called, until it is greeted for it or something else happens. One timer at most."""

    word: str = ""
    _timer: asyncio.TimerHandle | None = None

    def wake(self, word: str, greet: Callable[[], None]) -> None:
        """Somebody called: `greet` is called when no `listen start` has come in time."""
        self.forget()
        self.word = word or WOKEN
        self._timer = asyncio.get_running_loop().call_later(GREET_AFTER_S, greet)

    def forget(self) -> None:
        """Nobody waits for a greeting any more."""
        self.word = ""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
