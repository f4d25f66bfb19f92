"""How much silence it takes before the toy takes the word: by the text, the role, and how this speaker pauses. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from asr_server.completeness import Completeness
from contracts.hearing import Patience

_USUAL_PAUSE_MS = 350.0
_SHORTEST_PAUSE_MS = 150
"""Shorter silences belong to words (the closure of a t or a k)."""

_LONGEST_PAUSE_MS = 1500
"""Longer ones were asked for, or belong to something else than this person's way of talking."""

_LEARNING_RATE = 0.15
_FORGETTING_RATE = 0.03
_STRETCH = (0.9, 1.4)
_SHARE_OF_COMPLETE = 0.3


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Silence from the last voiced sample to the commit, by how finished the text sounds.

    `held_ms`: the person asked for time; if nothing follows, the words are taken as they are.
    """

    complete_ms: int = 280
    unsure_ms: int = 500
    unfinished_ms: int = 1100
    held_ms: int = 6000
    fixed: bool = False

    def for_text(self, completeness: Completeness | None, stretch: float = 1.0) -> float:
        """None: the text is not here yet, and the utterance could not leave without it anyway, so there is time.

        `stretch` is the speaker's (Rhythm); it bears less on a sentence that is plainly finished.
        """
        if self.fixed:
            return self.unsure_ms
        match completeness:
            case Completeness.COMPLETE:
                return self.complete_ms * (1 + _SHARE_OF_COMPLETE * (stretch - 1))
            case Completeness.UNSURE:
                return self.unsure_ms * stretch
            case Completeness.HELD:
                return self.held_ms
        return self.unfinished_ms * stretch

    @classmethod
    def parse(cls, endpointing: str, patience: Patience = Patience.NORMAL) -> Thresholds:
        """From "adaptive" or "fixed:MS" (1 to 5000). Raises ValueError."""
        kind, _, amount = endpointing.partition(":")
        if kind == "adaptive" and not amount:
            return _ADAPTIVE[patience]
        if kind == "fixed" and amount.isascii() and amount.isdigit() and 1 <= int(amount) <= 5000:
            return cls(*[int(amount)] * 4, fixed=True)
        raise ValueError(f"endpointing must be adaptive or fixed:MS with MS from 1 to 5000, not {endpointing!r}")


_ADAPTIVE = {
    Patience.QUICK: Thresholds(240, 400, 900, 4_000),
    Patience.NORMAL: Thresholds(),
    Patience.PATIENT: Thresholds(380, 800, 1_500, 10_000),
}


class Rhythm:
    """A slow average of the pauses one speaker makes inside a sentence; what it may change is bounded."""

    def __init__(self) -> None:
        self._pause_ms = _USUAL_PAUSE_MS

    @property
    def stretch(self) -> float:
        """This speaker's pauses over the usual ones, from 0.9 to 1.4; 1.0 for somebody unknown."""
        return min(max(self._pause_ms / _USUAL_PAUSE_MS, _STRETCH[0]), _STRETCH[1])

    def went_on(self, pause_ms: float) -> None:
        """Speech resumed after a pause."""
        if _SHORTEST_PAUSE_MS <= pause_ms <= _LONGEST_PAUSE_MS:
            self._pause_ms += _LEARNING_RATE * (pause_ms - self._pause_ms)

    def ended(self) -> None:
        """An utterance was finished: whoever speaks next counts a little more as unknown."""
        self._pause_ms += _FORGETTING_RATE * (_USUAL_PAUSE_MS - self._pause_ms)
