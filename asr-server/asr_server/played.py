"""What a device's loudspeaker plays, lined up with what its microphone records. Pure: packets in, sound out.

A device with server-side echo cancellation hands back, with a packet of its microphone, the timestamp of the packet
that its loudspeaker had just finished (PROTOCOL 2.7). It takes those timestamps from a queue that can fall behind by up
to three packets, and a packet without one does not mean silence: one may have been skipped. So a timestamp is read as
"at least this much has been played", and the loudspeaker is taken to go on in step with the microphone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ, OpusPacket
from sound.opus import OpusError

KEPT_SAMPLES = 4 * HEARING_RATE_HZ
"""A device holds at most 40 packets of 60 ms (PROTOCOL 2.6), and some are on their way."""

MOST_LAG_SAMPLES = 180 * HEARING_RATE_HZ // 1000
"""How far timestamps may be behind: further back means that the loudspeaker stood still."""

MISSING_SAMPLES = 120 * HEARING_RATE_HZ // 1000
"""After this long without a timestamp the loudspeaker is silent."""


class PlayedSound:
    """The last seconds of the downlink at 16 kHz; `decode` turns one packet into s16le."""

    def __init__(self, decode: Callable[[bytes], bytes]) -> None:
        self._decode = decode
        self._sound = bytearray()
        self._end = 0  # samples so far, of all that was played
        self._ends: OrderedDict[int, int] = OrderedDict()  # where the packet of each timestamp ends
        self._recorded = 0  # samples of the microphone so far
        self._ahead: int | None = None  # played minus recorded; None = the loudspeaker is silent
        self._unmarked = 0  # samples of the microphone since the last timestamp

    def add(self, packet: OpusPacket) -> None:
        """A packet that was sent to the loudspeaker."""
        try:
            pcm = self._decode(packet.payload)
        except OpusError:
            return  # the device skips it, too
        self._sound += pcm
        self._end += len(pcm) // BYTES_PER_SAMPLE
        self._ends[packet.timestamp_ms] = self._end
        self._ends.move_to_end(packet.timestamp_ms)
        del self._sound[: -KEPT_SAMPLES * BYTES_PER_SAMPLE]
        while self._ends and next(iter(self._ends.values())) <= self._end - KEPT_SAMPLES:
            self._ends.popitem(last=False)

    def behind(self, timestamp_ms: int, samples: int) -> bytes | None:
        """What was played while the next `samples` were recorded, as many of s16le; None when there was nothing.

        `timestamp_ms` came with them, 0 = none.
        """
        self._recorded += samples
        self._note(self._ends.get(timestamp_ms) if timestamp_ms else None, samples)
        if self._ahead is None:
            return None
        end = self._recorded + self._ahead
        return self._between(end - samples, end)

    def _note(self, played: int | None, samples: int) -> None:
        if played is None:
            self._unmarked += samples
            if self._unmarked >= MISSING_SAMPLES:
                self._ahead = None
            return
        self._unmarked = 0
        ahead = played - self._recorded
        if self._ahead is None or not self._ahead - MOST_LAG_SAMPLES <= ahead <= self._ahead:
            self._ahead = ahead

    def _between(self, start: int, end: int) -> bytes:
        """Silence where nothing was played, or not yet, or too long ago."""
        first = self._end - len(self._sound) // BYTES_PER_SAMPLE
        before = min(max(first - start, 0), end - start)
        sound = self._sound[max(start - first, 0) * BYTES_PER_SAMPLE : max(end - first, 0) * BYTES_PER_SAMPLE]
        return (bytes(before * BYTES_PER_SAMPLE) + sound).ljust((end - start) * BYTES_PER_SAMPLE, b"\0")
