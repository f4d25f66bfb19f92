"""An Ollama by the documentation of its own API, which does what a ChatServer is told.

It answers POST /api/chat in lines of JSON (a request without messages only loads the model) and GET /api/tags.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from fakes.chat_server import FOR_EVER_S, Answer, ChatServer


class OllamaServer(ChatServer):
    """As ChatServer; `models` is what it has, `loads` the requests that only loaded one."""

    def __init__(self) -> None:
        super().__init__()
        self.models = ["tiny:latest", "qwen3:8b"]
        self.loads: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def _models(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        listed = [{"name": name, "model": name, "size": 1} for name in self.models]
        return web.json_response({"models": listed}, status=self.models_status)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not body["messages"]:
            self.loads.append(body)
            return web.json_response({"message": {"role": "assistant", "content": ""}, "done": True,
                                      "done_reason": "load"})  # fmt: skip
        return await super()._chat(request)

    async def _stream(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        if answer.raw is not None:
            await response.write(answer.raw)
            return response
        await asyncio.sleep(answer.first_delay_s)
        for number, line in enumerate(_lines(answer)):
            if number == answer.cut_after:
                assert request.transport is not None
                request.transport.abort()
                return response
            if number == answer.hang_after:
                self.sent.set()
                await asyncio.sleep(FOR_EVER_S)
            if number:
                await asyncio.sleep(answer.delay_s)
            await response.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        return response


def _lines(answer: Answer) -> list[dict[str, Any]]:
    messages = [{"content": "", "thinking": thought} for thought in answer.reasoning]
    messages += [{"content": piece} for piece in answer.pieces]
    messages += [{"content": "", "tool_calls": [call]} for call in _calls(answer)]
    lines: list[dict[str, Any]] = [{"message": {"role": "assistant", **each}, "done": False} for each in messages]
    if answer.finish_reason:
        read, written = answer.usage or (0, 0)
        end = {"done": True, "done_reason": "stop", "prompt_eval_count": read, "eval_count": written}
        lines.append({"message": {"role": "assistant", "content": ""}, **end})
    return lines


def _calls(answer: Answer) -> list[dict[str, Any]]:
    """Whole calls, of the deltas that the other API has."""
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for delta in answer.deltas:
        for call in delta.get("tool_calls", []):
            names.setdefault(call["index"], call["function"].get("name", ""))
            arguments[call["index"]] = arguments.get(call["index"], "") + call["function"].get("arguments", "")
    return [{"function": {"name": names[at], "arguments": json.loads(arguments[at] or "{}")}} for at in names]
