"""What waits to be handled by a session, in the order it came. Pure but for one wake-up."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from contracts.audio import OpusPacket
from main_server.conversation.ports import Abort

Event = TypeVar("Event")

AUDIO_PACKETS = 128
"""Sound that may wait while a turn is being stopped: some 8 s. Beyond it the oldest goes."""


class Inbox(Generic[Event]):
    """One ordered line for control, hearing events and sound, so that a burst of all three replays as it was sent.

    Sound drops its oldest packet when full. Control is never dropped: the device side bounds its rate, and a run of
    aborts is one abort.
    """

    def __init__(self) -> None:
        self._waiting: deque[Event | OpusPacket] = deque()
        self._packets = 0
        self._came = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: Event | OpusPacket) -> None:
        """Never blocks."""
        if isinstance(event, OpusPacket):
            if self._packets >= AUDIO_PACKETS:
                self._drop_oldest_packet()
            self._packets += 1
        elif isinstance(event, Abort) and self._waiting and isinstance(self._waiting[-1], Abort):
            return
        self._waiting.append(event)
        self._came.set()

    async def get(self) -> Event | OpusPacket:
        """The oldest entry; waits while there is none."""
        while not self._waiting:
            self._came.clear()
            await self._came.wait()
        event = self._waiting.popleft()
        if isinstance(event, OpusPacket):
            self._packets -= 1
        return event

    def _drop_oldest_packet(self) -> None:
        oldest = next(entry for entry in self._waiting if isinstance(entry, OpusPacket))
        self._waiting.remove(oldest)
        self._packets -= 1
