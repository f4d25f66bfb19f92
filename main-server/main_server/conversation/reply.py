"""A reply being spoken: clauses in, sound at the device. One task makes speech, one paces it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from contracts.errors import EngineError
from main_server.conversation.closing import closing
from main_server.conversation.draft import Opening
from main_server.conversation.heard import joined
from main_server.conversation.playback import Clause, Playback
from main_server.conversation.ports import Channel, Voice
from main_server.conversation.sentences import Piece

RUNS_DRY_MS = 600
"""With less sound than this made, a clause that is there is worth more than the whole sentence later."""

CLAUSES_AHEAD = 32
"""Clauses written but not yet spoken; the model waits when it is that far ahead."""


@dataclass(slots=True)
class Reply:
    """What a turn says. `say` queues a clause; leaving `speaking(...)` waits until all of it has been sent.

    `opening` is the sound of the first clause, where a draft has begun to make it.
    """

    channel: Channel
    voice: Voice
    playback: Playback
    on_first_speech: Callable[[], None]
    opening: Opening | None = None
    written: list[str] = field(default_factory=list)
    voice_failed: bool = False
    _making: bool = False
    _clauses: asyncio.Queue[Clause | None] = field(default_factory=lambda: asyncio.Queue(CLAUSES_AHEAD))

    async def say(self, piece: Piece) -> None:
        """Speaks a piece after what was said before it."""
        self.written.append(piece.text)
        await self._clauses.put(Clause(piece.text, piece.emotion, piece.ends_sentence))

    async def announce(self, text: str) -> None:
        """Speaks a sentence of ours before the model's first; what was made ahead is said behind it."""
        self.written.append(text)
        await self._clauses.put(Clause(text, ours=True))

    def fill(self, text: str) -> None:
        """Says `text`, no part of the reply, if nothing of it was written yet and nothing else waits to be said."""
        if not self.written and self._clauses.empty():
            self._clauses.put_nowait(Clause(text, filler=True))

    @property
    def text(self) -> str:
        """All that was written so far, heard or not."""
        return joined(self.written)

    @property
    def runs_dry(self) -> bool:
        """Whether what was written will soon have been said."""
        return self._clauses.empty() and not self._making and self.playback.waiting_ms < RUNS_DRY_MS

    async def finish(self) -> None:
        """Nothing more will be said."""
        await self._clauses.put(None)

    async def make_speech(self) -> None:
        """Turns clauses into packets, in order; the next one is made while the one before plays."""
        while (clause := await self._clauses.get()) is not None:
            if not clause.text:  # an emoji after the last word: a face, and nothing to say
                self.channel.emotion(clause.emotion or "neutral")
                continue
            self.playback.begin(clause)
            self._making = True
            try:
                await self._speak(clause)
            except EngineError:
                self.voice_failed = True
                raise
            finally:
                self._making = False
        self.playback.end()

    async def _speak(self, clause: Clause) -> None:
        async with closing(self._sound_of(clause)) as packets:
            async for packet in packets:
                if clause.made == 0 and not clause.filler:
                    self.on_first_speech()
                await self.playback.put(packet)
        clause.complete = True

    def _sound_of(self, clause: Clause) -> AsyncIterator[bytes]:
        """What was made ahead, when that is what the reply begins with; else made from here on."""
        if clause.filler or clause.ours or self.opening is None:
            return self.voice.speak(clause.text)
        opening, self.opening = self.opening, None
        if opening.text == clause.text:
            return opening.packets
        opening.packets.drop()
        return self.voice.speak(clause.text)


@asynccontextmanager
async def speaking(reply: Reply) -> AsyncIterator[Reply]:
    """Runs the reply's two tasks around the block that writes it. Cancelling the block stops both at once."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(reply.make_speech(), name="make-speech")
        tasks.create_task(reply.playback.run(), name="play")
        yield reply
        await reply.finish()
