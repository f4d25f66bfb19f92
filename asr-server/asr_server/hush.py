"""When to ask for the text before it is certain that speech has stopped: by energy alone, at a packet's end. Pure.

Silero agrees 16-92 ms after a voice has gone. A recogniser that is asked at the first quiet works in that time, and
may be asked in vain in the middle of a word (the closure of a t or a k); what that costs is bounded here.
"""

from __future__ import annotations

from asr_server.voicing import PIECE_SAMPLES
from contracts.audio import HEARING_RATE_HZ

HUSH_MS = 30
"""So much quiet at the end of a packet is worth a question."""

APART_MS = 300
"""Two questions on quiet shorter than a pause are at least so far apart."""

_PIECE_MS = 1000 * PIECE_SAMPLES // HEARING_RATE_HZ


class Hush:
    """The question of one utterance that is asked before its pause. Counts pieces of the listen."""

    def __init__(self, pause_ms: int, hush_ms: int = HUSH_MS) -> None:
        self._pause_pieces = pause_ms // _PIECE_MS
        self._hush_pieces = min(hush_ms // _PIECE_MS, self._pause_pieces)
        self.begin()

    def begin(self) -> None:
        """A new utterance."""
        self._next = 0  # the piece from which on a short quiet may be asked about
        self.asked_at: int | None = None
        """The piece up to which the question that stands has the sound."""

    def asks(self, end: int, now: int) -> bool:
        """Speech seems to have ended at `end` and `now` a packet is over: is its text to be asked for?"""
        quiet = now - end
        if self.asked_at is not None or quiet < self._hush_pieces:
            return False
        if quiet < self._pause_pieces:
            if now < self._next:
                return False
            self._next = now + APART_MS // _PIECE_MS
        self.asked_at = now
        return True

    def stirs(self, end: int) -> bool:
        """Whether speech that ends at `end` has more than the question knows of, which then stands no longer."""
        if self.asked_at is None or end <= self.asked_at:
            return False
        self.asked_at = None
        return True

    def settled(self, end: int, now: int) -> bool:
        """The question stands, and the quiet has become a pause."""
        return self.asked_at is not None and now - end >= self._pause_pieces

    def over(self) -> None:
        """Speech went on after its pause."""
        self.asked_at = None
