"""Trying a provider before a toy has to: a few words, a sentence spoken, a sentence heard, each with its times."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ, Pcm
from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineTimeout
from contracts.language_model import Author, HasModels, LanguageModel, Message, Words
from contracts.speech import HasVoices, Synthesizer, Voice, VoiceChoice, one
from contracts.transcription import Transcriber, TranscriptionRequest
from main_server.casting.making import EngineMaker, close
from main_server.casting.spec import ASR, LLM, PRICES, Spec
from main_server.conversation.closing import closing
from main_server.forms.trial import Audition, Listed, Trial, Tried
from sound.resample import Resampler
from sound.wav import wav_bytes

TRIAL_S = 20.0
MOST_AT_ONCE = 4
MOST_CHARS = 300
MOST_SOUND_S = 12.0

QUESTION = (
    Message(Author.SYSTEM, "You are a toy that talks. Answer in one short sentence."),
    Message(Author.USER, "你好！Hello! Who are you?"),
)
SENTENCE = "你好，很高兴认识你。Nice to meet you."
HEARD = "what time is it"
"""Which the built-in recogniser understands, too."""


class Trials:
    """A few at a time; each ends within TRIAL_S. `spare_voice` speaks to recognisers, `house_voice` where an account
    has no engine of its own."""

    def __init__(self, maker: EngineMaker, spare_voice: Synthesizer, house_voice: Synthesizer | None = None) -> None:
        self._maker = maker
        self._spare_voice = spare_voice
        self._house_voice = house_voice or spare_voice
        self._under_way = 0

    async def run(self, trial: Trial) -> Tried:
        """Whether a provider answers. Never raises: what fails is told in the result, without the secret."""
        return _without(trial.secret, await self._told(lambda: self._try(trial)))

    async def hear(self, audition: Audition) -> Tried:
        """How a voice sounds; as `run`."""
        secret = audition.provider.secret if audition.provider is not None else ""
        return _without(secret, await self._told(lambda: self._audition(audition)))

    async def voices(self, provider: Trial | None = None) -> Sequence[Voice] | None:
        """What an engine offers, None = the house's; None where it cannot say. Raises EngineError."""
        async with self._engine(provider) as engine:
            return await engine.voices() if isinstance(engine, HasVoices) else None

    async def models(self, trial: Trial) -> Listed:
        """Which models the server of a provider has; as `run`."""
        names: list[str] = []

        async def ask() -> Tried:
            async with self._engine(trial) as engine:
                if not isinstance(engine, HasModels):
                    raise EngineFailed("This engine has no list of models.", engine=engine.name, code="no_list")
                names.extend(await engine.models())
            return Tried(True)

        tried = _without(trial.secret, await self._told(ask))
        return Listed(tried.ok, tried.code, tried.sentence, tuple(names))

    async def _audition(self, audition: Audition) -> Tried:
        async with self._engine(audition.provider) as engine:
            return await _speak(engine, audition.choice, audition.text or SENTENCE)

    async def _told(self, work: Callable[[], Awaitable[Tried]]) -> Tried:
        try:
            if self._under_way >= MOST_AT_ONCE:
                raise EngineBusy("Too many providers are being tried at once: try again in a moment.", engine="trial")
            self._under_way += 1
            try:
                async with asyncio.timeout(TRIAL_S):
                    return await work()
            finally:
                self._under_way -= 1
        except TimeoutError:
            return Tried(False, EngineTimeout.code, f"It took longer than {TRIAL_S:.0f} seconds.")
        except EngineError as error:
            return Tried(False, error.code, str(error))

    async def _try(self, trial: Trial) -> Tried:
        async with self._engine(trial) as engine:
            if trial.kind == LLM:
                return await _think(engine)
            if trial.kind == ASR:
                return await self._hear(engine)
            return await _speak(engine, VoiceChoice(voice=str(trial.options.get("voice") or "")))

    @asynccontextmanager
    async def _engine(self, trial: Trial | None) -> AsyncIterator[Any]:
        """The engine of a provider for a moment. Raises EngineUnavailable."""
        if trial is None:
            yield self._house_voice
            return
        options = tuple(sorted((name, value) for name, value in trial.options.items() if name not in PRICES))
        name = trial.name or trial.engine
        made = await self._maker.make(
            Spec("trial", trial.kind, trial.engine, options, trial.secret, trial.private, name=name)
        )
        try:
            yield made.engine
        finally:
            if not made.shared:
                await close(made.engine)

    async def _hear(self, engine: Transcriber) -> Tried:
        sound = await _sound_of(self._spare_voice, HEARD, VoiceChoice(language="en-US"))
        resampler = Resampler(sound.sample_rate_hz, HEARING_RATE_HZ)
        began_s = time.monotonic()
        work = engine.open(TranscriptionRequest("trial", language="en"))
        try:
            work.feed(resampler.push(sound.data) + resampler.flush())
            transcript = await work.finish()
        finally:
            await work.close()
        return Tried(True, total_ms=_since_ms(began_s), text=transcript.text[:MOST_CHARS], spoken=HEARD)


async def _think(engine: LanguageModel) -> Tried:
    began_s, first_ms, text = time.monotonic(), None, ""
    async with closing(engine.reply(QUESTION, ())) as events:
        async for event in events:
            if isinstance(event, Words) and event.text:
                first_ms = first_ms or _since_ms(began_s)
                text += event.text
            if len(text) >= MOST_CHARS:
                break
    if not text.strip():
        raise EngineFailed("The language model said nothing.", engine=engine.name, code="engine_empty")
    return Tried(True, first_ms=first_ms, total_ms=_since_ms(began_s), text=text[:MOST_CHARS])


async def _speak(engine: Synthesizer, choice: VoiceChoice, text: str = SENTENCE) -> Tried:
    began_s, first_ms = time.monotonic(), None
    pieces: list[Pcm] = []
    async with closing(_bounded(engine, text, choice)) as sound:
        async for piece in sound:
            first_ms = first_ms or _since_ms(began_s)
            pieces.append(piece)
    made = _joined(pieces, engine.name)
    sound_ms = len(made.data) / BYTES_PER_SAMPLE / made.sample_rate_hz * 1000
    return Tried(
        True, first_ms=first_ms, total_ms=_since_ms(began_s), spoken=text, wav=wav_bytes(made), sound_ms=sound_ms
    )


async def _sound_of(engine: Synthesizer, text: str, choice: VoiceChoice) -> Pcm:
    async with closing(_bounded(engine, text, choice)) as sound:
        return _joined([piece async for piece in sound], engine.name)


async def _bounded(engine: Synthesizer, text: str, choice: VoiceChoice) -> AsyncIterator[Pcm]:
    """The speech, up to MOST_SOUND_S of it."""
    made_s = 0.0
    async with closing(engine.speak(one(text), choice)) as sound:
        async for piece in sound:
            yield piece
            made_s += len(piece.data) / BYTES_PER_SAMPLE / piece.sample_rate_hz
            if made_s >= MOST_SOUND_S:
                return


def _joined(pieces: list[Pcm], engine: str) -> Pcm:
    if not pieces:
        raise EngineFailed("The voice made no sound.", engine=engine, code="engine_empty")
    return Pcm(b"".join(piece.data for piece in pieces), pieces[0].sample_rate_hz)


def _without(secret: str, tried: Tried) -> Tried:
    """A server may repeat the key it was shown."""
    if not secret:
        return tried
    return replace(tried, text=tried.text.replace(secret, "…"), sentence=tried.sentence.replace(secret, "…"))


def _since_ms(began_s: float) -> float:
    return (time.monotonic() - began_s) * 1000
