"""Any OpenAI-compatible chat server as a LanguageModel: OpenAI, DeepSeek, Qwen, Ollama, vLLM, llama.cpp, ...

    model = OpenAIModel("http://host:11434/v1", "qwen3:8b", deadlines=ModelDeadlines())
    async with aclosing(model.reply(history, tools)) as events: ...

aiohttp without the vendor's SDK: docs/decisions/http-client.md. What is asked is chat_request.py, what the answer's
bytes mean is chat_stream.py; here are the connection, the deadlines and what goes wrong with either. No sentence raised
here holds a key or anything that was said.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from contracts.errors import EngineFailed, EngineTimeout, EngineUnavailable
from contracts.language_model import Message, ModelEvent, ToolSpec
from main_server.brain.chat_request import as_chat, chat_url, models_url, tool_entry
from main_server.brain.chat_stream import ChatStream
from main_server.brain.refusals import refusal, unsupported

log = logging.getLogger(__name__)

_EOF_WAIT_S = 0.05  # after [DONE], so that the connection can be used again; its end normally comes with it
_TAIL_WAIT_S = 1.0  # after the finish reason, for the usage and the [DONE] that some servers never send
_REFUSAL_BYTES = 8_192
_BEGINS_THINKING = re.compile(r"(?:^|[-_/:. ])(?:r1|qwq|thinking|reasoner)(?:$|[-_/:. ])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModelDeadlines:
    """How long each step of an answer may take: seconds spent waiting for the server, not for our own listener.

    `idle_s` is between two pieces that carry something; thinking counts, comments and empty pieces do not.
    """

    connect_s: float = 3.0
    first_token_s: float = 15.0
    idle_s: float = 8.0
    total_s: float = 120.0


class OpenAIModel:
    """One model on one server; any number of replies at once, on one event loop.

    `base_url` as people type it (chat_request.chat_url). `options` go into every request as they are: temperature,
    max_tokens, a vendor's own switches. Raises EngineUnavailable when address or model name cannot be used.
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
    ) -> None:
        self._url = chat_url(base_url, self.name)
        if not model:
            raise EngineUnavailable("No language model is named: set ZHIYIN_LLM_MODEL.", engine=self.name)
        self._where = f"{self._url.host}:{self._url.port}" if self._url.explicit_port else str(self._url.host)
        self._model = model
        self._key = key
        self._deadlines = deadlines or ModelDeadlines()
        self._options = dict(options or {})
        self._max_connections = max_connections
        self._session: aiohttp.ClientSession | None = None
        self._without: frozenset[str] = frozenset()
        self._thinks_first = bool(_BEGINS_THINKING.search(model))

    async def reply(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> AsyncIterator[ModelEvent]:
        patience = _Patience(self._deadlines, self._where, self.name)
        response = await self._ask(history, tools, patience)
        stream = ChatStream(self.name, thinks_first=self._thinks_first)
        try:
            while not stream.ended:
                piece = await _next_piece(response, stream, patience)
                for event in stream.feed(piece) if piece else stream.finish():
                    yield event
            await _reach_end(response)
        finally:
            response.close()  # ends a request that still answers; one that has ended is back in the pool already
            self._learn(stream)

    async def warm(self) -> None:
        """Opens a connection and tries the key, by asking for the list of models; a server without one is fine."""
        patience = _Patience(self._deadlines, self._where, self.name)
        with patience.watching():
            async with asyncio.timeout(self._deadlines.first_token_s):
                async with self._http().get(
                    models_url(self._url), headers=self._headers(), allow_redirects=False
                ) as response:
                    await response.content.readany()
                    status = response.status
        if status in (401, 403):
            raise refusal(status, b"", self._where, self._model, self.name)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _ask(
        self, history: Sequence[Message], tools: Sequence[ToolSpec], patience: _Patience
    ) -> aiohttp.ClientResponse:
        """An accepted request's response. Asks again without what this server does not know, and remembers that."""
        without = self._without
        while True:
            body = orjson.dumps(self._body(history, tools, without))
            with patience.watching():
                async with asyncio.timeout(patience.left_s(0)):
                    response = await self._post(body)
                    refused = b"" if response.status == 200 else await _read_refusal(response)
            if response.status == 200:
                self._remember(without)
                return response
            asked = {"stream_options"} | ({"tools"} if tools else set())
            feature = unsupported(response.status, refused, asked - without)
            if not feature:
                raise refusal(response.status, refused, self._where, self._model, self.name)
            without |= {feature}

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        try:
            return await self._post_once(body)
        except (aiohttp.ServerDisconnectedError, ConnectionResetError):
            return await self._post_once(body)  # a kept connection had died meanwhile; asking twice changes nothing

    async def _post_once(self, body: bytes) -> aiohttp.ClientResponse:
        return await self._http().post(self._url, data=body, headers=self._headers(), allow_redirects=False)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._max_connections, keepalive_timeout=60.0, ttl_dns_cache=300, happy_eyeballs_delay=0.1
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._deadlines.connect_s),
            )
        return self._session

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return headers

    def _body(self, history: Sequence[Message], tools: Sequence[ToolSpec], without: frozenset[str]) -> dict[str, Any]:
        body: dict[str, Any] = {**self._options, "model": self._model, "messages": as_chat(history), "stream": True}
        if "stream_options" not in without:
            body["stream_options"] = {"include_usage": True}
        if tools and "tools" not in without:
            body["tools"] = [tool_entry(tool) for tool in tools]
        return body

    def _remember(self, without: frozenset[str]) -> None:
        for feature in without - self._without:
            log.warning("language model server does not take a feature, going on without", extra={"feature": feature})
        self._without |= without

    def _learn(self, stream: ChatStream) -> None:
        if stream.thought_unannounced and not self._thinks_first:
            log.warning("language model begins its answers inside its thinking, holding them back from now on")
            self._thinks_first = True


