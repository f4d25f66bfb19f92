"""When running speech is worth a look: only while the toy itself speaks, so that it can be interrupted. Pure; counts
samples, knows no clock."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.audio import HEARING_RATE_HZ

FIRST_LOOK_MS = 250
"""Two short words: less holds nothing that a recogniser could tell from a cough."""

NEXT_LOOK_MS = 300

_PER_MS = HEARING_RATE_HZ // 1000


@dataclass(slots=True)
class Overhearing:
    """Speech over the toy's voice. Looks come at FIRST_LOOK_MS of speech and every NEXT_LOOK_MS after."""

    _toy_until_sample: float = 0.0
    _next_sample: int = 0

    def toy_speaks(self, now_sample: int, until_ms: float) -> None:
        """The toy will speak until `until_ms` from now; 0 = it has finished."""
        self._toy_until_sample = now_sample + max(0.0, until_ms) * _PER_MS

    def speech_began(self, start_sample: int) -> None:
        """Somebody began to speak."""
        self._next_sample = start_sample + FIRST_LOOK_MS * _PER_MS

    def look(self, now_sample: int) -> bool:
        """Whether now, while speech is running, is the moment; a moment comes once."""
        if now_sample >= self._toy_until_sample or now_sample < self._next_sample:
            return False
        self._next_sample = now_sample + NEXT_LOOK_MS * _PER_MS
        return True
