"""Natural voices on sherpa-onnx (Matcha, Kokoro, VITS, Piper) on this machine's CPU: one for Chinese, one for English.

Text is spoken script by script, each by the voice of its language; where only one voice is installed, espeak-ng speaks
the other script. The library lets the GIL go while it computes, so a thread is enough.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.audio import BYTES_PER_SAMPLE, Pcm
from contracts.errors import EngineTimeout, EngineUnavailable
from contracts.model_files import models_dir, try_in_a_process
from contracts.speech import Synthesizer, VoiceChoice, one
from sound.resample import Resampler
from tts_server.engines.base import amplified, has_words, sentences, split_long, without_signs
from tts_server.engines.espeak import EspeakSynthesizer, script_runs, units
from tts_server.engines.espeak_library import library
from tts_server.engines.sherpa_files import voice_files

if TYPE_CHECKING:
    from tts_server.engines.sherpa_voice import SherpaVoice

MAX_UNIT_CHARS = 120
"""A voice computes a whole sentence before its first sound: longer ones are cut after a clause."""

MAX_UNIT_PIECES = 64
"""Sentences of one unit; the computing stops at more, which bounds what waits for a slow listener."""

PIECE_S = 20.0
"""Deadline for the next sound, waiting behind other toys included."""

SPEED_RANGE = (0.5, 2.0)


class SherpaSynthesizer:
    """Implements Synthesizer. `VoiceChoice.voice` is the number of a model's speaker, "" = 0; pitch stays as it is.

    All sound has one rate: that of the voice with the highest.
    """

    name = "sherpa"

    def __init__(self, models: Path | None = None, *, other: Synthesizer | None = None) -> None:
        self._models = models or models_dir()
        self._other = other or EspeakSynthesizer()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sherpa")
        self._voices: dict[str, SherpaVoice] = {}

    @staticmethod
    def tried(models: Path) -> str:
        """What there is, in words, after it was loaded once; "" when there is nothing. Blocks for seconds.

        Raises EngineUnavailable: a sentence about files that are missing, unfinished or damaged.
        """
        found = voice_files(models)
        for files in found.values():
            try_in_a_process("tts_server.engines.sherpa_voice", [str(files.folder)], files.folder, "sherpa")
        return ", ".join(f"{files.kind} in {files.folder} ({language})" for language, files in found.items())

    @staticmethod
    def understands(voice: str) -> bool:
        """Whether a voice name can be one of ours."""
        return not voice or (voice.isascii() and voice.isdigit())

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        """Raises EngineUnavailable: no files, or no such speaker; EngineTimeout."""
        async with aclosing(sentences(words)) as texts:
            async for text in texts:
                spoken = without_signs(text)
                if not has_words(spoken):
                    continue
                voices = await self._loaded()
                rate_hz = max(voice.sample_rate_hz for voice in voices.values())
                for language, unit in _units(spoken, choice):
                    made = self._unit(voices.get(language), language, unit, choice)
                    async with aclosing(_at_rate(made, rate_hz)) as pieces:
                        async for pcm in pieces:
                            yield pcm

    async def warm(self) -> None:
        """Loads the voices. Raises EngineUnavailable."""
        await self._loaded()
        await self._other.warm()

    async def close(self) -> None:
        """Lets the models go; they are loaded again when somebody speaks."""
        self._voices = {}
        await self._other.close()

    async def _loaded(self) -> dict[str, SherpaVoice]:
        return self._voices or await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    def _load(self) -> dict[str, SherpaVoice]:
        from tts_server.engines.sherpa_voice import SherpaVoice  # a library that most servers have no models for

        if not self._voices:
            self._voices = {language: SherpaVoice(files) for language, files in voice_files(self._models).items()}
        if not self._voices:
            raise EngineUnavailable(f"There is no voice in {self._models}: see docs/engines.md.", engine=self.name)
        return self._voices

    async def _unit(
        self, voice: SherpaVoice | None, language: str, text: str, choice: VoiceChoice
    ) -> AsyncGenerator[Pcm, None]:
        if voice is None:
            elsewhere = self._other.speak(one(text), replace(choice, voice="", language=language))
            async with aclosing(elsewhere) as pieces:  # type: ignore[type-var]  # engines are generators
                async for pcm in pieces:
                    yield pcm
            return
        speaker = _speaker(choice.voice, voice)
        speed = min(max(choice.speed, SPEED_RANGE[0]), SPEED_RANGE[1])
        phonemes = await _phonemes(text, language) if voice.wants_phonemes else []

        def work(hear: Callable[[bytes], bool]) -> None:
            voice.say(text, speaker, speed, hear, phonemes)

        async with aclosing(_heard(self._thread, work)) as made:
            async for data in made:
                yield Pcm(amplified(data, choice.volume_db), voice.sample_rate_hz)


def _units(text: str, choice: VoiceChoice) -> Iterator[tuple[str, str]]:
    """Language ("zh" or "en") and text, in the order they are spoken."""
    for chinese, run in script_runs(text, choice.language.lower().startswith("zh")):
        for part in split_long(run, MAX_UNIT_CHARS):
            if has_words(part):
                yield "zh" if chinese else "en", part.strip()


async def _phonemes(text: str, language: str) -> list[str]:
    """How espeak-ng reads the text, clause by clause, with the marks that Piper's voices breathe at."""
    espeak = await library()
    [unit, *_] = units(text, VoiceChoice(language=language), espeak.voices)
    *clauses, last = await espeak.phonemes(text, unit.voice) or [""]
    mark = text.rstrip()[-1:]
    return [*(f"{clause}," for clause in clauses), last + (mark if mark in ".!?" else ".")] if last else []


