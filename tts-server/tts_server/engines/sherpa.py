"""Natural voices on sherpa-onnx (Matcha, Kokoro, VITS, Piper) on this machine's CPU: one for Chinese, one for English.

Text is spoken script by script, each by the voice of its language; where only one voice is installed, espeak-ng speaks
the other script. The models live in a child process (sherpa_process): the library writes people's words to its standard
error and ends its process over what it dislikes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contracts.audio import BYTES_PER_SAMPLE, Pcm
from contracts.errors import EngineTimeout, EngineUnavailable
from contracts.model_files import models_dir, try_in_a_process
from contracts.speech import Synthesizer, VoiceChoice, one
from contracts.supervisor import ChildProcess
from sound.resample import Resampler
from tts_server.engines.base import amplified, has_words, sentences, split_long, without_signs
from tts_server.engines.espeak import EspeakSynthesizer, script_runs, units
from tts_server.engines.espeak_library import library
from tts_server.engines.sherpa_files import voice_files

MAX_UNIT_CHARS = 120
"""A voice computes a whole sentence before its first sound: longer ones are cut after a clause."""

PIECE_S = 20.0
"""Deadline for the next sound, waiting behind other toys included."""

LOAD_S = 60.0
"""Deadline for loading the models, which takes seconds on a slow disk."""

SPEED_RANGE = (0.5, 2.0)

PROCESS = "tts_server.engines.sherpa_process"


@dataclass(frozen=True, slots=True)
class LoadedVoice:
    """What the child says of a voice it has loaded."""

    sample_rate_hz: int
    speakers: int
    wants_phonemes: bool


class SherpaSynthesizer:
    """Implements Synthesizer. `VoiceChoice.voice` is the number of a model's speaker, "" = 0; pitch stays as it is.

    All sound has one rate: that of the voice with the highest.
    """

    name = "sherpa"

    def __init__(self, models: Path | None = None, *, other: Synthesizer | None = None) -> None:
        self._models = models or models_dir()
        self._other = other or EspeakSynthesizer()
        self._child = _child()
        self._voices: dict[str, LoadedVoice] = {}

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
        """Starts the child and loads the voices. Raises EngineUnavailable, EngineTimeout."""
        await self._loaded()
        await self._other.warm()

    async def close(self) -> None:
        """Ends the child; another one is started when somebody speaks."""
        child, self._child, self._voices = self._child, _child(), {}
        await child.close()
        await self._other.close()

    async def _loaded(self) -> dict[str, LoadedVoice]:
        if not self._voices:
            try:
                async with asyncio.timeout(LOAD_S):
                    answer = await self._child.request("load", {"models": str(self._models)})
            except TimeoutError as error:
                raise EngineTimeout("The voices take too long to load.", engine=self.name) from error
            self._voices = {language: LoadedVoice(**facts) for language, facts in answer.fields["voices"].items()}
        return self._voices

    async def _unit(
        self, voice: LoadedVoice | None, language: str, text: str, choice: VoiceChoice
    ) -> AsyncGenerator[Pcm, None]:
        if voice is None:
            elsewhere = self._other.speak(one(text), replace(choice, voice="", language=language))
            async with aclosing(elsewhere) as pieces:  # type: ignore[type-var]  # engines are generators
                async for pcm in pieces:
                    yield pcm
            return
        wanted = {
            "models": str(self._models),  # a child that has been started again has loaded nothing yet
            "language": language,
            "text": text,
            "speaker": _speaker(choice.voice, voice),
            "speed": min(max(choice.speed, SPEED_RANGE[0]), SPEED_RANGE[1]),
            "draft": choice.draft,
            "phonemes": await _phonemes(text, language) if voice.wants_phonemes else [],
        }
        async with aclosing(self._heard(wanted)) as made:
            async for data in made:
                yield Pcm(amplified(data, choice.volume_db), voice.sample_rate_hz)

    async def _heard(self, wanted: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        """The sound of one unit as it is computed; leaving early stops the computing at its next piece."""
        async with aclosing(self._child.stream("say", wanted)) as frames:
            while True:
                try:
                    async with asyncio.timeout(PIECE_S):
                        frame = await anext(frames, None)
                except TimeoutError as error:
                    raise EngineTimeout("The voice has too much to do or does not answer.", engine=self.name) from error
                if frame is None:
                    return
                yield frame.body


def _child() -> ChildProcess:
    return ChildProcess(PROCESS, name="sherpa voice")


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


def _speaker(name: str, voice: LoadedVoice) -> int:
    if not SherpaSynthesizer.understands(name):
        raise EngineUnavailable(
            f"The voices in the models folder have numbers, not names such as {name!r}: try 0.",
            engine="sherpa",
            code="unknown_voice",
        )
    return min(int(name or 0), voice.speakers - 1)


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
