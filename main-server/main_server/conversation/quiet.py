"""How long nothing has happened in a session. Pure: times in, times out (seconds)."""

from __future__ import annotations

from dataclasses import dataclass

KEEP_ALIVE_S = 100.0
"""A device takes a channel on which the server sent nothing for 120 s for dead (PROTOCOL 2.8)."""


@dataclass(slots=True)
class Quiet:
    """Counts from the last thing that happened. Speech under way is waited for once, then counts as silence."""

    idle_s: float
    since_s: float = 0.0
    speech_under_way: bool = False
    _waited_for_speech: bool = False

    @property
    def ends_s(self) -> float:
        """When it will have been quiet for too long."""
        return self.since_s + self.idle_s

    def settle(self, now_s: float) -> None:
        """Something happened, and it is over."""
        self.since_s = now_s
        self.speech_under_way = False
        self._waited_for_speech = False

    def wait_for_speech(self, now_s: float) -> bool:
        """In the middle of a long sentence the quiet begins anew, once; says whether it did."""
        if not self.speech_under_way or self._waited_for_speech:
            return False
        self.since_s = now_s
        self._waited_for_speech = True
        return True
