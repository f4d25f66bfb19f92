"""`python -m tts_server.engines.sherpa_process`: the voices' own process, started and ended by contracts.supervisor.

The library writes texts that it cannot read to its standard error, and ends its process over what it dislikes: neither
may reach the server's log or the server.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from contracts.errors import EngineBusy, EngineUnavailable
from contracts.loopback import MAX_REQUESTS, Answer, Frame
from contracts.supervisor import serve_parent
from contracts.turnstile import Turnstile
from tts_server.engines.sherpa_files import voice_files
from tts_server.engines.sherpa_voice import SherpaVoice

MAX_UNIT_PIECES = 64
"""Sentences of one unit; the computing stops at more, which bounds what waits for a slow listener."""


class Voices:
    """Answers "load" (what there is) and "say" (one unit, streamed). One thread computes, unit after unit."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sherpa")
        self._turnstile = Turnstile(MAX_REQUESTS)
        self._loaded: dict[str, SherpaVoice] = {}

    async def handle(self, kind: str, request: Frame) -> Answer:
        """Raises EngineUnavailable, EngineBusy."""
        models = Path(str(request.fields["models"]))
        voices = self._loaded or await asyncio.get_running_loop().run_in_executor(self._thread, self._load, models)
        if kind == "load":
            return Frame({"voices": {language: _facts(voice) for language, voice in voices.items()}})
        if kind != "say":
            raise EngineUnavailable(f"The voices do not know the request {kind!r}.", engine="sherpa")
        return self._say(voices[request.fields["language"]], request)

    def _load(self, models: Path) -> dict[str, SherpaVoice]:
        if not self._loaded:
            self._loaded = {language: SherpaVoice(files) for language, files in voice_files(models).items()}
        if not self._loaded:
            raise EngineUnavailable(f"There is no voice in {models}: see docs/engines.md.", engine="sherpa")
        return self._loaded

    async def _say(self, voice: SherpaVoice, request: Frame) -> AsyncGenerator[Frame, None]:
        """The sound as it is computed; closing it stops the computing at its next piece."""
        wanted = request.fields
        draft = wanted.get("draft") is True
        if not self._turnstile.has_room(draft):
            raise EngineBusy("The voices have too much to do.", engine="sherpa")
        await self._turnstile.enter(draft)
        listener = _Listener(asyncio.get_running_loop())

        def work() -> None:
            voice.say(wanted["text"], wanted["speaker"], wanted["speed"], listener.hear, wanted["phonemes"])

        job = listener.loop.run_in_executor(self._thread, work)
        job.add_done_callback(lambda _: self._done(listener))
        try:
            while (pcm := await listener.queue.get()) is not None:
                yield Frame(body=pcm)
            await job
        finally:
            listener.gone = True
            job.cancel()

    def _done(self, listener: _Listener) -> None:
        self._turnstile.leave()
        listener.queue.put_nowait(None)


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


def _facts(voice: SherpaVoice) -> dict[str, int | bool]:
    return {
        "sample_rate_hz": voice.sample_rate_hz,
        "speakers": voice.speakers,
        "wants_phonemes": voice.wants_phonemes,
    }


def _keep_words_out_of_the_log() -> None:
    """What native code writes goes nowhere; Python's own messages, which quote nobody, still reach the log."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if __name__ == "__main__":
    _keep_words_out_of_the_log()
    asyncio.run(serve_parent(Voices().handle))
    os._exit(0)  # a sentence under way must not keep a dead parent's child alive
