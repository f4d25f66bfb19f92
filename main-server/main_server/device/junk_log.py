"""One log line per connection and quiet time, and one at its end, for what a peer sends wrongly; all is counted."""

from __future__ import annotations

from collections import Counter

import structlog

log = structlog.get_logger(__name__)


class JunkLog:
    """Counts by reason into `totals` and logs now and then; reasons are codes of ours, never the peer's words."""

    def __init__(self, totals: Counter[str], quiet_s: float) -> None:
        self._totals = totals
        self._quiet_s = quiet_s
        self._since_line: Counter[str] = Counter()
        self._quiet_until_s = 0.0
        self._device_id = ""
        self._session_id = ""

    def named(self, device_id: str, session_id: str) -> None:
        """Whose lines these are."""
        self._device_id, self._session_id = device_id, session_id

    def note(self, reason: str, now_s: float) -> None:
        """One piece of junk at loop time `now_s`."""
        self._totals[reason] += 1
        self._since_line[reason] += 1
        if now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + self._quiet_s
            self.flush()

    def flush(self) -> None:
        """Logs what no line has told yet, if anything: called when the connection is gone."""
        if not self._since_line:
            return
        log.warning(
            "Device sent something unusable",
            device_id=self._device_id,
            session_id=self._session_id,
            turn_id="",
            reasons=dict(self._since_line),
        )
        self._since_line.clear()
