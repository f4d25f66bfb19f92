"""A Transcription for recognisers that are sent the sound while the person still speaks.

The whole utterance is kept: a stream that broke, or that cannot go on after it was asked, is followed by another one
that gets it from its beginning.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from contracts.audio import BYTES_PER_SAMPLE
from contracts.errors import EngineError, EngineFailed
from contracts.transcription import Transcript, TranscriptionRequest

MAX_UTTERANCE_S = 120
"""What is said after that is not heard; the ears end an utterance long before."""


class Stream(Protocol):
    """A connection that sends an utterance from its first sample. `goes_on`: it can take more sound after `text`."""

    @property
    def goes_on(self) -> bool: ...

    def more(self) -> None:
        """There is more sound in the buffer that it was begun with."""

    async def text(self, *, final: bool) -> Transcript:
        """Of all that is in the buffer. Raises EngineError; EngineFailed where another stream may do better."""

    async def close(self) -> None:
        """Ends the connection; safe at any time, more than once."""


Begin = Callable[[bytearray, TranscriptionRequest], Stream]


class StreamedTranscription:
    """Implements Transcription. A peek that `close` overtakes returns an empty transcript."""

    def __init__(self, request: TranscriptionRequest, begin: Begin) -> None:
        self._request = request
        self._begin = begin
        self._pcm = bytearray()
        self._room_bytes = MAX_UTTERANCE_S * request.sample_rate_hz * BYTES_PER_SAMPLE
        self._stream: Stream | None = None
        self._heard: tuple[int, Transcript] | None = None
        self._asking: asyncio.Task[Transcript] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    def feed(self, pcm: bytes) -> None:
        if self._closed:
            return
        self._pcm += pcm[: self._room_bytes - len(self._pcm)]
        self._opened().more()

    async def peek(self) -> Transcript:
        return await self._text_so_far(final=False)

    async def finish(self) -> Transcript:
        return await self._text_so_far(final=True)

    async def close(self) -> None:
        self._closed = True
        if self._asking is not None:
            self._asking.cancel()
        self._let_go()
        await asyncio.gather(*self._closing, return_exceptions=True)
        self._pcm.clear()

    async def _text_so_far(self, *, final: bool) -> Transcript:
        fed_bytes = len(self._pcm)
        if self._heard is not None and self._heard[0] == fed_bytes:
            return self._heard[1]
        if fed_bytes == 0 or self._closed:
            return Transcript("")
        began = time.perf_counter()
        self._asking = asking = asyncio.create_task(self._ask(final=final))
        try:
            await asyncio.wait({asking})
        finally:
            asking.cancel()
            self._asking = None
            if self._stream is not None and not self._stream.goes_on:
                self._let_go()
        if asking.cancelled():
            return Transcript("")
        transcript = replace(asking.result(), engine_ms=(time.perf_counter() - began) * 1000)
        self._heard = (fed_bytes, transcript)
        return transcript

    async def _ask(self, *, final: bool) -> Transcript:
        """Asks the stream that has heard it all; where that one is broken, another one."""
        if self._stream is not None:
            try:
                return await self._stream.text(final=final)
            except EngineFailed:
                self._let_go()
        return await self._opened().text(final=final)

    def _opened(self) -> Stream:
        if self._stream is None:
            self._stream = self._begin(self._pcm, self._request)
        return self._stream

    def _let_go(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            closing = asyncio.create_task(stream.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


class SocketStream(ABC):
    """The tasks of a Stream on a WebSocket: one that runs the connection and, in it, one that reads."""

    def __init__(self, sound: bytearray) -> None:
        self.sound = sound
        self.wakened = asyncio.Event()
        """There is something to do: more sound, or a question."""
        self.told = asyncio.Event()
        """The server said something, or no longer can."""
        self.work = asyncio.create_task(self.run())
        self.work.add_done_callback(self._seen)

    def more(self) -> None:
        self.wakened.set()

    async def close(self) -> None:
        self.work.cancel()
        with suppress(asyncio.CancelledError, EngineError):
            await self.work

    @abstractmethod
    async def run(self) -> None:
        """The connection's life. Raises EngineError."""

    def _seen(self, work: asyncio.Task[None]) -> None:
        """A connection that breaks while nobody waits for it is told of when somebody asks."""
        self.told.set()
        if not work.cancelled():
            work.exception()
