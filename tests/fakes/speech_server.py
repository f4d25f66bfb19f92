"""An OpenAI-compatible speech server that does as it is told: slow, broken, full, honest. For tests and benches.

    async with SpeechServer() as server:
        server.say(Speech(delay_s=0.01))
        ...  # server.url is the base address; server.requests holds the JSON bodies that came

Answers are used up in order, the last one again and again. Listens on a free port of 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiohttp import web

RATE_HZ = 24_000
FOR_EVER_S = 3600.0
MS_PER_CHARACTER = 60


def tone(duration_ms: float, sample_rate_hz: int = RATE_HZ, hz: float = 440.0, level: int = 8000) -> bytes:
    """A sine in mono s16le: sound in every frame of it."""
    at = np.arange(int(duration_ms * sample_rate_hz / 1000)) / sample_rate_hz
    return (level * np.sin(2 * np.pi * hz * at)).astype("<i2").tobytes()


@dataclass(frozen=True)
class Speech:
    """One scripted answer. `pcm` None is a tone as long as the text would take, after `silence_ms` of silence.

    `form` is "pcm", "wav", or "" for whichever was asked for; the wav's sizes are 0xFFFFFFFF, as streaming servers send
    them. `cut_after` drops the connection after so many chunks, `hang_after` falls silent there. `raw` replaces the
    body altogether.
    """

    pcm: bytes | None = None
    silence_ms: int = 0
    sample_rate_hz: int = RATE_HZ
    form: str = ""
    content_type: str | None = None
    chunk_bytes: int = 4800
    status: int = 200
    error: Any = None
    headers_delay_s: float = 0.0
    first_delay_s: float = 0.0
    delay_s: float = 0.0
    cut_after: int | None = None
    hang_after: int | None = None
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


class SpeechServer:
    """The server; use it as an async context manager. `gone` is set when a client left in the middle of an answer."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.request_headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.connections = 0
        self.at_once = 0
        self.most_at_once = 0
        self.gone = asyncio.Event()
        self.models_status = 200
        self._answers: list[Speech] = [Speech()]
        self._peers: list[Any] = []
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Base address, as a person would type it."""
        return f"http://127.0.0.1:{self._port}/v1"

    def say(self, *answers: Speech) -> None:
        """The script from here on."""
        self._answers = list(answers)

    def drop_connections(self) -> None:
        """Drops what is open, as servers do with connections that were kept for too long."""
        for peer in self._peers:
            peer.abort()

    async def __aenter__(self) -> SpeechServer:
        app = web.Application(client_max_size=16_000_000)
        app.router.add_post("/{path:.*}", self._speech)
        app.router.add_get("/{path:.*}", self._models)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        return web.json_response({"object": "list", "data": []}, status=self.models_status)

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        body = await request.json()
        self.requests.append(body)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(answer.headers_delay_s)
            if answer.status != 200:
                error = answer.error if answer.error is not None else {"error": {"message": "no"}}
                return web.json_response(error, status=answer.status, headers=answer.headers)
            return await self._stream(request, body, answer)
        except (asyncio.CancelledError, ConnectionError):
            self.gone.set()
            raise
        finally:
            self.at_once -= 1

    def _note(self, request: web.Request) -> None:
        self.paths.append(request.path_qs)
        self.request_headers.append(dict(request.headers))
        if request.transport not in self._peers:
            self._peers.append(request.transport)
            self.connections += 1

    async def _stream(self, request: web.Request, asked: dict[str, Any], answer: Speech) -> web.StreamResponse:
        form = answer.form or asked.get("response_format", "pcm")
        body = answer.raw if answer.raw is not None else _sound(asked, answer, form)
        content_type = answer.content_type if answer.content_type is not None else f"audio/{form}"
        response = web.StreamResponse(headers={"Content-Type": content_type, **answer.headers})
        await response.prepare(request)
        await asyncio.sleep(answer.first_delay_s)
        for number, at in enumerate(range(0, len(body), answer.chunk_bytes)):
            if number == answer.cut_after:
                assert request.transport is not None
                request.transport.abort()
                return response
            if number == answer.hang_after:
                await asyncio.sleep(FOR_EVER_S)
            if number:
                await asyncio.sleep(answer.delay_s)
            await response.write(body[at : at + answer.chunk_bytes])
        return response


def _sound(asked: dict[str, Any], answer: Speech, form: str) -> bytes:
    pcm = answer.pcm
    if pcm is None:
        spoken_ms = MS_PER_CHARACTER * len(asked.get("input", ""))
        silence = bytes(2 * (answer.silence_ms * answer.sample_rate_hz // 1000))
        pcm = silence + tone(spoken_ms, answer.sample_rate_hz)
    return streamed_wav_header(answer.sample_rate_hz) + pcm if form == "wav" else pcm


def streamed_wav_header(sample_rate_hz: int, size_bytes: int = 0xFFFF_FFFF) -> bytes:
    """The header of a mono s16le wav whose length its server does not know."""
    format_chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate_hz, 2 * sample_rate_hz, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", size_bytes, b"WAVE") + format_chunk + struct.pack("<4sI", b"data", size_bytes)
