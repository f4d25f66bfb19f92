"""An OpenAI-compatible chat server that does as it is told: slow, broken, full, honest. For tests and benches.

    async with ChatServer() as server:
        server.say(Answer(["Hello", " there."], delay_s=0.01))
        ...  # server.url is the base address; server.requests holds the JSON bodies that came

Answers are used up in order, the last one again and again. Listens on a free port of 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

FOR_EVER_S = 3600.0


@dataclass(frozen=True)
class Answer:
    """One scripted answer: `pieces` are the words' deltas, `deltas` raw ones sent after them (tool calls, ...).

    `cut_after` drops the connection after so many events, `hang_after` falls silent there. `raw` replaces the body
    altogether. `trickle` sends every byte alone. `refuse_fields` answers 400 when the request has one of them.
    """

    pieces: Sequence[str] = ("Hello.",)
    reasoning: Sequence[str] = ()
    deltas: Sequence[dict[str, Any]] = ()
    status: int = 200
    error: Any = None
    first_delay_s: float = 0.0
    delay_s: float = 0.0
    headers_delay_s: float = 0.0
    cut_after: int | None = None
    hang_after: int | None = None
    trickle: bool = False
    plain_json: bool = False
    finish_reason: str | None = "stop"
    usage: tuple[int, int] | None = (11, 7)
    done: bool = True
    comment_every_s: float = 0.0
    newline: str = "\n"
    raw: bytes | None = None
    refuse_fields: Sequence[str] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def deltas_in_order(self) -> list[dict[str, Any]]:
        thoughts = [{"reasoning_content": thought} for thought in self.reasoning]
        return [*thoughts, *({"content": piece} for piece in self.pieces), *self.deltas]


def tool_call(
    name: str, arguments: str, *, index: int = 0, call_id: str = "call_1", cut: int = 0
) -> list[dict[str, Any]]:
    """The deltas of one tool call, its arguments in pieces of `cut` characters (0 = in one)."""
    size = cut or max(1, len(arguments))
    parts = [arguments[at : at + size] for at in range(0, len(arguments), size)] or [""]
    head = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
    tail = [{"index": index, "function": {"arguments": part}} for part in parts]
    return [{"tool_calls": [delta]} for delta in [head, *tail]]


class ChatServer:
    """The server; use it as an async context manager.

    `gone` is set when a client left in the middle of an answer, `sent` when all of one is written that ever will be.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.request_headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.connections = 0
        self.gone = asyncio.Event()
        self.sent = asyncio.Event()
        self.models_status = 200
        self._answers: list[Answer] = [Answer()]
        self._peers: set[Any] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Base address, as a person would type it."""
        return f"http://127.0.0.1:{self._port}/v1"

    def say(self, *answers: Answer) -> None:
        """The script from here on."""
        self._answers = list(answers)

    async def __aenter__(self) -> ChatServer:
        app = web.Application(client_max_size=16_000_000)
        app.router.add_post("/{path:.*}", self._chat)
        app.router.add_get("/{path:.*}", self._models)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        return web.json_response({"object": "list", "data": []}, status=self.models_status)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        body = await request.json()
        self.requests.append(body)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        try:
            await asyncio.sleep(answer.headers_delay_s)
            response = await self._answer(request, body, answer)
            self.sent.set()
            return response
        except (asyncio.CancelledError, ConnectionError):
            self.gone.set()
            raise

    def _note(self, request: web.Request) -> None:
        self.paths.append(request.path_qs)
        self.request_headers.append(dict(request.headers))
        if request.transport not in self._peers:
            self._peers.add(request.transport)
            self.connections += 1

    async def _answer(self, request: web.Request, body: dict[str, Any], answer: Answer) -> web.StreamResponse:
        refused = [name for name in answer.refuse_fields if name in body]
        if refused:
            return web.json_response({"error": {"message": f"unknown field {refused[0]}", "code": "bad"}}, status=400)
        if answer.status != 200:
            error = answer.error if answer.error is not None else {"error": {"message": "no"}}
            return web.json_response(error, status=answer.status, headers=answer.headers)
        if answer.plain_json:
            return web.json_response(_completion(answer))
        return await self._stream(request, answer)

    async def _stream(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **answer.headers})
        await response.prepare(request)
        if answer.raw is not None:
            await self._write(response, answer.raw, answer)
            return response
        await self._pause(response, answer.first_delay_s, answer)
        for number, event in enumerate(_events(answer)):
            if number == answer.cut_after:
                assert request.transport is not None
                request.transport.abort()
                return response
            if number == answer.hang_after:
                self.sent.set()
                await self._pause(response, FOR_EVER_S, answer)
            if number:
                await self._pause(response, answer.delay_s, answer)
            await self._write(response, event, answer)
        return response

    async def _write(self, response: web.StreamResponse, data: bytes, answer: Answer) -> None:
        if not answer.trickle:
            await response.write(data)
            return
        for at in range(len(data)):
            await response.write(data[at : at + 1])
            await asyncio.sleep(0)

    async def _pause(self, response: web.StreamResponse, pause_s: float, answer: Answer) -> None:
        while answer.comment_every_s and pause_s > answer.comment_every_s:
            await asyncio.sleep(answer.comment_every_s)
            pause_s -= answer.comment_every_s
            await response.write(b": still here\n\n")
        await asyncio.sleep(pause_s)


def _events(answer: Answer) -> list[bytes]:
    chunks = [_chunk(answer, delta, None) for delta in answer.deltas_in_order()]
    if answer.finish_reason:
        chunks.append(_chunk(answer, {}, answer.finish_reason))
    if answer.usage:
        usage = {"prompt_tokens": answer.usage[0], "completion_tokens": answer.usage[1]}
        chunks.append(_event({"choices": [], "usage": usage}, answer))
    if answer.done:
        chunks.append(f"data: [DONE]{answer.newline * 2}".encode())
    return chunks


def _chunk(answer: Answer, delta: dict[str, Any], reason: str | None) -> bytes:
    return _event({"object": "chat.completion.chunk", "choices": [_choice("delta", delta, reason)]}, answer)


def _event(chunk: dict[str, Any], answer: Answer) -> bytes:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}{answer.newline * 2}".encode()


def _choice(key: str, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
    return {"index": 0, key: delta, "finish_reason": reason}


def _completion(answer: Answer) -> dict[str, Any]:
    calls = [call for delta in answer.deltas for call in delta.get("tool_calls", [])]
    message = {"role": "assistant", "content": "".join(answer.pieces), **({"tool_calls": calls} if calls else {})}
    usage = {"prompt_tokens": answer.usage[0], "completion_tokens": answer.usage[1]} if answer.usage else None
    choices = [_choice("message", message, answer.finish_reason)]
    return {"object": "chat.completion", "choices": choices, "usage": usage}
