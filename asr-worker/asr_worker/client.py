"""The recogniser as main-server sees it: a Transcriber whose work is done in a child process.

Engines that hold the GIL would stall every device's audio; in a process of their own they stall nobody.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from asr_worker.one_shot import RemoteTranscription
from contracts.audio import Pcm
from contracts.errors import EngineTimeout
from contracts.supervisor import ChildProcess
from contracts.transcription import Transcript, Transcription, TranscriptionRequest


@dataclass(frozen=True, slots=True)
class WorkerDeadlines:
    """`transcribe_s` covers waiting behind other utterances too; asr_server's own deadline must stay above it."""

    warm_s: float = 30.0
    transcribe_s: float = 12.0


class WorkerTranscriber:
    """Sends whole utterances to `python -m asr_worker`. `engine` is a name in `asr_worker.serving.DECODERS`.

    Several WorkerTranscribers may share one `child`; whoever made it closes it.
    """

    def __init__(
        self, engine: str, *, child: ChildProcess | None = None, deadlines: WorkerDeadlines | None = None
    ) -> None:
        self.name = engine
        self.deadlines = deadlines or WorkerDeadlines()
        self._owns_child = child is None
        self.child = child or ChildProcess("asr_worker", name=engine)

    def open(self, request: TranscriptionRequest) -> Transcription:
        return RemoteTranscription(request, self.transcribe)

    async def warm(self) -> None:
        """Starts the child and loads the engine's model. Raises EngineUnavailable, EngineTimeout."""
        try:
            async with asyncio.timeout(self.deadlines.warm_s):
                await self.child.start()
                await self.child.request("warm", {"engine": self.name})
        except TimeoutError as error:
            raise EngineTimeout(f"The {self.name} recogniser takes too long to load.", engine=self.name) from error

    async def close(self) -> None:
        if self._owns_child:
            await self.child.close()

    async def transcribe(self, pcm: Pcm, request: TranscriptionRequest) -> Transcript:
        """One utterance. Raises EngineUnavailable, EngineBusy, EngineTimeout, EngineFailed."""
        fields = {"engine": self.name, "language": request.language, "sample_rate_hz": pcm.sample_rate_hz}
        try:
            async with asyncio.timeout(self.deadlines.transcribe_s):
                answer = await self.child.request("transcribe", fields, pcm.data)
        except TimeoutError as error:
            raise EngineTimeout(f"The {self.name} recogniser did not answer in time.", engine=self.name) from error
        return Transcript(
            text=str(answer.fields.get("text", "")),
            language=str(answer.fields.get("language", "")),
            emotion=str(answer.fields.get("emotion", "")),
            voiceprint=answer.body or None,
            rejected=answer.fields.get("rejected") is True,
        )
