"""The voices of a desktop's own system as a Synthesizer, by pyttsx3 (extra `desktop`): macOS, Windows, Linux.

Each sentence is spoken into a file by a process of its own: the systems' speech wants the main thread, and on some of
them it hangs for good now and then.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from contracts.audio import BYTES_PER_SAMPLE, Pcm
from contracts.errors import EngineBusy, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.speech import Voice, VoiceChoice
from tts_server.engines.base import amplified, has_words, sentences, split_long, without_signs

AT_ONCE = 2
MOST_WAITING = 32
SENTENCE_S = 20.0
PIECE_MS = 150
PAUSE_MS = 150
"""The silence behind a sentence; the systems leave more or none, and not always as much."""
QUIET = 60
"""A sample that nobody hears."""
MAX_TEXT_CHARS = 400
SOUND, VOICES_FILE = "speech.wav", "voices.json"
_PROCESS = "tts_server.engines.system_process"


class SystemSynthesizer:
    """Implements Synthesizer and HasVoices. `VoiceChoice.voice` is the system's own id of a voice; without one the
    language decides, else the script of the text. Pitch stays as it is. Raises EngineUnavailable without the extra."""

    name = "system"

    def __init__(self) -> None:
        if find_spec("pyttsx3") is None:
            raise EngineUnavailable(
                "The system's voices need one more package: .venv/bin/pip install 'zhiyin[desktop]'.", engine=self.name
            )
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        """Pieces of 150 ms, a sentence at a time. Raises EngineError."""
        async with aclosing(sentences(words)) as texts:
            async for text in texts:
                for part in split_long(without_signs(text), MAX_TEXT_CHARS):
                    if not has_words(part):
                        continue
                    for pcm in await self._sentence(part, choice):
                        yield Pcm(amplified(pcm.data, choice.volume_db), pcm.sample_rate_hz)

    async def warm(self) -> None:
        """Whether the system has speech at all. Raises EngineUnavailable."""
        await self.voices()

    async def voices(self) -> list[Voice]:
        """All of the system's. Raises EngineError."""
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="zhiyin-voices-"))
        try:
            await self._ask(folder, {})
            listed = json.loads(await asyncio.to_thread((folder / VOICES_FILE).read_text, "utf-8"))
        except (OSError, ValueError) as error:
            raise EngineFailed("The system's voices cannot be listed.", engine=self.name) from error
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return [Voice(each["id"], each["name"], tuple(each["languages"])) for each in listed]

    async def close(self) -> None:
        """Nothing is kept between two sentences."""

    async def _sentence(self, text: str, choice: VoiceChoice) -> list[Pcm]:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="zhiyin-speech-"))
        asked = {"text": text, "voice": choice.voice, "language": choice.language, "speed": choice.speed}
        try:
            await self._ask(folder, asked)
            return await asyncio.to_thread(_pieces, folder / SOUND)
        except (soundfile.LibsndfileError, OSError) as error:
            raise EngineFailed("The system's speech made no sound.", engine=self.name) from error
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _ask(self, folder: Path, asked: dict[str, Any]) -> None:
        """One life of the process. Raises EngineError."""
        if self._waiting >= MOST_WAITING:
            raise EngineBusy("The system's speech has too much to do.", engine=self.name)
        self._waiting += 1
        try:
            async with self._turns:
                await self._run(json.dumps({**asked, "folder": str(folder)}).encode())
        finally:
            self._waiting -= 1

    async def _run(self, asked: bytes) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", _PROCESS),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,  # what it could not speak would be quoted there
        )
        try:
            async with asyncio.timeout(SENTENCE_S):
                await process.communicate(asked)
        except TimeoutError as error:
            raise EngineTimeout("The system's speech did not come to an end in time.", engine=self.name) from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await asyncio.wait({asyncio.ensure_future(process.wait())})
        self._check(process.returncode or 0)

    def _check(self, status: int) -> None:
        match status:
            case 0:
                return
            case 3:
                raise EngineUnavailable(
                    "This system has no speech that can be used; on Linux: apt install espeak-ng.", engine=self.name
                )
            case 4:
                raise EngineUnavailable("The system has no such voice.", engine=self.name, code="unknown_voice")
            case _:
                raise EngineFailed("The system's speech failed.", engine=self.name)


def _pieces(path: Path) -> list[Pcm]:
    """Blocks; the file may be wav or, on macOS, AIFF."""
    samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    loud = np.flatnonzero(np.abs(samples[:, 0].astype(np.int32)) > QUIET)
    end = int(loud[-1]) + 1 if loud.size else 0
    pause = bytes(rate_hz * PAUSE_MS // 1000 * BYTES_PER_SAMPLE) if end else b""
    data = samples[:end, 0].astype("<i2").tobytes() + pause
    step = rate_hz * PIECE_MS // 1000 * BYTES_PER_SAMPLE
    return [Pcm(data[at : at + step], rate_hz) for at in range(0, len(data), step)]
