"""One answer in sound: out as soon as the engine's first piece is there, over as soon as the caller leaves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from contracts.audio import BYTES_PER_SAMPLE, Pcm
from contracts.errors import EngineBusy, EngineError, EngineTimeout
from contracts.speech import Synthesizer, one
from contracts.turnstile import room_for
from serving.problems import Problem, bad_field, of_engine
from tts_server.metrics import Metrics
from tts_server.packing import CONTENT_TYPES, Packing, packing
from tts_server.speech_request import SpeechRequest

MAX_AT_ONCE = 256
PIECE_S = 30.0
"""An engine that makes nothing for so long hangs."""
CALLER_S = 60.0
"""A caller that takes nothing for so long has left without saying so."""
PACKED_MS = 200
"""Packing is done on the event loop, this much at a time: a millisecond or two."""

log = logging.getLogger(__name__)


def of_voice(error: EngineError) -> Problem:
    """What an engine's failure is for the caller. A voice that it does not have is the caller's."""
    if error.code == "unknown_voice":
        return bad_field("voice", f"{error}. GET /v1/voices lists them.", code=error.code)
    return of_engine(error)


class Mouth:
    """The engine and what is counted of its work."""

    def __init__(self, engine: Synthesizer, metrics: Metrics, *, max_at_once: int = MAX_AT_ONCE) -> None:
        self.engine = engine
        self.metrics = metrics
        self._max_at_once = max_at_once
        self._at_once = 0

    def say(self, wanted: SpeechRequest) -> Speaking:
        """The answer to a request."""
        return Speaking(self, wanted)

    async def pieces(self, wanted: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """The body, packed; never an empty piece. Closing it closes the engine's generator.

        Raises EngineError, and Problem where the format cannot be made here.
        """
        if self._at_once >= room_for(self._max_at_once, wanted.draft):
            raise EngineBusy(f"{self._at_once} texts are being spoken already.", engine=self.engine.name)
        self._at_once += 1
        self.metrics.under_way.set(self._at_once)
        self.metrics.characters.inc(len(wanted.input))
        try:
            async with (
                aclosing(_closable(self.engine.speak(one(wanted.input), wanted.choice))) as sound,
                aclosing(self._packed(wanted, sound)) as packed,
            ):
                async for piece in packed:
                    yield piece
        finally:
            self._at_once -= 1
            self.metrics.under_way.set(self._at_once)

    async def _packed(self, wanted: SpeechRequest, sound: AsyncGenerator[Pcm, None]) -> AsyncGenerator[bytes, None]:
        pack: Packing | None = None
        try:
            while (pcm := await self._next(sound)) is not None:
                pack = pack or packing(wanted.response_format, pcm.sample_rate_hz)
                for part in _parts(pcm):
                    if packed := pack.push(part):
                        yield packed
                    await asyncio.sleep(0)
            pack = pack or packing(wanted.response_format, 24_000)
            if packed := pack.finish():
                yield packed
        finally:
            if pack is not None:
                pack.close()

    async def _next(self, sound: AsyncGenerator[Pcm, None]) -> Pcm | None:
        try:
            async with asyncio.timeout(PIECE_S):
                return await anext(sound, None)
        except TimeoutError as error:
            raise EngineTimeout(f"The engine made no sound for {PIECE_S:g} s.", engine=self.engine.name) from error


class Speaking(Response):
    """Streams the sound. The status waits for its first piece, so that a failure before it is an honest error."""

    def __init__(self, mouth: Mouth, wanted: SpeechRequest) -> None:
        super().__init__(media_type=CONTENT_TYPES[wanted.response_format])
        self._mouth = mouth
        self._wanted = wanted
        self._began_s = time.perf_counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        speaking = asyncio.create_task(self._speak(scope, receive, send))
        watching = asyncio.create_task(_until_gone(receive))
        outcome = "left"
        try:
            await asyncio.wait({speaking, watching}, return_when=asyncio.FIRST_COMPLETED)
            if speaking.done():
                outcome = speaking.result()
        finally:
            speaking.cancel()
            watching.cancel()
            await asyncio.gather(speaking, watching, return_exceptions=True)
            self._mouth.metrics.requests.labels(outcome).inc()

    async def _speak(self, scope: Scope, receive: Receive, send: Send) -> str:
        """How it ended: the outcome of the metric. Raises nothing of the engine."""
        started = False
        try:
            async with aclosing(self._mouth.pieces(self._wanted)) as pieces:
                async for piece in pieces:
                    if not started:
                        started = True
                        self._mouth.metrics.first_chunk.observe(time.perf_counter() - self._began_s)
                        await self._start(send)
                    await _send(send, {"type": "http.response.body", "body": piece, "more_body": True})
        except (EngineError, Problem) as error:
            return await self._failed(error, started, scope, receive, send)
        except _CallerStalled:
            return "left"
        if not started:
            await self._start(send)
        await _send(send, {"type": "http.response.body", "body": b"", "more_body": False})
        return "spoken"

    async def _start(self, send: Send) -> None:
        headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        await _send(send, {"type": "http.response.start", "status": 200, "headers": headers})

    async def _failed(
        self, error: EngineError | Problem, started: bool, scope: Scope, receive: Receive, send: Send
    ) -> str:
        """An error answer; where sound has gone out, the connection is cut, so that nobody takes it for the whole."""
        problem = error if isinstance(error, Problem) else of_voice(error)
        if problem.status >= 429:
            log.warning("No speech: %s", problem.code)
        if not started:
            await problem.response()(scope, receive, send)
        return "refused" if problem.status < 500 else "failed"


class _CallerStalled(Exception):
    """The caller takes nothing more."""


async def _send(send: Send, message: dict[str, object]) -> None:
    try:
        async with asyncio.timeout(CALLER_S):
            await send(message)
    except TimeoutError as error:
        raise _CallerStalled from error


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _closable(sound: AsyncIterator[Pcm]) -> AsyncGenerator[Pcm, None]:
    """Every engine's `speak` is an async generator; the port's type only says that it can be closed in words."""
    return cast("AsyncGenerator[Pcm, None]", sound)


def _parts(pcm: Pcm) -> Iterator[bytes]:
    size = PACKED_MS * pcm.sample_rate_hz // 1000 * BYTES_PER_SAMPLE
    for at in range(0, len(pcm.data), size):
        yield pcm.data[at : at + size]
