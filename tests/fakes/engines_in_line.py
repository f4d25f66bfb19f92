"""Engines of each port that do what they are told, for lines of several: `error` now, or after `begins` pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from contracts.audio import Pcm
from contracts.errors import EngineError
from contracts.language_model import Message, ModelEvent, ToolSpec, Usage, Words
from contracts.speech import VoiceChoice

SOUND = Pcm(b"\x10\x10" * 480, 24_000)


@dataclass
class LineModel:
    """Writes its own name in two pieces. `after` = how many of them before `error`; `first_s` before any."""

    name: str = "openai"
    error: EngineError | None = None
    after: int = 0
    first_s: float = 0.1
    asked: int = 0
    closed: int = 0
    warm_error: EngineError | None = None

    async def reply(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> AsyncIterator[ModelEvent]:
        self.asked += 1
        try:
            await asyncio.sleep(self.first_s)
            for number, piece in enumerate(("I am ", self.name)):
                if self.error is not None and number == self.after:
                    raise self.error
                yield Words(piece)
            yield Usage(1, 2)
        finally:
            self.closed += 1

    async def warm(self) -> None:
        if self.warm_error is not None:
            raise self.warm_error

    async def close(self) -> None: ...


@dataclass
class LineVoice:
    """A piece of sound per word it is given; `spoken` is what it read, also when it fails before the first."""

    name: str = "openai"
    error: EngineError | None = None
    after: int = 0
    spoken: list[str] = field(default_factory=list)
    choices: list[VoiceChoice] = field(default_factory=list)

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        self.choices.append(choice)
        made = 0
        async for piece in words:
            self.spoken.append(piece)
            await asyncio.sleep(0.01)
            if self.error is not None and made == self.after:
                raise self.error
            made += 1
            yield SOUND

    async def warm(self) -> None: ...

    async def close(self) -> None: ...
