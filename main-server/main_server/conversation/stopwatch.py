"""A turn's stopwatch: when each stage was reached, told as events and summed up as timings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from contracts.events import EventSink, Stage, StageReached, TurnTimings
from contracts.hearing import Utterance
from main_server.conversation.ports import Channel


@dataclass(slots=True)
class Stopwatch:
    """Moments of one turn on the loop's clock, and the events that tell of them."""

    channel: Channel
    emit: EventSink
    turn_id: str
    heard_at_s: float
    first: dict[Stage, float] = field(default_factory=dict)
    stop_heard_ms: float | None = None

    def reached(self, stage: Stage, detail: str = "", *, at_s: float | None = None) -> None:
        """Notes a stage, reached now or at loop time `at_s`; only its first time counts for the timings."""
        now_s = asyncio.get_running_loop().time() if at_s is None else at_s
        since_ms = (now_s - self.heard_at_s) * 1000
        self.first.setdefault(stage, since_ms)
        self.emit(
            StageReached(
                at_s=now_s,
                device_id=self.channel.device_id,
                session_id=self.channel.session_id,
                turn_id=self.turn_id,
                stage=stage,
                since_heard_ms=since_ms,
                detail=detail,
            )
        )

    def reached_once(self, stage: Stage, detail: str = "") -> None:
        """Notes a stage unless it was reached before in this turn."""
        if stage not in self.first:
            self.reached(stage, detail)

    def stop_heard(self) -> None:
        """The turn is told to stop; the first time counts."""
        if self.stop_heard_ms is None:
            self.stop_heard_ms = (asyncio.get_running_loop().time() - self.heard_at_s) * 1000

    def timings(self, now_s: float, utterance: Utterance | None, drafted_at_s: float | None) -> TurnTimings:
        """The turn's milliseconds; the listening before it, and the draft it adopted, included when there was one."""
        sound_ms = self.first.get(Stage.FIRST_SOUND)
        total_ms = (now_s - self.heard_at_s) * 1000
        listening = utterance.timings if utterance else None
        felt_ms = None
        if sound_ms is not None and listening is not None:
            felt_ms = listening.silence_ms + listening.wait_ms + sound_ms
        return TurnTimings(
            speech_ms=utterance.duration_ms if utterance else None,
            silence_ms=listening.silence_ms if listening else None,
            transcribe_ms=listening.transcribe_ms if listening else None,
            transcribe_wait_ms=listening.wait_ms if listening else None,
            draft_lead_ms=(self.heard_at_s - drafted_at_s) * 1000 if drafted_at_s is not None else None,
            first_token_ms=self.first.get(Stage.FIRST_TOKEN),
            first_clause_ms=self.first.get(Stage.FIRST_CLAUSE),
            first_speech_ms=self.first.get(Stage.FIRST_SPEECH),
            first_sound_ms=sound_ms,
            reply_ms=total_ms - sound_ms if sound_ms is not None else None,
            filler_ms=self.first.get(Stage.FILLED),
            stop_heard_ms=self.stop_heard_ms,
            total_ms=total_ms,
            speech_end_to_sound_ms=felt_ms,
        )
