"""A FunASR runtime server by its documented protocol, in the manners of its two kinds, that does as it is told.

    async with FunasrServer() as server:
        server.say(Hears(SENTENCE))
        ...  # server.url; server.greetings, server.sounds

`manner` is "c++" (the last message of an utterance says `is_final: true`) or "python" (`is_final` repeats the client's
`is_speaking`, and sound without words gets no message at all).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

ONLINE_EVERY_BYTES = 19_200  # 600 ms


@dataclass(frozen=True)
class Hears:
    """What one utterance is. `segments`: what was decided on before its end; C++ may tell of it after. `hang`: falls
    silent, even to pings; `cut_after_bytes` drops the connection there; `tag` stands before the text."""

    text: str = "hello"
    segments: tuple[str, ...] = ()
    manner: str = "c++"
    tag: str = ""
    hang: bool = False
    cut_after_bytes: int = 0


class FunasrServer:
    """The server; use it as an async context manager. `gone` is set when a client left before its answer."""

    def __init__(self) -> None:
        self.greetings: list[dict[str, Any]] = []
        self.sounds: list[bytearray] = []
        self.frames: list[int] = []
        self.protocols: list[str] = []
        self.came = asyncio.Event()
        self.ended = asyncio.Event()
        self.gone = asyncio.Event()
        self.status = 0
        self._answers = [Hears()]
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        assert self._runner is not None
        return f"ws://127.0.0.1:{self._runner.addresses[0][1]}"

    def say(self, *answers: Hears) -> None:
        """The script from here on: an answer for each connection, the last one again and again."""
        self._answers = list(answers)

    async def __aenter__(self) -> FunasrServer:
        app = web.Application()
        app.router.add_get("/", self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.status:
            return web.Response(status=self.status)
        socket = web.WebSocketResponse(protocols=("binary",), autoping=False)
        await socket.prepare(request)
        self.protocols.append(socket.ws_protocol or "")
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        ended = False
        try:
            ended = await self._listen(socket, answer)
        finally:  # a client that leaves has this cancelled, too
            if not ended:
                self.gone.set()
        return socket

    async def _listen(self, socket: web.WebSocketResponse, answer: Hears) -> bool:
        """Whether the client waited for the answer."""
        sound, answered = bytearray(), False
        self.sounds.append(sound)
        async for message in socket:
            if message.type == WSMsgType.PING and not answer.hang:
                await socket.pong(message.data)
            elif message.type == WSMsgType.BINARY:
                sound += message.data
                self.frames.append(len(message.data))
                self.came.set()
                if answer.cut_after_bytes and len(sound) >= answer.cut_after_bytes:
                    await socket.close()
                    return True
                await self._online(socket, answer, sound)
            elif message.type == WSMsgType.TEXT:
                told = json.loads(message.data)
                if told.get("is_speaking"):
                    self.greetings.append(told)
                    continue
                self.ended.set()
                if not answer.hang:
                    await self._offline(socket, answer, self.greetings[-1]["mode"])
                    answered = True
        return answered

    async def _segments(self, socket: web.WebSocketResponse, answer: Hears, kind: str) -> None:
        for segment in answer.segments:
            await socket.send_json({"mode": kind, "text": segment, "is_final": answer.manner == "python"})

    async def _online(self, socket: web.WebSocketResponse, answer: Hears, sound: bytearray) -> None:
        if answer.manner == "python" and len(sound) == 10 * self.frames[-1]:
            await self._segments(
                socket, answer, "offline" if self.greetings[-1]["mode"] == "offline" else "2pass-offline"
            )
        if len(sound) % ONLINE_EVERY_BYTES == 0 and self.greetings[-1]["mode"] == "2pass" and answer.text:
            draft = answer.text.split()[0]
            await socket.send_json({"mode": "2pass-online", "text": draft, "is_final": answer.manner == "python"})

    async def _offline(self, socket: web.WebSocketResponse, answer: Hears, mode: str) -> None:
        python, kind = answer.manner == "python", "offline" if mode == "offline" else "2pass-offline"
        if not python:
            await self._segments(socket, answer, "2pass-offline")
        if answer.text:
            await socket.send_json({"mode": kind, "text": answer.tag + answer.text, "is_final": not python})
        elif not python:
            await socket.send_json({"text": "", "is_final": True})  # without a mode, as it does
