"""How late the event loop is: what was asked for a moment, and when it came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EVERY_S = 0.1


async def watch_loop_lag(observe: Callable[[float], None], *, every_s: float = EVERY_S) -> None:
    """Runs until cancelled; tells `observe` every `every_s` how many seconds late the loop was."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + every_s
        await asyncio.sleep(every_s)
        observe(max(0.0, loop.time() - due_s))
