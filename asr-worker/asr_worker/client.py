"""The recogniser as its callers see it: a Transcriber whose work is done by a worker, as jobs (contracts.jobs).

The worker is a child process here: engines that hold the GIL would stall every device's audio, and in a process of
their own they stall nobody. Or it is `zhiyin asr-worker` on any machine (asr_worker.link).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from asr_worker.one_shot import RemoteTranscription
from contracts import jobs
from contracts.audio import Pcm
from contracts.errors import EngineTimeout
from contracts.loopback import Frame
from contracts.supervisor import ChildProcess
from contracts.transcription import Transcript, Transcription, TranscriptionRequest, Voiceprint


@dataclass(frozen=True, slots=True)
class WorkerDeadlines:
    """`transcribe_s` covers waiting behind other utterances too; asr_server's own deadline must stay above it."""

    warm_s: float = 30.0
    transcribe_s: float = 12.0


class Carrier(Protocol):
    """What takes jobs to a worker: ChildProcess, or a WorkerLink."""

    async def start(self) -> None:
        """Returns when the worker answers. Raises EngineUnavailable."""

    async def request(self, kind: str, fields: Mapping[str, Any] | None = None, body: bytes = b"") -> Frame:
        """Raises EngineError; cancelling it cancels the job."""

    async def close(self) -> None: ...


class JobTranscriber:
    """Sends whole utterances as jobs. `engine` is the one asked for, "" for whichever the worker has."""

    def __init__(self, name: str, engine: str, carrier: Carrier, deadlines: WorkerDeadlines | None = None) -> None:
        self.name = name
        self.deadlines = deadlines or WorkerDeadlines()
        self._engine = engine
        self._carrier = carrier

    def open(self, request: TranscriptionRequest) -> Transcription:
        return RemoteTranscription(request, self.transcribe)

    async def warm(self) -> None:
        """Returns when the worker is there and its model loaded. Raises EngineUnavailable, EngineTimeout."""
        try:
            async with asyncio.timeout(self.deadlines.warm_s):
                await self._carrier.start()
                await self._carrier.request(jobs.WARM, {"engine": self._engine})
        except TimeoutError as error:
            raise EngineTimeout(f"The {self.name} recogniser takes too long to load.", engine=self.name) from error

    async def close(self) -> None:
        await self._carrier.close()

    async def transcribe(self, pcm: Pcm, request: TranscriptionRequest) -> Transcript:
        """One utterance. Raises EngineUnavailable, EngineBusy, EngineTimeout, EngineFailed."""
        answer = await self._ask(jobs.TRANSCRIBE, jobs.job(self._engine, pcm, request.language, draft=request.draft))
        heard = jobs.read_transcribed(answer)
        return replace(heard, engine="") if heard.engine == self.name else heard

    async def voiceprint(self, pcm: Pcm) -> Voiceprint | None:
        """See contracts.transcription.SpeakerEncoder."""
        return jobs.read_encoded(await self._ask(jobs.VOICEPRINT, jobs.job(self._engine, pcm)))

    async def _ask(self, kind: str, job: Frame) -> Frame:
        try:
            async with asyncio.timeout(self.deadlines.transcribe_s):
                return await self._carrier.request(kind, job.fields, job.body)
        except TimeoutError as error:
            raise EngineTimeout(f"The {self.name} recogniser did not answer in time.", engine=self.name) from error


class WorkerTranscriber(JobTranscriber):
    """In a child process, `python -m asr_worker`. `engine` is a name in `asr_worker.serving.DECODERS`.

    Several WorkerTranscribers may share one `child`; whoever made it closes it.
    """

    def __init__(
        self, engine: str, *, child: ChildProcess | None = None, deadlines: WorkerDeadlines | None = None
    ) -> None:
        self._owns_child = child is None
        self.child = child or ChildProcess("asr_worker", name=engine)
        super().__init__(engine, engine, self.child, deadlines)

    async def close(self) -> None:
        if self._owns_child:
            await self.child.close()
