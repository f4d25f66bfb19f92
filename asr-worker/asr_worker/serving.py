"""The child's half: requests from the parent, dispatched to engines, one decode at a time per engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Protocol, TypeVar, runtime_checkable

from contracts import jobs
from contracts.errors import EngineBusy, EngineUnavailable
from contracts.loopback import Frame
from contracts.transcription import Transcript, Voiceprint
from contracts.turnstile import Turnstile

Result = TypeVar("Result")

MAX_WAITING = 16
"""Utterances that may wait for one engine; the next one is refused with EngineBusy, a draft sooner."""

DECODERS = {
    "pocketsphinx": "asr_worker.engines.pocketsphinx_decoder:PocketsphinxDecoder",
    "sherpa": "asr_worker.engines.sherpa_decoder:SherpaDecoder",
}
"""Engines of the worker process, imported when first asked for."""


class Decoder(Protocol):
    """An engine inside the worker; made and called in a thread of its own."""

    def decode(self, pcm: bytes, sample_rate_hz: int, language: str, cancelled: Callable[[], bool]) -> Transcript:
        """Mono s16le in. Looks at `cancelled` now and then, and may return anything once it is true."""


@runtime_checkable
class KnowsSpeakers(Protocol):
    """A decoder that makes voiceprints too."""

    def voiceprint(self, pcm: bytes, sample_rate_hz: int) -> Voiceprint | None:
        """None for too little speech. Raises EngineUnavailable without a speaker model."""


class DecoderQueue:
    """Feeds one decoder. Cancelled utterances that still wait are never decoded."""

    def __init__(self, name: str, make: Callable[[], Decoder]) -> None:
        self._name = name
        self._make = make
        self._decoder: Decoder | None = None
        self._turnstile = Turnstile(MAX_WAITING)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def warm(self) -> None:
        await self._turnstile.enter()
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._load)
        finally:
            self._turnstile.leave()

    async def decode(self, pcm: bytes, sample_rate_hz: int, language: str, *, draft: bool = False) -> Transcript:
        """Raises EngineBusy when there is no room to wait in any more, and what the decoder raises."""
        return await self._run(lambda decoder, stopped: decoder.decode(pcm, sample_rate_hz, language, stopped), draft)

    async def voiceprint(self, pcm: bytes, sample_rate_hz: int) -> Voiceprint | None:
        """As `decode`; raises EngineUnavailable where the decoder makes none."""

        def encode(decoder: Decoder, _: Callable[[], bool]) -> Voiceprint | None:
            if not isinstance(decoder, KnowsSpeakers):
                raise EngineUnavailable(f"The {self._name} recogniser makes no voiceprints.", engine=self._name)
            return decoder.voiceprint(pcm, sample_rate_hz)

        return await self._run(encode)

    async def _run(self, call: Callable[[Decoder, Callable[[], bool]], Result], draft: bool = False) -> Result:
        if not self._turnstile.has_room(draft):
            raise EngineBusy(f"The {self._name} recogniser has too much to do.", engine=self._name)
        await self._turnstile.enter(draft)
        stop = threading.Event()

        def work() -> Result:
            return call(self._load(), stop.is_set)

        job = asyncio.get_running_loop().run_in_executor(self._thread, work)
        job.add_done_callback(self._done)  # the thread is busy until then, whoever still waits for the answer
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            stop.set()
            raise

    def _load(self) -> Decoder:
        if self._decoder is None:
            self._decoder = self._make()
        return self._decoder

    def _done(self, job: asyncio.Future[Result]) -> None:
        self._turnstile.leave()
        if not job.cancelled():
            job.exception()  # seen: nobody may be left to see it


class Worker:
    """Answers WARM, TRANSCRIBE and VOICEPRINT (contracts.jobs). `makers` gives each engine's constructor by name."""

    def __init__(self, makers: Mapping[str, Callable[[], Decoder]]) -> None:
        self._queues = {name: DecoderQueue(name, make) for name, make in makers.items()}

    async def handle(self, kind: str, request: Frame) -> Frame:
        """Raises EngineError."""
        engine = str(request.fields.get("engine", ""))
        queue = self._queues.get(engine)
        if queue is None:
            raise EngineUnavailable(f"This worker has no recogniser named {engine!r}.", engine=engine)
        if kind == jobs.WARM:
            await queue.warm()
            return Frame()
        if kind not in (jobs.TRANSCRIBE, jobs.VOICEPRINT):
            raise EngineUnavailable(f"This worker does not know the request {kind!r}.", engine=engine)
        pcm, language = jobs.read_job(request)
        if kind == jobs.VOICEPRINT:
            return jobs.encoded(await queue.voiceprint(pcm.data, pcm.sample_rate_hz))
        draft = jobs.is_draft(request)
        return jobs.transcribed(await queue.decode(pcm.data, pcm.sample_rate_hz, language, draft=draft))


def makers() -> dict[str, Callable[[], Decoder]]:
    """Constructors of all engines in DECODERS; each imports its library when called."""

    def maker(target: str) -> Callable[[], Decoder]:
        module, _, name = target.partition(":")

        def make() -> Decoder:
            decoder: Decoder = getattr(import_module(module), name)()
            return decoder

        return make

    return {name: maker(target) for name, target in DECODERS.items()}
