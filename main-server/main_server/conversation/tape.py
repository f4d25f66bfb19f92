"""Tape: what is kept of the sound of a talk. Packets as they were heard and as they were sent; nothing is decoded.

The ears count samples, and an Utterance says where it lies among them. A Reel holds the packets of the last while by
the same count, so that the packets of an utterance can be cut out of it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from contracts.audio import HEARING_RATE_HZ
from contracts.events import TurnEnded
from contracts.hearing import (
    MAX_UTTERANCE_MS,
    HearingEvent,
    HearingFailed,
    NothingHeard,
    SpeechStarted,
    Utterance,
)
from contracts.roles import RecordingPolicy

MARGIN_MS = 80
"""Kept on both sides of an utterance, in whole packets: an Opus decoder needs that long to be itself."""

QUIET_KEPT_MS = 5_000
"""Kept while nobody is known to speak: longer than ears elsewhere take to say that somebody has begun."""

KEPT_MS = MAX_UTTERANCE_MS + QUIET_KEPT_MS

_UNCOUNTED = 16
"""Packets that came while the ears were deaf and may still be heard: as many as the ears themselves keep."""

_PER_MS = HEARING_RATE_HZ // 1000


class Sides(NamedTuple):
    """Whose sound of a turn is kept."""

    heard: bool
    said: bool


NEITHER = Sides(False, False)


@dataclass(slots=True)
class Take:
    """The sound of one turn, in Opus packets: the utterance, unless it was typed, and of the reply what was sent."""

    sides: Sides
    recording: RecordingPolicy
    utterance: Utterance | None = None
    heard: tuple[bytes, ...] = ()
    said: list[bytes] = field(default_factory=list)


class Tape(Protocol):
    """Where the sound of one session goes."""

    async def begin(self) -> None:
        """Called once, before the first sound; learns what `sides` answers. Never fails, and takes a moment at most."""

    def sides(self, recording: RecordingPolicy) -> Sides:
        """What is to be kept of a turn under this policy."""

    def keep(self, ended: TurnEnded, take: Take) -> None:
        """The turn is over and its event was emitted. Never blocks, never raises."""


@dataclass(frozen=True, slots=True)
class NoTape:
    """Keeps nothing."""

    async def begin(self) -> None:
        pass

    def sides(self, recording: RecordingPolicy) -> Sides:
        return NEITHER

    def keep(self, ended: TurnEnded, take: Take) -> None:
        pass


def new_take(
    tape: Tape, recording: RecordingPolicy, utterance: Utterance | None, heard: tuple[bytes, ...]
) -> Take | None:
    """What the sound of a turn that begins is kept in; None where none of it is."""
    sides = tape.sides(recording)
    return None if sides == NEITHER else Take(sides, recording, utterance, heard if sides.heard else ())


class Reel:
    """The last packets that went to the ears of a session, each by the samples that it covers for them."""

    def __init__(self, frame_ms: int) -> None:
        self._frame = frame_ms * _PER_MS
        self._packets: deque[tuple[int, bytes]] = deque()  # by their first sample
        self._at = 0  # the ears' count before the newest packets
        self._newest: deque[bytes] = deque(maxlen=_UNCOUNTED)
        self._from: int | None = None  # somebody speaks since this sample
        self._cut: tuple[Utterance, tuple[bytes, ...]] | None = None

    def heard(self, sample: int, packet: bytes) -> None:
        """A packet goes to the ears, which have counted to `sample` before it."""
        if sample != self._at:
            self._count(sample)
        self._newest.append(packet)

    def told(self, event: HearingEvent) -> None:
        """The ears tell something: what an utterance consists of is cut out while it is there."""
        match event:
            case SpeechStarted(start_sample):
                self._from = start_sample
            case Utterance():
                self._cut = event, self._between(event.start_sample, event.end_sample)
                self._from = None
            case NothingHeard() | HearingFailed():
                self._from = None

    def take(self, utterance: Utterance) -> tuple[bytes, ...]:
        """The packets of an utterance that was told; once."""
        cut, self._cut = self._cut, None
        return cut[1] if cut is not None and cut[0] is utterance else ()

    def rewind(self) -> None:
        """Other ears begin to count from 0."""
        self._packets.clear()
        self._newest.clear()
        self._at = 0
        self._from = self._cut = None

    def _count(self, sample: int) -> None:
        """The newest packets moved the count on to `sample`: all of them, or the last few where the ears were deaf."""
        if sample < self._at:
            self.rewind()
        moved, waiting = sample - self._at, len(self._newest)
        count = waiting if waiting < 2 else min(waiting, max(1, round(moved / self._frame)))
        start = self._at
        for packet in list(self._newest)[waiting - count :]:
            self._packets.append((start, packet))
            start += moved // count
        self._newest.clear()
        self._at = sample
        self._forget()

    def _forget(self) -> None:
        quiet_from = self._at - QUIET_KEPT_MS * _PER_MS
        keep_from = quiet_from if self._from is None else min(quiet_from, self._from - 2 * self._frame)
        keep_from = max(keep_from, self._at - KEPT_MS * _PER_MS)
        while self._packets and self._packets[0][0] < keep_from:
            self._packets.popleft()

    def _between(self, start: int, end: int) -> tuple[bytes, ...]:
        margin = MARGIN_MS * _PER_MS
        first, last = start - margin - self._frame, end + margin
        found = [packet for at, packet in self._packets if first < at < last]
        if self._newest and first < self._at < last:
            found.append(self._newest[-1])  # being heard just now
        return tuple(found)
