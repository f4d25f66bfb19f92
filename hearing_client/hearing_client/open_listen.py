"""What a client keeps of the listen under way, so that another connection can hear it again. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from contracts.audio import HEARING_RATE_HZ, OpusPacket
from contracts.hearing import (
    MAX_UTTERANCE_MS,
    HearingEvent,
    HearingFailed,
    ListenMode,
    NothingHeard,
    Partial,
    Pause,
    SpeechResumed,
    SpeechStarted,
    Utterance,
)
from sound.opus import OpusError, packet_duration_ms

KEPT_MS = MAX_UTTERANCE_MS
QUIET_KEPT_MS = 10_000
"""While nobody has begun to speak: longer than a start of speech is ever under way between the processes."""

_PER_MS = HEARING_RATE_HZ // 1000


@dataclass(slots=True)
class OpenListen:
    """One listen from its start to its last event. `base` is the offset of the first kept packet's first sample."""

    number: int
    mode: ListenMode
    base: int
    frame_ms: int
    stopped: bool = False
    _packets: deque[tuple[OpusPacket, int]] = field(default_factory=deque)
    _samples: int = 0
    _told: set[tuple[type[HearingEvent], int]] = field(default_factory=set)

    @property
    def end(self) -> int:
        """The offset after the last packet."""
        return self.base + self._samples

    def packets(self) -> Iterator[OpusPacket]:
        return (packet for packet, _ in self._packets)

    def add(self, packet: OpusPacket) -> None:
        """Keeps a packet, and forgets the oldest beyond the bound."""
        samples = int(_duration_ms(packet.payload, self.frame_ms) * _PER_MS)
        self._packets.append((packet, samples))
        self._samples += samples
        bound = (KEPT_MS if self._told else QUIET_KEPT_MS) * _PER_MS
        while self._samples > bound:
            self._drop_first()

    def is_news(self, event: HearingEvent) -> bool:
        """Whether this event was not told before a reconnect; notes it as told.

        Within one utterance a revision has one Pause and one SpeechResumed, a moment one Partial. After an end what
        came before it is not needed any more, so it is not heard a second time.
        """
        key: tuple[type[HearingEvent], int]
        match event:
            case SpeechStarted():
                key = (SpeechStarted, 0)
            case Partial(sample=sample):
                key = (Partial, sample)
            case Pause(revision=revision) | SpeechResumed(revision=revision):
                key = (type(event), revision)
            case Utterance(end_sample=end) | NothingHeard(end_sample=end):
                self._told.clear()
                self._forget_before(end)
                return True
            case HearingFailed():
                self._told.clear()
                self._forget_before(self.end)
                return True
        if key in self._told:
            return False
        self._told.add(key)
        return True

    def ends_with(self, event: HearingEvent) -> bool:
        """Whether the ears are deaf after this event until the next listen."""
        match event:
            case Utterance() | HearingFailed():
                return self.mode is not ListenMode.REALTIME
            case NothingHeard():
                return self.mode is ListenMode.MANUAL or (self.stopped and self.mode is ListenMode.AUTO)
            case _:
                return False

    def _forget_before(self, sample: int) -> None:
        # Also the packet in which it lies: the rest of a word must not begin another utterance.
        while self._packets and self.base < sample:
            self._drop_first()

    def _drop_first(self) -> None:
        _, samples = self._packets.popleft()
        self.base += samples
        self._samples -= samples


def _duration_ms(payload: bytes, frame_ms: int) -> float:
    """As the ears count it: a packet that is not Opus is a frame of silence."""
    try:
        return packet_duration_ms(payload)
    except OpusError:
        return frame_ms
