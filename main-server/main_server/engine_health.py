"""What the last turns say about the engines, for /ready: a failure is a sentence there until a turn works again."""

from __future__ import annotations

from contracts.events import Event, Outcome, TurnEnded
from serving.readiness import Readiness

LAST_TURN = "last turn"


class EngineHealth:
    """Listens to the events; feeds the notes of Readiness."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def on_event(self, event: Event) -> None:
        if not isinstance(event, TurnEnded):
            return
        if event.outcome is Outcome.FAILED:
            self._readiness.note(LAST_TURN, f"The last turn failed ({event.error_code}): {event.error_sentence}")
        elif event.outcome is Outcome.COMPLETED and event.model:
            self._readiness.note(LAST_TURN, "")
