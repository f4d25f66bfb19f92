"""News from the store for the sessions of this process: one cheap query for all of them, never one per turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from main_server.store.casts import Casts, Version
from main_server.store.engine import Database

log = logging.getLogger(__name__)

PERIOD_S = 2.0
"""What another process has changed is known after so long."""

LOOK_S = 5.0
AT_ONCE = 8


class Watching(Protocol):
    """A casting, as the watch knows it."""

    device_id: str
    account_id: str | None
    version: Version | None
    role_id: str  # asked for by its session: no edit of it is seen in the device's version

    async def refresh(self) -> None:
        """Reads what the device is cast from now. Never raises."""


class Watch:
    """Looks every PERIOD_S whether anything was edited that a live session plays, and at once after a notice."""

    def __init__(self, database: Database, sweep: Callable[[], Awaitable[None]], *, period_s: float = PERIOD_S) -> None:
        self._database = database
        self._sweep = sweep
        self._period_s = period_s
        self._live: set[Watching] = set()
        self._noticed: set[str | None] = set()
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    def __len__(self) -> int:
        return len(self._live)

    def add(self, casting: Watching) -> None:
        self._live.add(casting)

    def remove(self, casting: Watching) -> None:
        self._live.discard(casting)

    def notice(self, account_id: str | None) -> None:
        """Something of the account was edited. Returns at once."""
        if self._live:
            self._noticed.add(account_id)
            self._hurry.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="watch casts")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self, only: frozenset[str | None] | None = None) -> None:
        """Refreshes those castings whose version has changed; `only` those of these accounts and of nobody."""
        asked = [each for each in self._live if only is None or each.account_id is None or each.account_id in only]
        if not asked:
            return
        async with asyncio.timeout(LOOK_S), self._database.reading() as session:
            versions = await Casts(session).versions(sorted({each.device_id for each in asked}))
        noticed = only is not None
        stale = [
            each for each in asked if each.version != versions.get(each.device_id, ()) or (noticed and each.role_id)
        ]
        for start in range(0, len(stale), AT_ONCE):
            await asyncio.gather(*(each.refresh() for each in stale[start : start + AT_ONCE]))

    async def _run(self) -> None:
        while True:
            noticed = await self._wait()
            try:
                await self.look(noticed)
                if noticed is None:
                    await self._sweep()
            except Exception as error:  # the outermost loop of the watch: whatever the store has, it comes again
                if not self._failing:
                    log.warning("roles could not be looked at", extra={"why": type(error).__name__})
                self._failing = True
            else:
                self._failing = False

    async def _wait(self) -> frozenset[str | None] | None:
        """The accounts of a notice, or None when the period is over."""
        try:
            async with asyncio.timeout(self._period_s):
                await self._hurry.wait()
        except TimeoutError:
            return None
        self._hurry.clear()
        noticed, self._noticed = frozenset(self._noticed), set()
        return noticed
