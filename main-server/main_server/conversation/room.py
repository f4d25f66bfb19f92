"""Room for work that a process can do without: so much at a time, and none while its event loop is late."""

from __future__ import annotations

BUSY_LAG_S = 0.05
"""An event loop this late has enough to do with what is certain."""


class Room:
    """How much of one kind may be under way in a whole process. `most` 0 = never any."""

    def __init__(self, most: int) -> None:
        self.under_way = 0
        self._most = most
        self._lag_s = 0.0

    def observe_lag(self, lag_s: float) -> None:
        """Takes one measurement of how late the event loop was."""
        self._lag_s = lag_s

    def enter(self) -> bool:
        """Takes a place, if there is one now; `leave` gives it back."""
        if self.under_way >= self._most or self._lag_s > BUSY_LAG_S:
            return False
        self.under_way += 1
        return True

    def leave(self) -> None:
        self.under_way -= 1
