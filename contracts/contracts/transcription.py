"""The recogniser's contract: sound of one utterance in, words out.

    work = transcriber.open(request)
    work.feed(pcm) ... ; await work.peek() ; work.feed(pcm) ... ; await work.finish() ; await work.close()

`peek` is called at each pause and `finish` once at the commit. If nothing was fed between the two, `finish` must
return what `peek` found without new work. One-shot engines sit behind `OneShot`.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from contracts.audio import HEARING_RATE_HZ, Pcm


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """What the recogniser should know before the first sample. `language` is BCP 47, "" = find out.

    `draft`: asked before the person has certainly finished; queues let what is certain go first.
    """

    session_id: str = ""
    language: str = ""
    sample_rate_hz: int = HEARING_RATE_HZ
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words of one utterance, punctuation included where the engine gives it; "" when there are none.

    `rejected` says that the engine heard something but does not trust it; `text` is then "".
    """

    text: str
    language: str = ""
    emotion: str = ""
    voiceprint: bytes | None = None
    rejected: bool = False
    engine_ms: float = 0.0
    engine: str = ""
    """Who made it, where the transcriber is several; "" = the transcriber itself."""


@dataclass(frozen=True, slots=True)
class Voiceprint:
    """Who spoke, as numbers: `vector` is raw little-endian float32 of length 1. Only those of one `encoder` compare."""

    vector: bytes
    encoder: str


@runtime_checkable
class SpeakerEncoder(Protocol):
    """What makes voiceprints; some transcribers do."""

    async def voiceprint(self, pcm: Pcm) -> Voiceprint | None:
        """Of the one person that speaks there; None for too little speech. Raises EngineError."""


class Transcription(Protocol):
    """The recogniser's work on one utterance."""

    def feed(self, pcm: bytes) -> None:
        """Mono s16le at the request's rate. Never blocks; copies nothing it does not need."""

    async def peek(self) -> Transcript:
        """The text of all that was fed so far. Raises EngineError."""

    async def finish(self) -> Transcript:
        """The final text. Raises EngineError."""

    async def close(self) -> None:
        """Cancels what is under way and frees it. Safe to call at any time, more than once."""


class Transcriber(Protocol):
    """A recogniser: one home of the port."""

    name: str
    """Short name for logs and metrics, such as "openai" or "pocketsphinx"."""

    def open(self, request: TranscriptionRequest) -> Transcription: ...

    async def warm(self) -> None:
        """Load what the first utterance would otherwise wait for. Raises EngineError."""

    async def close(self) -> None: ...


class OneShot(ABC):
    """A Transcription for engines that take a whole utterance at once: transcribes at peek, remembers for finish."""

    def __init__(self, request: TranscriptionRequest) -> None:
        self._request = request
        self._pcm = bytearray()
        self._heard: tuple[int, Transcript] | None = None

    def feed(self, pcm: bytes) -> None:
        self._pcm += pcm

    async def peek(self) -> Transcript:
        return await self._text_so_far(draft=True)

    async def finish(self) -> Transcript:
        return await self._text_so_far(draft=False)

    async def close(self) -> None:
        self._pcm.clear()

    async def _text_so_far(self, *, draft: bool) -> Transcript:
        fed_bytes = len(self._pcm)
        if self._heard is not None and self._heard[0] == fed_bytes:
            return self._heard[1]
        if fed_bytes == 0:
            return Transcript("")
        began = time.perf_counter()
        request = replace(self._request, draft=draft)
        transcript = await self.transcribe(Pcm(bytes(self._pcm), request.sample_rate_hz), request)
        transcript = replace(transcript, engine_ms=(time.perf_counter() - began) * 1000)
        self._heard = (fed_bytes, transcript)
        return transcript

    @abstractmethod
    async def transcribe(self, pcm: Pcm, request: TranscriptionRequest) -> Transcript:
        """The engine's call. Cancelling it must close the engine's request. Raises EngineError."""
