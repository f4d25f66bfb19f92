"""A OneShot whose close really ends the engine's call, for engines behind a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from contracts.audio import Pcm
from contracts.transcription import OneShot, Transcript, TranscriptionRequest

Transcribe = Callable[[Pcm, TranscriptionRequest], Awaitable[Transcript]]


class RemoteTranscription(OneShot):
    """Sends the whole utterance to `call`. A peek that `close` overtakes returns an empty transcript."""

    def __init__(self, request: TranscriptionRequest, call: Transcribe) -> None:
        super().__init__(request)
        self._call = call
        self._calls: set[asyncio.Task[Transcript]] = set()
        self._closed = False

    async def transcribe(self, pcm: Pcm, request: TranscriptionRequest) -> Transcript:
        if self._closed:
            return Transcript("")
        work = asyncio.create_task(self._await(pcm, request))
        self._calls.add(work)
        try:
            await asyncio.wait({work})
        finally:
            self._calls.discard(work)
            work.cancel()
        return Transcript("") if work.cancelled() else work.result()

    async def close(self) -> None:
        self._closed = True
        calls = tuple(self._calls)
        for work in calls:
            work.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await super().close()

    async def _await(self, pcm: Pcm, request: TranscriptionRequest) -> Transcript:
        return await self._call(pcm, request)
