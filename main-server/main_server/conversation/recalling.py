"""Recalling: asked once when a talk begins, waited for a moment only, taken in late where it comes late."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from main_server.conversation.remembering import Asked, Recollection, Remembering

log = logging.getLogger(__name__)

RECALL_S = 0.15
"""How long a talk waits for its memories; the device has been answered by then, and nobody has said a word yet."""

STOP_RECALL_S = 2.0


@dataclass(slots=True)
class Recalling:
    """At most one question at a time. `close` at the end."""

    remembering: Remembering
    _task: asyncio.Task[Recollection] | None = None
    _due_s: float = 0.0

    def begin(self, asked: Asked) -> None:
        """Asks, instead of what was asked before; returns at once."""
        if self._task is not None:
            self._task.cancel()
        self._due_s = asyncio.get_running_loop().time() + RECALL_S
        self._task = asyncio.create_task(self.remembering.recall(asked), name="recall")

    async def wait(self) -> None:
        """Waits for the answer, until RECALL_S after it was asked for."""
        left_s = self._due_s - asyncio.get_running_loop().time()
        if self._task is not None and left_s > 0:
            await asyncio.wait((self._task,), timeout=left_s)

    def take(self) -> Recollection | None:
        """The answer, once, if it is there by now."""
        if self._task is None or not self._task.done():
            return None
        task, self._task = self._task, None
        if task.cancelled():
            return None
        if (error := task.exception()) is not None:
            log.error("memories could not be recalled", extra={"error": type(error).__name__})
            return None
        return task.result()

    async def close(self) -> None:
        """Gives up, and waits until that is done."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=STOP_RECALL_S)
