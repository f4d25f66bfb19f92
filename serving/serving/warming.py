"""Loading an engine behind a program that listens already: as often as it takes, and a check that says how it goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from contracts.errors import EngineError

log = logging.getLogger(__name__)

WARM_S = 60.0
REWARM_S = 20.0


class Warming:
    """`keep` runs until `warm` has worked once; `check` is for Readiness. `part` names the engine in sentences."""

    def __init__(self, part: str, warm: Callable[[], Awaitable[None]]) -> None:
        self._part = part
        self._warm = warm
        self.problem = f"The {part} is being loaded."

    async def keep(self) -> None:
        while self.problem:
            try:
                async with asyncio.timeout(WARM_S):
                    await self._warm()
            except (EngineError, TimeoutError) as error:
                self.problem = str(error) or f"The {self._part} took too long to load."
                log.warning("engine is not there yet", extra={"part": self._part, "why": self.problem})
                await asyncio.sleep(REWARM_S)
            else:
                self.problem = ""

    async def check(self) -> str | None:
        return self.problem or None