class _Patience:
    """The deadlines of one answer: how long the next piece may take, and what it means when it does not come."""

    def __init__(self, deadlines: ModelDeadlines, where: str, engine: str) -> None:
        self._deadlines = deadlines
        self._where = where
        self._engine = engine
        self._total_left_s = deadlines.total_s
        self._piece_left_s = deadlines.first_token_s
        self._progressed = 0

    def left_s(self, progressed: int) -> float:
        """Seconds until a piece that carries something must be here; `progressed` counts those that were."""
        if progressed != self._progressed:
            self._progressed = progressed
            self._piece_left_s = self._deadlines.idle_s
        return min(self._piece_left_s, self._total_left_s)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Counts the wait inside, and translates what breaks it off into an EngineError."""
        began_s = time.monotonic()
        try:
            yield
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise EngineUnavailable(
                f"The language model server at {self._where} cannot be reached: is it running, and is ZHIYIN_LLM_URL "
                "right?",
                engine=self._engine,
            ) from error
        except TimeoutError as error:
            raise EngineTimeout(self._too_slow(), engine=self._engine) from error
        except (aiohttp.ClientError, OSError) as error:
            raise EngineFailed(
                f"The language model server at {self._where} broke off its answer.",
                engine=self._engine,
                code="engine_cut_off",
            ) from error
        finally:
            waited_s = time.monotonic() - began_s
            self._total_left_s -= waited_s
            self._piece_left_s -= waited_s

    def _too_slow(self) -> str:
        if self._progressed:
            return f"The language model server at {self._where} fell silent in the middle of its answer."
        return f"The language model server at {self._where} did not begin to answer in time; a smaller model may."


async def _next_piece(response: aiohttp.ClientResponse, stream: ChatStream, patience: _Patience) -> bytes:
    """The next bytes of the body; b"" at its end, or at the end of our patience with an answer that is complete."""
    if stream.finish_reason:
        try:
            async with asyncio.timeout(_TAIL_WAIT_S):
                return await response.content.readany()
        except (TimeoutError, aiohttp.ClientError, OSError):
            return b""
    with patience.watching():
        async with asyncio.timeout(patience.left_s(stream.progressed)):
            return await response.content.readany()


async def _read_refusal(response: aiohttp.ClientResponse) -> bytes:
    """The first kilobytes of an error's body; the connection is given up."""
    try:
        return await response.content.read(_REFUSAL_BYTES)
    finally:
        response.close()


async def _reach_end(response: aiohttp.ClientResponse) -> None:
    """Reads past the last event to the end of the body, if that is all but here: it frees the connection for reuse."""
    try:
        async with asyncio.timeout(_EOF_WAIT_S):
            while not response.content.at_eof():
                await response.content.readany()
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass  # the caller closes the connection instead
