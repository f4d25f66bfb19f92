"""Named timers of one owner: each name runs at most once at a time, and all end together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Deadlines:
    """`loop.call_later` with names."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def start(self, name: str, delay_s: float, action: Callable[[], object]) -> None:
        """Calls `action` after the delay; does nothing when a timer of this name runs already."""
        if name not in self._timers:
            self._timers[name] = self._loop.call_later(delay_s, self._fire, name, action)

    def stop(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def stop_all(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _fire(self, name: str, action: Callable[[], object]) -> None:
        self._timers.pop(name, None)
        action()
