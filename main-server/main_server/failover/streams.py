"""Answers that come in pieces, from the first engine that begins one: language models and voices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from contracts.audio import Pcm
from contracts.errors import EngineBusy, EngineError
from contracts.language_model import LanguageModel, Message, ModelEvent, ToolSpec, Usage, Words
from contracts.speech import Synthesizer, VoiceChoice
from main_server.conversation.closing import closing
from main_server.failover.line import Attempt, EngineT, Entry, Line

Piece = TypeVar("Piece")

WITHHELD = "engine_withheld"
"""A provider that will not answer this is not asked around."""


class FailoverModel:
    """A LanguageModel over several. `name` is the one asked last through this view; `for_session` gives another view
    of the same engines, so that a session's record tells of its own turns."""

    def __init__(self, line: Line[LanguageModel]) -> None:
        self.line = line
        self.name = line.entries[0].name

    def for_session(self) -> FailoverModel:
        return FailoverModel(self.line)

    async def reply(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> AsyncIterator[ModelEvent]:
        """Raises EngineError once a model has begun to talk and fails, or when the last one fails."""

        def ask(entry: Entry[LanguageModel]) -> AsyncIterator[ModelEvent]:
            self.name = entry.name
            return entry.engine.reply(history, tools)

        async with closing(_answer(self.line, ask, _says_something)) as events:
            async for event in events:
                yield event

    async def warm(self) -> None:
        await self.line.warm()

    async def connect(self) -> None:
        await self.line.connect()

    async def prepare(self, beginning: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        await self.line.prepare(beginning, tools)

    async def close(self) -> None:
        await self.line.close()


class FailoverSynthesizer:
    """A Synthesizer over several; `voices` are their voice names, "" = their own default. `name` as FailoverModel's."""

    def __init__(self, line: Line[Synthesizer], voices: Sequence[str]) -> None:
        self.line = line
        self.name = line.entries[0].name
        self._voices = tuple(voices)
        self._voice_of = {entry.name: voice for entry, voice in zip(line.entries, self._voices, strict=True)}

    def for_session(self) -> FailoverSynthesizer:
        return FailoverSynthesizer(self.line, self._voices)

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        """`choice.voice` is not used: no engine knows the names of another. Raises EngineError once a voice has made
        sound and fails, or when the last one fails."""
        text = _Repeatable(words)

        def ask(entry: Entry[Synthesizer]) -> AsyncIterator[Pcm]:
            self.name = entry.name
            return entry.engine.speak(text.again(), _with_voice(choice, self._voice_of[entry.name]))

        async with closing(words), closing(_answer(self.line, ask, _sounds, guess=choice.draft)) as pieces:
            async for piece in pieces:
                text.forget()
                yield piece

    async def warm(self) -> None:
        await self.line.warm()

    async def connect(self) -> None:
        await self.line.connect()

    async def close(self) -> None:
        await self.line.close()


async def _answer(
    line: Line[EngineT],
    ask: Callable[[Entry[EngineT]], AsyncIterator[Piece]],
    begins: Callable[[Piece], bool],
    guess: bool = False,
) -> AsyncIterator[Piece]:
    """One engine's answer; the next one is asked only while nothing that `begins` one was passed on.

    A `guess` that is refused goes nowhere else: what is said for certain a moment later shall sound the same.
    """
    failure: EngineError | None = None
    for entry in line.candidates():
        with line.asking(entry) as attempt:
            async with closing(_pieces(ask(entry), attempt)) as pieces:
                async for piece in pieces:
                    attempt.begun = attempt.begun or begins(piece)
                    yield piece
        failure = attempt.failure
        if failure is None:
            return
        if attempt.begun or failure.code == WITHHELD or (guess and isinstance(failure, EngineBusy)):
            break
    assert failure is not None
    raise failure


async def _pieces(answer: AsyncIterator[Piece], attempt: Attempt) -> AsyncIterator[Piece]:
    """The answer, ended by its failure, which is noted."""
    try:
        async with closing(answer) as pieces:
            async for piece in pieces:
                yield piece
    except EngineError as error:
        attempt.failure = error


def _says_something(event: ModelEvent) -> bool:
    return bool(event.text.strip()) if isinstance(event, Words) else not isinstance(event, Usage)


def _sounds(piece: Pcm) -> bool:
    return bool(piece.data)


def _with_voice(choice: VoiceChoice, voice: str) -> VoiceChoice:
    return replace(choice, voice=voice)


class _Repeatable:
    """Words that can be read again from the start until `forget`. A reader that ends does not close them."""

    def __init__(self, words: AsyncIterator[str]) -> None:
        self._words = words
        self._read: list[str] | None = []

    async def again(self) -> AsyncIterator[str]:
        for piece in tuple(self._read or ()):
            yield piece
        async for piece in self._words:
            if self._read is not None:
                self._read.append(piece)
            yield piece

    def forget(self) -> None:
        self._read = None
