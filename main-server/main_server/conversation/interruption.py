"""Speech over one turn's reply in realtime mode: hold at its onset, then confirm by its words, or resume."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from contracts.audio import HEARING_RATE_HZ
from contracts.events import Stage
from main_server.conversation.barge_in import Verdict, is_echo, judge
from main_server.conversation.chronicle import Chronicle
from main_server.conversation.turn import Turn

RESUME_AFTER_S = 0.43
"""A hold without words ends by then; with the onset's own delay the reply goes on within 600 ms of the noise."""

FRUITLESS_HOLDS = 3
"""After so many a room is noisy or the device hears itself: from then on only words stop this reply, no onset does."""

ECHO_TAIL_S = 0.2
"""Loudspeaker and room, after the device has played the last frame."""


@dataclass(slots=True)
class Interruption:
    """Watches one turn from its beginning until the next turn's. One timer at most."""

    turn: Turn
    chronicle: Chronicle
    start_sample: int | None = None  # of the speech under way
    _over_reply: bool = False  # that speech began while the toy could be heard
    _confirmed: bool = False  # its words have taken the floor already
    _held_at_s: float | None = None
    _fruitless: int = 0
    _stopped: bool = False  # the turn is over, however it ended
    _timer: asyncio.TimerHandle | None = None

    def speech_started(self, start_sample: int) -> None:
        """Somebody began to speak, or something sounds like it."""
        self.start_sample = start_sample
        self._confirmed = False
        now_s = asyncio.get_running_loop().time()
        self._over_reply = not self._stopped or now_s < self.turn.audible_until_s + ECHO_TAIL_S
        if not self._stopped and self._held_at_s is None and self._fruitless < FRUITLESS_HOLDS:
            self._hold(now_s)

    def weigh(self, text: str, sample: int, *, final: bool = False, speaker_known: bool = False) -> bool:
        """Whether these words, up to `sample`, take the floor. Resumes the reply when they certainly do not."""
        says = self.turn.says
        if self._stopped:
            return self._confirmed or not (final and self._over_reply and is_echo(text, says))
        spoken_ms = 0.0 if self.start_sample is None else (sample - self.start_sample) * 1000 / HEARING_RATE_HZ
        verdict = judge(text, says, spoken_ms, final=final, speaker_known=speaker_known)
        if verdict is Verdict.CONFIRM:
            self._confirmed = True
            self._tell(Stage.CONFIRMED)
            return True
        if verdict is Verdict.REFUTE:
            if is_echo(text, says):
                self._fruitless = FRUITLESS_HOLDS
            self.resume()
        return False

    def disregard(self) -> None:
        """An utterance was none of ours: no turn follows."""
        self.resume()
        self.chronicle.reached(Stage.DISREGARDED, self.turn.turn_id)

    def resume(self) -> None:
        """Nobody wants the floor. Does nothing when the reply is not held."""
        if self._held_at_s is None:
            return
        self._tell(Stage.RESUMED)
        self._fruitless += 1
        self._forget_hold()
        self.turn.resume()

    def turn_over(self) -> None:
        """The turn has ended or is being stopped: there is nothing left to hold."""
        self._stopped = True
        self._forget_hold()

    def _hold(self, now_s: float) -> None:
        self._held_at_s = now_s
        self.turn.hold()
        self._tell(Stage.HELD)
        self._timer = asyncio.get_running_loop().call_later(RESUME_AFTER_S, self.resume)

    def _forget_hold(self) -> None:
        self._held_at_s = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self, stage: Stage) -> None:
        since_ms = None
        if stage is not Stage.HELD and self._held_at_s is not None:
            since_ms = (asyncio.get_running_loop().time() - self._held_at_s) * 1000
        self.chronicle.reached(stage, self.turn.turn_id, since_ms)