def _speaker(name: str, voice: SherpaVoice) -> int:
    if not SherpaSynthesizer.understands(name):
        raise EngineUnavailable(
            f"The voices in the models folder have numbers, not names such as {name!r}: try 0.",
            engine="sherpa",
            code="unknown_voice",
        )
    return min(int(name or 0), voice.speakers - 1)


@dataclass(slots=True)
class _Listener:
    """Where a unit's pieces go, from the voice's thread to the loop."""

    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(MAX_UNIT_PIECES + 1))
    numbers: Iterator[int] = field(default_factory=itertools.count)
    gone: bool = False

    def hear(self, pcm: bytes) -> bool:
        """Called on the voice's thread; False stops the work."""
        if self.gone or next(self.numbers) >= MAX_UNIT_PIECES:
            return False
        try:
            self.loop.call_soon_threadsafe(self.queue.put_nowait, pcm)
        except RuntimeError:  # the loop has closed: nobody listens any more
            return False
        return True


async def _heard(
    thread: ThreadPoolExecutor, work: Callable[[Callable[[bytes], bool]], None]
) -> AsyncGenerator[bytes, None]:
    """The sound of one unit as it is computed; leaving early stops the computing at its next piece."""
    listener = _Listener(asyncio.get_running_loop())
    job = listener.loop.run_in_executor(thread, work, listener.hear)
    job.add_done_callback(lambda _: listener.queue.put_nowait(None))
    try:
        while True:
            try:
                async with asyncio.timeout(PIECE_S):
                    pcm = await listener.queue.get()
            except TimeoutError:
                raise EngineTimeout("The voice has too much to do or does not answer.", engine="sherpa") from None
            if pcm is None:
                break
            yield pcm
        await job
    finally:
        listener.gone = True
        job.cancel()


async def _at_rate(made: AsyncGenerator[Pcm, None], rate_hz: int) -> AsyncGenerator[Pcm, None]:
    """The same sound at one rate, piece by piece; `made` is closed with it."""
    resampler: Resampler | None = None
    async with aclosing(made) as pieces:
        async for piece in pieces:
            resampler = resampler or Resampler(piece.sample_rate_hz, rate_hz)
            if data := resampler.push(piece.data):
                yield Pcm(data, rate_hz)
    if resampler is not None and len(rest := resampler.flush()) >= BYTES_PER_SAMPLE:
        yield Pcm(rest, rate_hz)
