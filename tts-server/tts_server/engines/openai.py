"""Any OpenAI-compatible speech server as a Synthesizer: POST {base}/audio/speech, played as it arrives.

No sentence raised here holds a key, an address's password or anything that was to be said.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from contracts.audio import Pcm
from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.speech import VoiceChoice
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
    pitch. Raises EngineUnavailable when the address or the key cannot be used.
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
    ) -> None:
        self._headers = _headers(key)
        self._url = _speech_url(base_url)
        if self._headers:
            self._url = self._url.with_user(None)  # aiohttp sends one of the two
        self._where = f"{self._url.host}:{self._url.port}"
        self._model = model
        self._voice = voice
        self._response_format = response_format
        self._deadlines = deadlines or Deadlines()
        self._options = dict(options or {})
        self._max_connections = max_connections
        self._session: aiohttp.ClientSession | None = None

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        """Pieces as they arrive, at the server's rate. Raises EngineError; see _refusal and _translated."""
        async with aclosing(sentences(words)) as texts:
            async for text in texts:
                spoken = without_signs(text).strip()
                if not has_words(spoken):
                    continue
                async with aclosing(self._speak_one(spoken, choice)) as pieces:
                    async for pcm in pieces:
                        yield pcm

    async def warm(self) -> None:
        """Opens a connection and tries the key, by asking for the list of models; a server without one is fine."""
        url = self._url.with_path(self._url.path.removesuffix(_PATH) + "/models", keep_query=True)
        with self._translated():
            async with asyncio.timeout(self._deadlines.first_byte_s):
                async with self._http().get(url, headers=self._headers, allow_redirects=False) as response:
                    await response.content.readany()
        if response.status in (401, 403):
            raise self._refusal(response.status, b"")

    async def close(self) -> None:
        """Closes the connections. The synthesizer may be used again, and opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

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
            with self._translated():
                async with asyncio.timeout(self._deadlines.first_byte_s):
                    response = await self._post(body)
                    if response.status != 200:
                        raise self._refusal(response.status, await response.content.read(_REFUSAL_BYTES))
                    piece = await response.content.readany()
            accepted = True
            return response, piece
        finally:
            if response is not None and not accepted:
                response.close()

    async def _post(self, body: dict[str, Any]) -> aiohttp.ClientResponse:
        for last_try in (False, True):
            try:
                return await self._http().post(self._url, json=body, headers=self._headers, allow_redirects=False)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                if last_try:
                    raise
                # A kept connection had died meanwhile; asking twice changes nothing.
        raise AssertionError("the second try returns or raises")

    async def _next_piece(self, response: aiohttp.ClientResponse) -> bytes:
        with self._translated():
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
        if choice.speed != 1.0:
            slowest, fastest = _SPEED_RANGE
            body["speed"] = min(max(choice.speed, slowest), fastest)
        return body

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._max_connections),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._deadlines.connect_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=READ_BUFFER_BYTES,
            )
        return self._session

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """aiohttp's errors as ours, each with a sentence for the owner."""
        try:
            yield
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise EngineUnavailable(
                f"No speech server can be reached at {self._where}. Is it running, and is ZHIYIN_TTS right?",
                engine=self.name,
            ) from error
        except TimeoutError as error:
            raise EngineTimeout(
                f"The speech server at {self._where} did not answer in time.", engine=self.name
            ) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise EngineFailed(
                f"The speech server at {self._where} broke off ({type(error).__name__}).", engine=self.name
            ) from error

    def _refusal(self, status: int, body: bytes) -> EngineError:
        """What a status other than 200 means; of the body only a short code, as the rest may repeat key or text."""
        reason = _reason(body)
        said = f"The speech server at {self._where} answered {status}" + (f" ({reason})" if reason else "")
        if status in (401, 403):
            return EngineUnavailable(f"{said}: it refuses the key.", engine=self.name)
        if status in (429, 503):
            return EngineBusy(f"{said}: it is full, or the account's limit is reached.", engine=self.name)
        if 300 <= status < 400:
            return EngineFailed(f"{said}, a redirect: set ZHIYIN_TTS to where it points.", engine=self.name)
        if 400 <= status < 500:
            return EngineFailed(f"{said}: check its address, model and voice.", engine=self.name)
        return EngineFailed(f"{said}: it has a fault of its own.", engine=self.name)


def _speech_url(base_url: str) -> URL:
    try:
        url = URL(base_url.strip().rstrip("/"))
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise EngineUnavailable(
            "The speech server's address is not one of the kind http://host:port/v1; set ZHIYIN_TTS.", engine="openai"
        )
    return url if url.path.endswith(_PATH) else url.with_path(url.path.rstrip("/") + _PATH, keep_query=True)


def _headers(key: str) -> dict[str, str]:
    key = key.strip()
    if not (key.isascii() and (key.isprintable() or not key)):
        raise EngineUnavailable("The speech server's key holds characters that no key has.", engine="openai")
    return {"Authorization": f"Bearer {key}"} if key else {}


def _reason(body: bytes) -> str:
    """The code of an OpenAI error body, "" when there is none that is only a code."""
    try:
        error = json.loads(body)["error"]
        reason = error.get("code") or error.get("type")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else ""
