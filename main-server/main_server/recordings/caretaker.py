"""Sees to it that what is to go goes: erased files soon, what its time is over for within minutes, strays in a day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from contracts.errors import ZhiyinError
from main_server.store.erasing import Erasing
from main_server.store.retention import Retention

ERASE_EVERY_S = 60.0
"""How often it is looked whether another process, or a job, left files to be erased."""

RETAIN_EVERY_S = 600.0
SWEEP_EVERY_S = 86_400.0
SWEEP_FIRST_S = 900.0
"""Not at once: a server that starts has better things to do."""

log = structlog.get_logger(__name__)


class Caretaker:
    """`start` on the event loop; `soon` when something was deleted."""

    def __init__(self, retention: Retention, erasing: Erasing) -> None:
        self._retention = retention
        self._erasing = erasing
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.problem = ""
        """A sentence while files or rows that should be gone are still there."""

    def soon(self) -> None:
        """Rows were deleted: their files go now."""
        self._wanted.set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="caretaker")

    async def close(self) -> None:
        """What is noted goes after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        retain_s, sweep_s = time.monotonic(), time.monotonic() + SWEEP_FIRST_S
        while True:
            now_s, worked = time.monotonic(), True
            if now_s >= retain_s:
                worked &= await self._do("retention", self._retention.run)
                retain_s = now_s + RETAIN_EVERY_S
            worked &= await self._do("erasing", self._erasing.run)
            if now_s >= sweep_s:
                worked &= await self._do("sweeping", self._erasing.sweep)
                sweep_s = now_s + SWEEP_EVERY_S
            if worked:
                self.problem = ""
            await self._rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(ERASE_EVERY_S):
                await self._wanted.wait()
        except TimeoutError:
            pass
        self._wanted.clear()

    async def _do(self, what: str, work: Callable[[], Awaitable[int]]) -> bool:
        try:
            gone = await work()
        except Exception as error:  # the outermost loop of the caretaker: nothing may end it
            why = str(error) if isinstance(error, ZhiyinError) else type(error).__name__
            if not self.problem:
                log.error("what is to be erased is still there", doing=what, why=why)
            self.problem = f"What is to be erased is still there: {why}"
            return False
        if gone:
            log.info("erased", doing=what, gone=gone)
        return True
