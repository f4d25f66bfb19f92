"""The loudspeaker side of a board, as arithmetic: decode queue, playback clock, underruns. No sound card, no clock.

A packet is played `buffer_ms` after it came when nothing was playing, else right after the packet before it. One that
comes after its turn to play is an underrun: a listener hears a hole, and the buffer fills anew.
"""

from __future__ import annotations

from collections import deque

DECODE_QUEUE_PACKETS = 40
"""Firmware 1.6.6 and later; when it is full the newest packet is dropped without a word."""


class Playback:
    """Times are seconds of any one monotonic clock, handed in by the caller."""

    def __init__(
        self, frame_ms: int = 60, buffer_ms: float = 60.0, capacity_packets: int = DECODE_QUEUE_PACKETS
    ) -> None:
        self.frame_ms = frame_ms
        self.underruns = 0
        self.dropped = 0
        self._buffer_s = buffer_ms / 1000
        self._capacity = capacity_packets
        self._waiting: deque[float] = deque()  # when each queued packet will begin to play
        self._next_due_s: float | None = None  # None: the next packet begins a new stream

    @property
    def ends_s(self) -> float:
        """When the last accepted packet has been played; 0 when none ever was."""
        return self._next_due_s or 0.0

    def waiting(self, at_s: float) -> int:
        """Packets that have come and not begun to play."""
        while self._waiting and self._waiting[0] <= at_s:
            self._waiting.popleft()
        return len(self._waiting)

    def arrive(self, at_s: float) -> float | None:
        """A packet came: when it will begin to play, or None when the queue was full and it is lost."""
        if self.waiting(at_s) >= self._capacity:
            self.dropped += 1
            return None
        due_s = self._next_due_s
        if due_s is None:
            due_s = at_s + self._buffer_s
        elif at_s > due_s:
            self.underruns += 1
            due_s = at_s + self._buffer_s
        self._waiting.append(due_s)
        self._next_due_s = due_s + self.frame_ms / 1000
        return due_s

    def begin(self, at_s: float) -> int:
        """A new reply: what has not been played is wiped. Returns how many packets that were."""
        wiped = self.waiting(at_s)
        self._waiting.clear()
        self._next_due_s = None
        return wiped
