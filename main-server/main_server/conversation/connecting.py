"""Connections to recogniser, model and voice, opened while the person still speaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.connecting import connect
from contracts.errors import EngineError

log = logging.getLogger(__name__)

CONNECT_S = 3.0


@dataclass(slots=True)
class Connecting:
    """For one session: `begin` at any sign that an answer will be wanted, `close` at its end. Best effort."""

    engines: Sequence[object]
    _task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Returns at once; one attempt at a time."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._connect(), name="connect")

    async def close(self) -> None:
        """Gives up, and waits until that is done."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=CONNECT_S)

    async def _connect(self) -> None:
        await asyncio.gather(*(self._one(engine) for engine in self.engines))

    async def _one(self, engine: object) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                await connect(engine)
        except (EngineError, TimeoutError) as error:  # the request that follows fails by itself, and says so aloud
            log.debug("engine could not be connected to beforehand", extra={"why": str(error)})
