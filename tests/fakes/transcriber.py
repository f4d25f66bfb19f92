"""A recogniser that does what it is told, one line of its script per engine call; it remembers what it was fed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.transcription import Transcript, TranscriptionRequest


@dataclass(frozen=True)
class Line:
    """Answers `text` after `after_s`, or raises `error`. `hold` waits for the event first; never set, it hangs."""

    text: str = "what time is it"
    after_s: float = 0.0
    error: Exception | None = None
    hold: asyncio.Event | None = None
    rejected: bool = False
    language: str = "en"


@dataclass
class ScriptedTranscription:
    """One utterance. `fed` is all its sound; `calls` counts engine calls, of which `cancelled` were cancelled."""

    owner: ScriptedTranscriber
    request: TranscriptionRequest
    fed: bytearray = field(default_factory=bytearray)
    calls: int = 0
    cancelled: int = 0
    closed: int = 0
    _known: tuple[int, Transcript] | None = None

    def feed(self, pcm: bytes) -> None:
        assert not self.closed, "fed after it was closed"
        self.fed += pcm

    async def peek(self) -> Transcript:
        assert not self.closed, "asked after it was closed"
        if self._known is not None and self._known[0] == len(self.fed):
            return self._known[1]
        size = len(self.fed)
        self.calls += 1
        line = self.owner.next_line()
        self.owner.running += 1
        assert self.owner.running <= 1 or self.owner.shared, "two calls at once in one session"
        try:
            if line.hold is not None:
                await line.hold.wait()
            await asyncio.sleep(line.after_s)
            if line.error is not None:
                raise line.error
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.owner.running -= 1
        transcript = Transcript(line.text, line.language, rejected=line.rejected, engine_ms=1.0)
        self._known = (size, transcript)
        return transcript

    async def finish(self) -> Transcript:
        return await self.peek()

    async def close(self) -> None:
        self.closed += 1


class ScriptedTranscriber:
    """The script's last line is repeated for ever."""

    name = "scripted"

    def __init__(self, *script: Line, shared: bool = False, open_error: Exception | None = None) -> None:
        self.script: Sequence[Line] = script or (Line(),)
        self.opened: list[ScriptedTranscription] = []
        self.running = 0
        self.shared = shared
        self.open_error = open_error
        self._spoken = 0

    def next_line(self) -> Line:
        line = self.script[min(self._spoken, len(self.script) - 1)]
        self._spoken += 1
        return line

    def open(self, request: TranscriptionRequest) -> ScriptedTranscription:
        if self.open_error is not None:
            raise self.open_error
        self.opened.append(ScriptedTranscription(self, request))
        return self.opened[-1]

    async def warm(self) -> None: ...

    async def close(self) -> None: ...
