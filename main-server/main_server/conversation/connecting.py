"""Connections to recogniser, model and voice, opened while the person still speaks; a model that reads ahead."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.connecting import connect, prepare
from contracts.errors import EngineError
from contracts.language_model import Message
from main_server.conversation.ports import Toolbox

log = logging.getLogger(__name__)

CONNECT_S = 3.0
PREPARE_S = 15.0
TOOLS_LISTED_S = 1.0


@dataclass(slots=True)
class Connecting:
    """For one session: `begin` at any sign that an answer will be wanted, `close` at its end. Best effort."""

    engines: Sequence[object] = ()
    _task: asyncio.Task[None] | None = None
    _preparing: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Returns at once; one attempt at a time."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._connect(), name="connect")

    def read_ahead(self, beginning: Sequence[Message], tools: Toolbox) -> None:
        """Has the model read how its requests will begin, once in a session; returns at once."""
        if self._preparing is None:
            self._preparing = asyncio.create_task(self._read_ahead(tuple(beginning), tools), name="read ahead")

    async def close(self) -> None:
        """Gives up, and waits until that is done."""
        tasks = [task for task in (self._task, self._preparing) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CONNECT_S)

    async def _read_ahead(self, beginning: Sequence[Message], tools: Toolbox) -> None:
        await tools.settled(TOOLS_LISTED_S)  # they are part of every request
        for engine in self.engines:
            try:
                async with asyncio.timeout(PREPARE_S):
                    await prepare(engine, beginning, tools.specs())
            except (EngineError, TimeoutError) as error:
                log.debug("model could not read ahead", extra={"why": str(error)})

    async def _connect(self) -> None:
        await asyncio.gather(*(self._one(engine) for engine in self.engines))

    async def _one(self, engine: object) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                await connect(engine)
        except (EngineError, TimeoutError) as error:  # the request that follows fails by itself, and says so aloud
            log.debug("engine could not be connected to beforehand", extra={"why": str(error)})
