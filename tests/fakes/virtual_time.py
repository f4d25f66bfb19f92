"""An event loop whose clock jumps to the next timer: minutes of talk in milliseconds, the same every time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Deadlock(AssertionError):
    """Nothing is scheduled and nothing is ready: everybody waits for somebody."""


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise Deadlock("no timer and no ready task: the talk is stuck")
        self.now_s += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop on virtual time."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


def run_virtual(talk: Coroutine[Any, Any, T]) -> T:
    """Runs a talk to its end on virtual time; fails when a task outlives it."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:

        async def scene() -> T:
            result = await talk
            leftovers = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            assert not leftovers, f"tasks outlived the talk: {leftovers}"
            return result

        return runner.run(scene())
