"""Any OpenAI-compatible chat server as a LanguageModel: OpenAI, DeepSeek, Qwen, Ollama, vLLM, llama.cpp, ...

    model = OpenAIModel("http://host:11434/v1", "qwen3:8b", deadlines=ModelDeadlines())
    async with aclosing(model.reply(history, tools)) as events: ...

aiohttp without the vendor's SDK: docs/decisions/http-client.md. What is asked is chat_request.py, what the answer's
bytes mean is chat_stream.py, how long we wait is patience.py, what a refusal means is refusals.py. No sentence raised
here holds a key or anything that was said.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

import aiohttp
import orjson
from yarl import URL

from contracts.errors import EngineFailed, EngineUnavailable
from contracts.language_model import Author, Message, ModelEvent, ToolSpec
from engine_http.address import with_key
from engine_http.connections import Connections
from engine_http.knobs import LLM, Knobs
from main_server.brain.chat_request import as_chat, chat_url, models_url, tool_entry
from main_server.brain.chat_stream import ChatStream
from main_server.brain.patience import ModelDeadlines, Patience
from main_server.brain.refusals import refusal, unsupported

__all__ = ["ModelDeadlines", "OpenAIModel"]

log = logging.getLogger(__name__)

MAX_LIST_BYTES = 2**20
MOST_MODELS = 500
_REFUSAL_BYTES = 8_192
_BEGINS_THINKING = re.compile(r"(?:^|[-_/:. ])(?:r1|qwq|thinking|reasoner)(?:$|[-_/:. ])", re.IGNORECASE)


class OpenAIModel:
    """One model on one server; any number of replies at once, on one event loop.

    `base_url` as people type it (chat_request.chat_url). `options` go into every request as they are: temperature,
    max_tokens, a vendor's own switches; `connector` is as in Connections. Raises EngineUnavailable when address or
    model name cannot be used.
    """

    name = "openai"

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
        url = self._chat_url(base_url, knobs)
        self._url, header = with_key(url, key, "language model server", self.name)
        if not model:
            raise EngineUnavailable(f"No language model is named: set {knobs.model}.", engine=self.name)
        self._where = f"{self._url.host}:{self._url.port}" if self._url.explicit_port else str(self._url.host)
        self._model = model
        self._deadlines = deadlines or ModelDeadlines()
        self._options = dict(options or {})
        self._reads_ahead = reads_ahead
        self._knobs = knobs
        self._connections = Connections(
            {"Content-Type": "application/json", "Accept": "text/event-stream, application/json", **header},
            connect_s=self._deadlines.connect_s,
            limit=max_connections,
            connector={"keepalive_timeout": 60.0, "ttl_dns_cache": 300, "happy_eyeballs_delay": 0.1}
            | dict(connector or {}),
        )
        self._without: frozenset[str] = frozenset()
        self._thinks_first = bool(_BEGINS_THINKING.search(model))

    async def reply(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> AsyncIterator[ModelEvent]:
        patience = Patience(self._deadlines, self._where, self.name, self._knobs)
        response = await self._ask(history, tools, patience)
        stream = self._stream()
        patience.watch(response)
        try:
            while not stream.ended:
                seen = stream.progressed
                piece = await (patience.read_tail() if stream.finish_reason else patience.read())
                for event in stream.feed(piece) if piece else stream.finish():
                    yield event
                if stream.progressed != seen:
                    patience.progressed()
            await patience.read_end()
        finally:
            patience.stop()
            response.close()  # ends a request that still answers; one that has ended is back in the pool already
            self._learn(stream)

    async def warm(self) -> None:
        """Opens a connection and tries the key, by asking for the list of models; a server without one is fine."""
        status, _ = await self._list()
        if status in (401, 403):
            raise refusal(status, b"", self._where, self._model, self.name, self._knobs)

    async def models(self) -> list[str]:
        """The models that the server lists (implements HasModels). Raises EngineError."""
        status, body = await self._list()
        if status != 200:
            raise refusal(status, body, self._where, self._model, self.name, self._knobs)
        names = self._names(body)
        if names is None:
            raise EngineFailed(f"The server at {self._where} does not say which models it has.", engine=self.name)
        return names[:MOST_MODELS]

    async def connect(self) -> None:
        """Has a connection open before it is needed; asks nothing."""
        with Patience(self._deadlines, self._where, self.name, self._knobs).asking():
            await self._connections.connect(self._url)

    async def prepare(self, beginning: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        """Asks for one token behind the beginning, so that a server with a prompt cache (llama.cpp, vLLM, Ollama) has
        read it. Only where `reads_ahead`: elsewhere the tokens are paid for."""
        if not self._reads_ahead:
            return
        body = self._body([*beginning, Message(Author.USER, ".")], tools, self._without) | {"max_tokens": 1}
        patience = Patience(self._deadlines, self._where, self.name, self._knobs)
        with patience.asking():
            async with asyncio.timeout(self._deadlines.first_token_s):
                response = await self._connections.post(self._url, partial(dict, data=orjson.dumps(body)))
                try:
                    await response.content.read(_REFUSAL_BYTES)
                finally:
                    response.close()

    async def close(self) -> None:
        await self._connections.close()

    def _chat_url(self, base_url: str, knobs: Knobs) -> URL:
        return chat_url(base_url, self.name, knobs)

    def _models_url(self) -> URL:
        return models_url(self._url)

    def _stream(self) -> ChatStream:
        return ChatStream(self.name, thinks_first=self._thinks_first)

    def _optional(self) -> frozenset[str]:
        """What of a request may be left out, when a server does not know it."""
        return frozenset({"stream_options"})

    def _names(self, body: bytes) -> list[str] | None:
        """The names in a list of models; None = it is none."""
        return names_in(body, "data", "id")

    async def _list(self) -> tuple[int, bytes]:
        """Status and body of the list of models, of which it reads MAX_LIST_BYTES at most."""
        body = bytearray()
        with Patience(self._deadlines, self._where, self.name, self._knobs).asking():
            async with asyncio.timeout(self._deadlines.first_token_s):
                async with await self._connections.get(self._models_url()) as response:
                    while len(body) < MAX_LIST_BYTES and (piece := await response.content.readany()):
                        body += piece
        return response.status, bytes(body)

    async def _ask(
        self, history: Sequence[Message], tools: Sequence[ToolSpec], patience: Patience
    ) -> aiohttp.ClientResponse:
        """An accepted request's response. Asks again without what is refused, and remembers what is never taken."""
        without = self._without
        for_good: frozenset[str] = frozenset()
        while True:
            body = orjson.dumps(self._body(history, tools, without))
            with patience.asking():
                async with asyncio.timeout(patience.left_s):
                    response = await self._connections.post(self._url, partial(dict, data=body))
                    refused = b"" if response.status == 200 else await _read_refusal(response)
            if response.status == 200:
                self._remember(for_good)
                return response
            asked = self._optional() | ({"tools"} if tools else set())
            left_out = unsupported(response.status, refused, asked - without)
            if left_out is None:
                raise refusal(response.status, refused, self._where, self._model, self.name, self._knobs)
            without |= {left_out.feature}
            if left_out.for_good:
                for_good |= {left_out.feature}
            else:
                log.warning(
                    "language model server refused a request, asking without", extra={"feature": left_out.feature}
                )

    def _body(self, history: Sequence[Message], tools: Sequence[ToolSpec], without: frozenset[str]) -> dict[str, Any]:
        body: dict[str, Any] = {**self._options, "model": self._model, "messages": as_chat(history), "stream": True}
        if "stream_options" not in without:
            body["stream_options"] = {"include_usage": True}
        if tools and "tools" not in without:
            body["tools"] = [tool_entry(tool) for tool in tools]
        return body

    def _remember(self, for_good: frozenset[str]) -> None:
        for feature in for_good - self._without:
            log.warning("language model server does not take a feature, going on without", extra={"feature": feature})
        self._without |= for_good

    def _learn(self, stream: ChatStream) -> None:
        if stream.thought_unannounced and not self._thinks_first:
            log.warning("language model begins its answers inside its thinking, holding them back from now on")
            self._thinks_first = True


def names_in(body: bytes, items: str, name: str) -> list[str] | None:
    """`name` of each entry of the list `items`; None where there is no such list."""
    try:
        listed = orjson.loads(body)[items]
        return [each[name] for each in listed if isinstance(each, dict) and isinstance(each.get(name), str)]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


async def _read_refusal(response: aiohttp.ClientResponse) -> bytes:
    """The first kilobytes of an error's body; the connection is given up."""
    try:
        return await response.content.read(_REFUSAL_BYTES)
    finally:
        response.close()
