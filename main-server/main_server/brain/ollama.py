"""Ollama as a LanguageModel, through its own API (`/api/chat`) rather than the one that is compatible with OpenAI's.

Only there can a request say that the model shall not think (a thought is never spoken, and costs seconds before the
first word) and how long it shall stay loaded (a model that was unloaded costs many seconds at the next wake word).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
from yarl import URL

from contracts.errors import EngineError, EngineFailed, EngineUnavailable
from contracts.language_model import Author, Message, ToolSpec
from engine_http.address import server_url
from engine_http.knobs import LLM, Knobs
from main_server.brain.chat_request import as_chat, tool_entry
from main_server.brain.ollama_stream import OllamaStream
from main_server.brain.openai_model import ModelDeadlines, OpenAIModel, names_in
from main_server.brain.patience import Patience

ADDRESS = "http://127.0.0.1:11434"
KEEP_ALIVE = "30m"

_CHAT = "/api/chat"
_SAMPLING = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "num_predict", "num_ctx": "num_ctx"}


class OllamaModel(OpenAIModel):
    """One model of one Ollama. `base_url` as people type it, with or without `/v1`. `options` as for OpenAIModel, with
    `keep_alive`, `think` and `num_ctx` besides; what is none of these goes into every request as it is."""

    name = "ollama"

    def __init__(
        self,
        base_url: str,
        model: str,
        key: str = "",
        *,
        deadlines: ModelDeadlines | None = None,
        options: Mapping[str, Any] | None = None,
        max_connections: int = 512,
        reads_ahead: bool = False,
        connector: Mapping[str, Any] | None = None,
        knobs: Knobs = LLM,
    ) -> None:
        super().__init__(
            base_url,
            model,
            key,
            deadlines=deadlines,
            options=_request_options(options or {}),
            max_connections=max_connections,
            reads_ahead=reads_ahead,
            connector=connector,
            knobs=knobs,
        )
        self._thinks_first = False  # it is told not to think, and where it does so all the same it says so

    async def warm(self) -> None:
        """Whether the model is there; then has it loaded, and waits for that as long as for a first word."""
        await super().warm()
        here = await self.models()
        if self._model not in here and f"{self._model}:latest" not in here:
            raise EngineFailed(
                f"Ollama at {self._where} has no model {self._model!r}: `ollama pull {self._model}`, or check "
                f"{self._knobs.model}.",
                engine=self.name,
            )
        with suppress(EngineError):  # a big model goes on loading; what is wrong with it the first reply tells
            await self._load()

    async def prepare(self, beginning: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        """Has the model read the beginning, where `reads_ahead`; elsewhere it is only loaded, which costs nothing."""
        if not self._reads_ahead:
            return await self._load()
        return await super().prepare(beginning, tools)

    async def _load(self) -> None:
        body = orjson.dumps({"model": self._model, "messages": [], "keep_alive": self._options["keep_alive"]})
        with Patience(self._deadlines, self._where, self.name, self._knobs).asking():
            async with asyncio.timeout(self._deadlines.first_token_s):
                response = await self._connections.post(self._url, partial(dict, data=body))
                try:
                    await response.content.readany()
                finally:
                    response.close()

    def _chat_url(self, base_url: str, knobs: Knobs) -> URL:
        url = server_url(base_url)
        if url is None:
            raise EngineUnavailable(
                f"Ollama's address must look like http://host:11434: see {knobs.address}.", engine=self.name
            )
        base = url.path.rstrip("/")
        for ending in (_CHAT, "/api", "/v1"):
            base = base.removesuffix(ending)
        return url.with_path(base + _CHAT, keep_query=True)

    def _models_url(self) -> URL:
        return self._url.with_path(self._url.path.removesuffix("/chat") + "/tags", keep_query=True)

    def _names(self, body: bytes) -> list[str] | None:
        return names_in(body, "models", "name")

    def _stream(self) -> OllamaStream:
        return OllamaStream(self.name, thinks_first=self._thinks_first)

    def _optional(self) -> frozenset[str]:
        return frozenset({"think"})

    def _body(self, history: Sequence[Message], tools: Sequence[ToolSpec], without: frozenset[str]) -> dict[str, Any]:
        asked = {name: value for name, value in self._options.items() if name not in without}
        body = {**asked, "model": self._model, "messages": as_ollama(history), "stream": True}
        if tools and "tools" not in without:
            body["tools"] = [tool_entry(tool) for tool in tools]
        return body


def as_ollama(history: Sequence[Message]) -> list[dict[str, Any]]:
    """Our messages in Ollama's shape: arguments are objects, and a result names its tool instead of the call."""
    tools = {call.id: call.name for message in history for call in message.calls}
    return [_message(entry, tools) for entry in as_chat(history)]


def _message(entry: dict[str, Any], tools: Mapping[str, str]) -> dict[str, Any]:
    if entry["role"] == Author.TOOL:
        return {"role": "tool", "content": entry["content"], "tool_name": tools.get(entry["tool_call_id"], "")}
    calls = [each["function"] for each in entry.pop("tool_calls", ())]
    if calls:
        entry["tool_calls"] = [
            {"function": {"name": call["name"], "arguments": orjson.loads(call["arguments"])}} for call in calls
        ]
    return entry


def _request_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """What every request holds: sampling goes where Ollama wants it, all else as it is."""
    rest = {name: value for name, value in options.items() if name not in _SAMPLING}
    given = rest.pop("options", None)
    sampling = {_SAMPLING[name]: value for name, value in options.items() if name in _SAMPLING}
    sampling = (given if isinstance(given, dict) else {}) | sampling
    return {"keep_alive": KEEP_ALIVE, "think": False, **rest, **({"options": sampling} if sampling else {})}
