"""The floor: the turn that has it, and what becomes of speech over its reply. One turn at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from contracts.hearing import Utterance
from main_server.conversation.chronicle import Chronicle
from main_server.conversation.interruption import Interruption
from main_server.conversation.turn import Turn

STOP_TURN_S = 3.0
"""How long a cancelled turn may take to close its requests before the next one begins anyway."""


@dataclass(slots=True)
class Floor:
    """`given_up` is called when a turn has ended, however it did.

    `open`: realtime mode, the microphone is on while the toy speaks, and speech may interrupt it.
    """

    chronicle: Chronicle
    given_up: Callable[[], None]
    open: bool = False
    turn: Turn | None = None
    _watching: Interruption | None = None  # the turn under way, or the last one
    _task: asyncio.Task[None] | None = None

    def give(self, turn: Turn, running: Coroutine[None, None, None]) -> None:
        """The turn begins; `running` takes it and calls `left_by` behind it."""
        self.turn = turn
        self._watching = Interruption(turn, self.chronicle)
        turn.begin()
        self._task = asyncio.create_task(running, name=f"turn {turn.turn_id}")

    def left_by(self, turn: Turn) -> bool:
        """This turn has ended. False when another one has the floor by now, or nobody waited for its end."""
        had_it = self.turn is turn
        if had_it:
            self._free()
        return had_it

    def hush(self) -> None:
        """No more sound of the turn under way, if there is one; it is stopped later."""
        if self.turn is not None:
            self.turn.hush()

    async def stop(self) -> None:
        """Cancels the turn under way and waits until it has really stopped."""
        task, turn = self._task, self.turn
        if task is None or turn is None:
            return
        turn.hush()
        if self._watching is not None:
            self._watching.turn_over()
        if not turn.under_way:
            await asyncio.sleep(0)  # a task cancelled before its first step would not even say that it ended
        task.cancel()
        await asyncio.wait((task,), timeout=STOP_TURN_S)
        self._free()

    def speech_started(self, start_sample: int) -> None:
        """Somebody begins to speak: over a reply, it is held."""
        if self._may_interrupt is not None:
            self._may_interrupt.speech_started(start_sample)

    async def weigh(self, text: str, sample: int) -> None:
        """Words over the reply: enough of them stop it, long before the utterance is finished."""
        if self.turn is not None and self._may_interrupt is not None and self._may_interrupt.weigh(text, sample):
            await self.stop()

    def disregards(self, utterance: Utterance) -> bool:
        """Whether it was a nod or an echo over the reply, which goes on: no turn follows."""
        watching = self._may_interrupt
        if watching is None or watching.weigh(utterance.text, utterance.end_sample, final=True):
            return False
        watching.disregard()
        return True

    def resume(self) -> bool:
        """Nobody wants the floor: a held reply goes on. Says whether the last speech began over a reply."""
        if self._may_interrupt is None:
            return False
        self._may_interrupt.resume()
        return self._may_interrupt.over_reply

    @property
    def _may_interrupt(self) -> Interruption | None:
        return self._watching if self.open else None

    def _free(self) -> None:
        self.turn = self._task = None
        if self._watching is not None:
            self._watching.turn_over()
        self.given_up()
