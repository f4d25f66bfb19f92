"""ElevenLabs' stream-input socket by its documentation, that does as it is told.

async with ElevenLabsServer() as server:
    server.say(Speech())
    ...  # server.url; server.paths, server.queries, server.messages
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from fakes.speech_server import MS_PER_CHARACTER, tone

CHUNK_BYTES = 4_801  # half a sample is left over, as with any stream of bytes


@dataclass(frozen=True)
class Speech:
    """`error` answers the greeting with an error message and hangs up; `hang_after` falls silent after so many chunks;
    `cut_after` hangs up there."""

    error: dict[str, Any] | None = None
    hang_after: int | None = None
    cut_after: int | None = None
    close_reason: str = ""


class ElevenLabsServer:
    """The server; use it as an async context manager. `gone` is set when a client left before the end."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.queries: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.messages: list[dict[str, Any]] = []
        self.sent = asyncio.Event()
        self.gone = asyncio.Event()
        self.status = 0
        self._answers = [Speech()]
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        assert self._runner is not None
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages]

    def say(self, *answers: Speech) -> None:
        """The script from here on."""
        self._answers = list(answers)

    async def __aenter__(self) -> ElevenLabsServer:
        app = web.Application()
        app.router.add_get("/v1/text-to-speech/{voice}/stream-input", self._serve)
        app.router.add_get("/v1/{what}", self._list)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        voices = [
            {"voice_id": "v1", "name": "Rachel", "verified_languages": [{"language": "en"}, {"language": "zh"}]},
            {"voice_id": "v2", "name": "Adam", "labels": {"language": "en"}},
        ]
        return web.json_response({"voices": voices}, status=self.status or 200)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        self.queries.append(dict(request.query))
        self.headers.append(dict(request.headers))
        if self.status:
            return web.Response(status=self.status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        try:
            ended = await self._listen(socket, answer)
        except (asyncio.CancelledError, ConnectionError):
            self.gone.set()
            raise
        if not ended:
            self.gone.set()
        return socket

    async def _listen(self, socket: web.WebSocketResponse, answer: Speech) -> bool:
        text, chunks = "", 0
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            told = json.loads(message.data)
            self.messages.append(told)
            if answer.error is not None:
                await socket.send_json(answer.error)
                await socket.close(code=1008)
                return True
            if told["text"].strip():
                text = told["text"]
                for piece in _chunks(text):
                    if chunks == answer.cut_after:
                        await socket.close(code=1008, message=answer.close_reason.encode())
                        return True
                    if chunks == answer.hang_after:
                        self.sent.set()
                        return await self._hang(socket)
                    chunks += 1
                    await socket.send_json({"audio": base64.b64encode(piece).decode(), "isFinal": None})
                self.sent.set()
            elif told["text"] == "":
                await socket.send_json({"audio": None, "isFinal": True})
                await socket.close()
                return True
        return False

    async def _hang(self, socket: web.WebSocketResponse) -> bool:
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                self.messages.append(json.loads(message.data))
        return False


def _chunks(text: str) -> list[bytes]:
    sound = tone(MS_PER_CHARACTER * len(text.strip()))
    return [sound[at : at + CHUNK_BYTES] for at in range(0, len(sound), CHUNK_BYTES)]
