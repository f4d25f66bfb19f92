"""Sound as the endpointing sees it, written down instead of recorded: 10 ms levels and Silero's probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from asr_server.endpointing import Decision, Endpointing

PIECE = 160
WINDOW = 512
VOICE_DBFS = -20.0
ROOM_DBFS = -60.0
HANGOVER = (0.9, 0.7, 0.3)
"""Silero's probabilities in the windows after a voice has gone, as measured on synthetic speech."""


@dataclass
class Tape:
    """Voice and room in turn. Lengths in ms, multiples of 10."""

    levels: list[float] = field(default_factory=list)
    loud: list[bool] = field(default_factory=list)  # what Silero takes for voice
    room_dbfs: float = ROOM_DBFS

    def voice(self, ms: int, dbfs: float = VOICE_DBFS) -> Tape:
        return self._add(ms, dbfs, True)

    def quiet(self, ms: int) -> Tape:
        return self._add(ms, self.room_dbfs, False)

    def bang(self, ms: int, dbfs: float = -10.0) -> Tape:
        """Loud, but no voice to Silero."""
        return self._add(ms, dbfs, False)

    def _add(self, ms: int, dbfs: float, loud: bool) -> Tape:
        count = ms // 10
        self.levels += [dbfs] * count
        self.loud += [loud] * count
        return self

    @property
    def samples(self) -> int:
        return len(self.levels) * PIECE

    def probabilities(self) -> list[float]:
        made: list[float] = []
        since, run = len(HANGOVER), 0
        for window in range(self.samples // WINDOW):
            pieces = self.loud[window * WINDOW // PIECE : (window + 1) * WINDOW // PIECE]
            if sum(pieces) * 2 >= len(pieces):
                since, run = 0, run + 1
                made.append(0.99)
            else:
                since, run = (since if run != 1 else len(HANGOVER)), 0  # a click leaves no hangover
                made.append(HANGOVER[since] if since < len(HANGOVER) else 0.02)
                since += 1
        return made

    def packets(self, packet_ms: int) -> Iterator[tuple[list[float], list[float]]]:
        probabilities = self.probabilities()
        step = packet_ms // 10
        for first in range(0, len(self.levels), step):
            end = min(len(self.levels), first + step)
            windows = slice(first * PIECE // WINDOW, end * PIECE // WINDOW)
            yield self.levels[first:end], probabilities[windows]


def play(tape: Tape, endpointing: Endpointing, packet_ms: int = 60) -> list[tuple[int, Decision]]:
    """All decisions, each with the sample up to which sound had come when it was made."""
    made: list[tuple[int, Decision]] = []
    for levels, probabilities in tape.packets(packet_ms):
        made += [(endpointing.now, decision) for decision in endpointing.hear(levels, probabilities)]
    return made
