"""An OpenAI-compatible recogniser that does as it is told: slow, broken, full, honest.

    async with TranscriptionServer() as server:
        server.say(Hears("what time is it", delay_s=0.01))
        ...  # server.url is the base address; server.requests holds the forms that came

Answers are used up in order, the last one again and again. Listens on a free port of 127.0.0.1.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

FOR_EVER_S = 3600.0


@dataclass(frozen=True)
class Hears:
    """One scripted answer. `form` is "json" or "text"; `raw` and `content_type` replace what that would send.

    `hang` never answers; `cut` drops the connection instead of answering.
    """

    text: str = "hello"
    form: str = "json"
    language: str = ""
    status: int = 200
    delay_s: float = 0.0
    hang: bool = False
    cut: bool = False
    raw: bytes | None = None
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class TranscriptionServer:
    """The server; use it as an async context manager. `gone` is set when a client left before its answer."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.request_headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.peers: set[Any] = set()
        self.came = asyncio.Event()
        self.gone = asyncio.Event()
        self.models_status = 200
        self._answers: list[Hears] = [Hears()]
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Base address, as a person would type it."""
        return f"http://127.0.0.1:{self._port}/v1"

    def say(self, *answers: Hears) -> None:
        """The script from here on."""
        self._answers = list(answers)

    async def __aenter__(self) -> TranscriptionServer:
        app = web.Application(client_max_size=16_000_000)
        app.router.add_post("/{path:.*}", self._transcribe)
        app.router.add_get("/{path:.*}", self._models)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _note(self, request: web.Request) -> None:
        self.paths.append(request.path)
        self.request_headers.append(dict(request.headers))
        self.peers.add(request.transport.get_extra_info("peername") if request.transport else None)

    async def _models(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        return web.json_response({"object": "list", "data": []}, status=self.models_status)

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        form = await request.post()
        self.requests.append({name: f.file.read() if isinstance(f, web.FileField) else f for name, f in form.items()})
        self.came.set()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        try:
            await asyncio.sleep(FOR_EVER_S if answer.hang else answer.delay_s)
        except asyncio.CancelledError:
            self.gone.set()
            raise
        if answer.cut:
            assert request.transport is not None
            request.transport.abort()
        return _response(answer)


def _response(answer: Hears) -> web.Response:
    if answer.raw is not None:
        kind = answer.content_type or "application/json"
        return web.Response(status=answer.status, body=answer.raw, headers={"Content-Type": kind, **answer.headers})
    if answer.form == "text":
        return web.Response(status=answer.status, text=answer.text, headers=answer.headers)
    told = {"text": answer.text} | ({"language": answer.language} if answer.language else {})
    return web.json_response(told, status=answer.status, headers=answer.headers)
