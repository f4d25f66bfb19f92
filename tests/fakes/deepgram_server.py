"""Deepgram's live API by its documentation, that does as it is told.

async with DeepgramServer() as server:
    server.say(Hears("what time is it"))
    ...  # server.url; server.queries, server.messages, server.sounds
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

BYTES_PER_S = 32_000
INTERIM_EVERY_BYTES = 16_000


@dataclass(frozen=True)
class Hears:
    """What one connection hears: the words of `text`, spread over the finals that it is asked for; the last one has
    all that is left. `quiet`: Finalize gets no answer. `hang`: nothing does. `close_with` hangs up at the first sound.
    """

    text: str = "hello"
    language: str = ""
    quiet: bool = False
    hang: bool = False
    close_with: tuple[int, str] | None = None
    cut: bool = False


class DeepgramServer:
    """The server; use it as an async context manager. `gone` is set when a client left without CloseStream."""

    def __init__(self) -> None:
        self.queries: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.messages: list[str] = []
        self.sounds: list[bytearray] = []
        self.came = asyncio.Event()
        self.kept_alive = asyncio.Event()
        self.gone = asyncio.Event()
        self.status = 0
        self.models_status = 200
        self._answers = [Hears()]
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        assert self._runner is not None
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def say(self, *answers: Hears) -> None:
        """The script from here on: an answer for each connection, the last one again and again."""
        self._answers = list(answers)

    async def __aenter__(self) -> DeepgramServer:
        app = web.Application()
        app.router.add_get("/v1/listen", self._serve)
        app.router.add_get("/v1/auth/token", self._token)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        return web.json_response({}, status=self.models_status)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        self.headers.append(dict(request.headers))
        if self.status:
            return web.Response(status=self.status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        ended = False
        try:
            ended = await _Ear(self, socket, answer).listen()
        finally:  # a client that leaves has this cancelled, too
            if not ended:
                self.gone.set()
        return socket


class _Ear:
    def __init__(self, server: DeepgramServer, socket: web.WebSocketResponse, answer: Hears) -> None:
        self._server = server
        self._socket = socket
        self._answer = answer
        self._words = answer.text.split()
        self._sound = bytearray()
        self._final_s = 0.0
        server.sounds.append(self._sound)

    async def listen(self) -> bool:
        async for message in self._socket:
            if message.type == WSMsgType.BINARY:
                self._sound += message.data
                self._server.came.set()
                if self._answer.cut or self._answer.close_with:
                    code, reason = self._answer.close_with or (1011, "")
                    await self._socket.close(code=code, message=reason.encode())
                    return True
                if (
                    len(self._sound) // INTERIM_EVERY_BYTES
                    > (len(self._sound) - len(message.data)) // INTERIM_EVERY_BYTES
                ):
                    await self._results(self._words[:1], final=False)
                continue
            kind = json.loads(message.data)["type"]
            self._server.messages.append(kind)
            if kind == "KeepAlive":
                self._server.kept_alive.set()
            elif kind == "Finalize" and not self._answer.quiet:
                await self._results(self._taken(), final=True, from_finalize=True)
            elif kind == "CloseStream" and not self._answer.hang:
                await self._results(self._taken(), final=True)
                await self._socket.send_json({"type": "Metadata", "duration": len(self._sound) / BYTES_PER_S})
                await self._socket.close()
                return True
        return False

    def _taken(self) -> list[str]:
        taken, self._words = self._words, []
        return taken

    async def _results(self, words: list[str], *, final: bool, from_finalize: bool = False) -> None:
        if self._answer.hang:
            return
        end_s = len(self._sound) / BYTES_PER_S
        alternative: dict[str, Any] = {"transcript": " ".join(words), "confidence": 0.9, "words": []}
        if self._answer.language:
            alternative["languages"] = [self._answer.language]
        await self._socket.send_json(
            {
                "type": "Results",
                "start": self._final_s,
                "duration": end_s - self._final_s,
                "is_final": final,
                "speech_final": False,
                "from_finalize": from_finalize,
                "channel": {"alternatives": [alternative]},
            }
        )
        if final:
            self._final_s = end_s
