"""The jobs of `zhiyin asr-worker`: each one to the recogniser that serves, as many at once as it can hold."""

from __future__ import annotations

import time

from asr_worker.metrics import Metrics
from asr_worker.serving import MAX_WAITING
from contracts import jobs
from contracts.errors import EngineBusy, EngineUnavailable, ZhiyinError
from contracts.loopback import Frame
from contracts.transcription import SpeakerEncoder, Transcriber, TranscriptionRequest
from contracts.turnstile import room_for

MAX_JOBS = MAX_WAITING
"""Waiting ones included; one more is refused at once, so that its caller can go elsewhere; a draft sooner."""


class Workbench:
    """Answers the requests of contracts.jobs, whatever carried them here."""

    def __init__(self, transcriber: Transcriber, version: str, metrics: Metrics) -> None:
        self._transcriber = transcriber
        self._version = version
        self._metrics = metrics
        self._under_way = 0

    async def handle(self, kind: str, request: Frame) -> Frame:
        """Raises EngineError. Cancelling it cancels the job."""
        if kind == jobs.HELLO:
            return Frame({"engine": self._transcriber.name, "version": self._version})
        self._is_here(str(request.fields.get("engine", "")))
        if kind == jobs.WARM:
            await self._transcriber.warm()
            return Frame()
        if kind not in (jobs.TRANSCRIBE, jobs.VOICEPRINT):
            raise EngineUnavailable(f"This worker does not know the request {kind!r}.", engine=self._transcriber.name)
        return await self._counted(kind, request)

    def _is_here(self, engine: str) -> None:
        here = self._transcriber.name
        if engine not in ("", here):
            raise EngineUnavailable(
                f"This worker has the recogniser {here}, not {engine}: ZHIYIN_ASR there chooses it.", engine=here
            )

    async def _counted(self, kind: str, request: Frame) -> Frame:
        outcome, began_s = "cancelled", time.perf_counter()
        try:
            answer = await self._work(kind, request)
            outcome = "done"
            return answer
        except EngineBusy:
            outcome = "refused"
            raise
        except ZhiyinError:
            outcome = "failed"
            raise
        finally:
            self._metrics.job_ended(kind, outcome, time.perf_counter() - began_s)

    async def _work(self, kind: str, request: Frame) -> Frame:
        if self._under_way >= room_for(MAX_JOBS, jobs.is_draft(request)):
            raise EngineBusy(f"This worker has {self._under_way} jobs already.", engine=self._transcriber.name)
        self._under_way += 1
        self._metrics.under_way.set(self._under_way)
        try:
            return await (self._transcribe(request) if kind == jobs.TRANSCRIBE else self._encode(request))
        finally:
            self._under_way -= 1
            self._metrics.under_way.set(self._under_way)

    async def _transcribe(self, request: Frame) -> Frame:
        pcm, language = jobs.read_job(request)
        work = self._transcriber.open(TranscriptionRequest(language=language, sample_rate_hz=pcm.sample_rate_hz))
        try:
            work.feed(pcm.data)
            heard = await (work.peek() if jobs.is_draft(request) else work.finish())
            return jobs.transcribed(heard, self._transcriber.name)
        finally:
            await work.close()

    async def _encode(self, request: Frame) -> Frame:
        pcm, _ = jobs.read_job(request)
        if not isinstance(self._transcriber, SpeakerEncoder):
            name = self._transcriber.name
            raise EngineUnavailable(f"The {name} recogniser makes no voiceprints.", engine=name)
        return jobs.encoded(await self._transcriber.voiceprint(pcm))
