"""Any OpenAI-compatible speech server as a Synthesizer: POST {base}/audio/speech, played as it arrives.

No sentence raised here holds a key, an address's password or anything that was to be said.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import aiohttp

from contracts.audio import Pcm
from contracts.errors import EngineUnavailable
from contracts.speech import VoiceChoice
from engine_http.address import endpoint, server_url, with_key
from engine_http.connections import Connections
from engine_http.failures import Failures
from engine_http.knobs import TTS, Knobs
from tts_server.engines.base import amplified, has_words, sentences, without_signs
from tts_server.engines.sound_stream import SoundStream

_PATH = "/audio/speech"
_SPEED_RANGE = (0.25, 4.0)
_REFUSAL_BYTES = 8_192
READ_BUFFER_BYTES = 16_384
"""Sound that arrived before it is wanted: a third of a second each in aiohttp's two buffers; the rest waits at the
server's end of the socket, where it costs us no memory."""
_REASON = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{1,47}")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each step may take: seconds spent waiting for the server, not for our own listener."""

    connect_s: float = 3.0
    first_byte_s: float = 8.0  # of the sound, counted from the request
    next_piece_s: float = 5.0


class OpenAISynthesizer:
    """One voice server; any number of texts at once, on one event loop (implements Synthesizer).

    `base_url` ends before /audio/speech. `voice` is used where VoiceChoice names none; `options` go into every request
    as they are. `response_format` is "pcm" or "wav", but whichever of the two comes is taken. The API has speed but no
    pitch. `takes_drafts`: it is a tts-server of ours, which knows what may wait. `connector` is as in Connections.
    Raises EngineUnavailable when the address or the key cannot be used.
    """

    name = "openai"

    def __init__(
        self,
        base_url: str,
        key: str = "",
        model: str = "tts-1",
        voice: str = "alloy",
        *,
        response_format: str = "pcm",
        deadlines: Deadlines | None = None,
        options: Mapping[str, Any] | None = None,
        max_connections: int = 512,
        takes_drafts: bool = False,
        connector: Mapping[str, Any] | None = None,
        knobs: Knobs = TTS,
    ) -> None:
        url = server_url(base_url)
        if url is None:
            raise EngineUnavailable(
                f"The speech server's address is not one of the kind http://host:port/v1; set {knobs.address}.",
                engine=self.name,
            )
        self._url, header = with_key(endpoint(url, _PATH), key, "speech server", self.name)
        where = f"{self._url.host}:{self._url.port}"
        self._failures = Failures(self.name, "speech server", where, knobs, "address, model and voice")
        self._model = model
        self._voice = voice
        self._response_format = response_format
        self._deadlines = deadlines or Deadlines()
        self._options = dict(options or {})
        self._takes_drafts = takes_drafts
        self._connections = Connections(
            header,
            connect_s=self._deadlines.connect_s,
            limit=max_connections,
            read_buffer_bytes=READ_BUFFER_BYTES,
            connector=connector,
        )

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        """Pieces as they arrive, at the server's rate. Raises EngineError; see engine_http.failures."""
        async with aclosing(sentences(words)) as texts:
            async for text in texts:
                spoken = without_signs(text)
                if not has_words(spoken):
                    continue
                async with aclosing(self._speak_one(spoken, choice)) as pieces:
                    async for pcm in pieces:
                        yield pcm

    async def warm(self) -> None:
        """Opens a connection and tries the key, by asking for the list of models; a server without one is fine."""
        url = self._url.with_path(self._url.path.removesuffix(_PATH) + "/models", keep_query=True)
        with self._failures.translated():
            async with asyncio.timeout(self._deadlines.first_byte_s):
                async with await self._connections.get(url) as response:
                    await response.content.readany()
        if response.status in (401, 403):
            raise self._failures.refusal(response.status)

    async def connect(self) -> None:
        """Has a connection open before it is needed; asks nothing."""
        with self._failures.translated():
            await self._connections.connect(self._url)

    async def close(self) -> None:
        """Closes the connections. The synthesizer may be used again, and opens new ones."""
        await self._connections.close()

    async def _speak_one(self, text: str, choice: VoiceChoice) -> AsyncGenerator[Pcm, None]:
        response, piece = await self._begin(self._request(text, choice))
        try:
            sound = SoundStream(response.headers.get("Content-Type", ""), self.name)
            while piece:
                if pcm := sound.push(piece):
                    yield Pcm(amplified(pcm, choice.volume_db), sound.sample_rate_hz)
                piece = await self._next_piece(response)
            sound.finish()
        finally:
            response.close()  # ends a request that still answers; one that has ended is back in the pool already

    async def _begin(self, body: dict[str, Any]) -> tuple[aiohttp.ClientResponse, bytes]:
        """An accepted request's response and the first piece of its body."""
        response: aiohttp.ClientResponse | None = None
        accepted = False
        try:
            with self._failures.translated():
                async with asyncio.timeout(self._deadlines.first_byte_s):
                    response = await self._connections.post(self._url, lambda: {"json": body})
                    if response.status != 200:
                        raise self._failures.refusal(
                            response.status, _reason(await response.content.read(_REFUSAL_BYTES))
                        )
                    piece = await response.content.readany()
            accepted = True
            return response, piece
        finally:
            if response is not None and not accepted:
                response.close()

    async def _next_piece(self, response: aiohttp.ClientResponse) -> bytes:
        with self._failures.translated():
            async with asyncio.timeout(self._deadlines.next_piece_s):
                return await response.content.readany()

    def _request(self, text: str, choice: VoiceChoice) -> dict[str, Any]:
        body = {
            "model": self._model,
            "input": text,
            "voice": choice.voice or self._voice,
            "response_format": self._response_format,
            **self._options,
        }
        if choice.draft and self._takes_drafts:
            body["draft"] = True
        if choice.speed != 1.0:
            slowest, fastest = _SPEED_RANGE
            body["speed"] = min(max(choice.speed, slowest), fastest)
        return body


def _reason(body: bytes) -> str:
    """The code of an OpenAI error body, "" when there is none that is only a code."""
    try:
        error = json.loads(body)["error"]
        reason = error.get("code") or error.get("type")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else ""
