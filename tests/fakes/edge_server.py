"""The service behind edge-tts, as that library speaks to it: two text messages in, MP3 in binary ones out."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import numpy as np
import soundfile
from aiohttp import WSMsgType, web

from fakes.speech_server import MS_PER_CHARACTER, RATE_HZ, tone

CHUNK_BYTES = 1_440  # as the service cuts it: two frames and a bit


@dataclass(frozen=True)
class Reads:
    """`silent`: no sound comes at all; `hang_after` falls silent after so many chunks; `status` refuses."""

    silent: bool = False
    hang_after: int | None = None
    status: int = 0


class EdgeServer:
    """The server; use it as an async context manager. `url` is what WSS_URL must be."""

    def __init__(self) -> None:
        self.ssml: list[str] = []
        self.gone = 0
        self._answers = [Reads()]
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        assert self._runner is not None
        return f"ws://127.0.0.1:{self._runner.addresses[0][1]}/edge?TrustedClientToken=x"

    def say(self, *answers: Reads) -> None:
        """The script from here on."""
        self._answers = list(answers)

    async def __aenter__(self) -> EdgeServer:
        app = web.Application()
        app.router.add_get("/edge", self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer.status:
            return web.Response(status=answer.status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            await self._read_aloud(socket, answer)
        finally:
            self.gone += 1
        return socket

    async def _read_aloud(self, socket: web.WebSocketResponse, answer: Reads) -> None:
        async for message in socket:
            if message.type != WSMsgType.TEXT or "Path:ssml" not in message.data:
                continue
            self.ssml.append(message.data.partition("\r\n\r\n")[2])
            await socket.send_str("X-RequestId:r\r\nPath:turn.start\r\n\r\n{}")
            for number, piece in enumerate([] if answer.silent else _chunks(self.ssml[-1])):
                if number == answer.hang_after:
                    break
                await socket.send_bytes(_framed(piece))
            else:
                await socket.send_str("X-RequestId:r\r\nPath:turn.end\r\n\r\n{}")


def _chunks(ssml: str) -> list[bytes]:
    said = re.sub(r"<[^>]+>", "", ssml)
    samples = np.frombuffer(tone(MS_PER_CHARACTER * len(said)), "<i2")
    mp3 = io.BytesIO()
    soundfile.write(mp3, samples, RATE_HZ, format="MP3")
    body = mp3.getvalue()
    return [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]


def _framed(piece: bytes) -> bytes:
    headers = b"X-RequestId:r\r\nContent-Type:audio/mpeg\r\nPath:audio\r\n"
    return len(headers).to_bytes(2, "big") + headers + piece
