"""How much one connection may send in a second, counted without timers or queues."""

from __future__ import annotations

from main_server.device.hub import SocketLimits


class FloodGate:
    """Counts one connection's traffic second by second. `now_s` is any monotonic clock."""

    def __init__(self, limits: SocketLimits) -> None:
        self._limits = limits
        self._second_ends_s = 0.0
        self._texts = self._packets = self._frames = self._bytes = 0

    def arrived(self, now_s: float, size_bytes: int) -> None:
        """Bytes were read from the socket."""
        if now_s >= self._second_ends_s:
            self._second_ends_s = now_s + 1.0
            self._texts = self._packets = self._frames = self._bytes = 0
        self._bytes += size_bytes

    def frames(self, count: int) -> None:
        """So many frames of any kind were in them."""
        self._frames += count

    def text(self) -> bool:
        """Whether one more text message is still welcome in this second."""
        self._texts += 1
        return self._texts <= self._limits.texts_per_s

    def packet(self) -> bool:
        """The same for audio."""
        self._packets += 1
        return self._packets <= self._limits.packets_per_s

    def rest_s(self, now_s: float) -> float:
        """How long reading should rest: 0 as a rule, the remains of the second when the peer floods us."""
        if self._frames <= self._limits.frames_per_s and self._bytes <= self._limits.bytes_per_s:
            return 0.0
        return max(0.0, self._second_ends_s - now_s)
