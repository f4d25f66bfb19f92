"""The keeper: looks back on conversations that have ended and writes down what is worth remembering, when it is quiet.

Which are due is in the database (`memory_due_at`), so nothing is forgotten when a process dies, and any process of
several may take one. A note that fails is tried again after as long as the conversation is old, which doubles the wait
each time; after a day the person's last words are kept instead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.errors import EngineError, ZhiyinError
from main_server.conversation.summarising import SummaryRoom
from main_server.conversation.writing import can_write, written
from main_server.memory.digest import ANSWER_CHARS, Unreadable, kept_turns, read, request
from main_server.memory.notebook import Note, Notebook, PastTalk, SmallModels

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
WRITE_S = 120.0
"""How long a small model may take for one note."""

QUIET_S = 30.0
"""How long a note waits for a moment in which nobody is being answered; where somebody always is, it is written all the
same."""

STEP_S = 0.25
SOONEST = timedelta(minutes=1)
LATEST = timedelta(hours=6)
GIVEN_UP_AFTER = timedelta(days=1)


@dataclass(slots=True)
class Keeper:
    """One at a time per process: `run` until it is cancelled. `answering` tells how many turns are under way."""

    notebook: Notebook
    models: SmallModels
    room: SummaryRoom
    answering: Callable[[], int]
    look_every_s: float = LOOK_EVERY_S
    kept: int = 0
    failed: int = 0

    async def run(self) -> None:
        """Looks every few seconds whether something is due."""
        while True:
            await asyncio.sleep(self.look_every_s)
            try:
                while await self.keep_one():
                    pass
            except ZhiyinError as error:  # the database; it is there again some time
                log.warning("conversations could not be looked back on", extra={"why": str(error)})
            except Exception as error:  # the outermost loop: a note that breaks must not end all others
                log.error("a note broke", extra={"error": type(error).__name__})

    async def keep_one(self) -> bool:
        """Looks back on one conversation, if one is due. Raises ZhiyinError when the store cannot be had."""
        await self._quiet()
        if not self.room.enter():
            return False
        try:
            talk = await self.notebook.take()
            if talk is not None:
                await self._keep(talk)
            return talk is not None
        finally:
            self.room.leave()

    async def _keep(self, talk: PastTalk) -> None:
        try:
            note = await self._note(talk)
        except (ZhiyinError, TimeoutError, Unreadable) as error:
            self.failed += 1
            log.warning("a conversation could not be noted down", extra={"why": _reason(error)})
            await self._again(talk)
        else:
            self.kept += 1
            await self.notebook.write(talk, note)

    async def _note(self, talk: PastTalk) -> Note:
        async with self.models.of(talk.role_id, talk.account_id) as model:
            if not can_write(model):
                return kept_turns(talk)
            answer = await written(model, request(talk), most_chars=ANSWER_CHARS, within_s=WRITE_S)
            return read(answer.text, talk)

    async def _again(self, talk: PastTalk) -> None:
        now = datetime.now(UTC)
        age = now - talk.last_turn_at
        if age > GIVEN_UP_AFTER:
            await self.notebook.write(talk, kept_turns(talk))
        else:
            await self.notebook.put_off(talk, now + min(max(age, SOONEST), LATEST))

    async def _quiet(self) -> None:
        """Waits until nobody is being answered, for a while."""
        waited_s = 0.0
        while self.answering() and waited_s < QUIET_S:
            await asyncio.sleep(STEP_S)
            waited_s += STEP_S


def _reason(error: Exception) -> str:
    """Why, in words that hold nobody's."""
    if isinstance(error, Unreadable):
        return "The small model's answer was no note."
    return str(error) if isinstance(error, EngineError | ZhiyinError) else "The small model took too long."
