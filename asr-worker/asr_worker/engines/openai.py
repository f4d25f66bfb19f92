"""Any OpenAI-compatible recogniser as a Transcriber: POST {base}/audio/transcriptions with the utterance as a wav.

No sentence raised here holds a key, an address's password or what was said.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from asr_worker.one_shot import RemoteTranscription
from contracts.audio import Pcm
from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.transcription import Transcript, Transcription, TranscriptionRequest
from sound.wav import wav_bytes

MAX_ANSWER_BYTES = 256 * 1024
_PATH = "/audio/transcriptions"

# Whisper-like servers name the language in English words when asked for verbose answers.
_LANGUAGE_NAMES = {
    "english": "en",
    "chinese": "zh",
    "mandarin": "zh",
    "cantonese": "yue",
    "japanese": "ja",
    "korean": "ko",
}


@dataclass(frozen=True, slots=True)
class Deadlines:
    """`total_s`: from the request to the last byte of the answer; asr_server's own deadline must stay above it."""

    connect_s: float = 3.0
    total_s: float = 10.0


class OpenAITranscriber:
    """One recogniser server; any number of utterances at once, on one event loop (implements Transcriber).

    `base_url` ends before /audio/transcriptions. Raises EngineUnavailable when the address or the key cannot be used.
    """

    name = "openai"

    def __init__(
        self,
        base_url: str,
        key: str = "",
        model: str = "whisper-1",
        *,
        deadlines: Deadlines | None = None,
        max_connections: int = 512,
    ) -> None:
        self._headers = _headers(key)
        self._url = _transcriptions_url(base_url)
        if self._headers:
            self._url = self._url.with_user(None)  # aiohttp sends one of the two
        self._where = f"{self._url.host}:{self._url.port}"
        self._model = model
        self._deadlines = deadlines or Deadlines()
        self._max_connections = max_connections
        self._session: aiohttp.ClientSession | None = None

    def open(self, request: TranscriptionRequest) -> Transcription:
        return RemoteTranscription(request, self.transcribe)

    async def warm(self) -> None:
        """Opens a connection and tries the key, by asking for the list of models; a server without one is fine."""
        url = self._url.with_path(self._url.path.removesuffix(_PATH) + "/models", keep_query=True)
        with self._translated():
            async with (
                asyncio.timeout(self._deadlines.total_s),
                self._http().get(url, headers=self._headers, allow_redirects=False) as response,
            ):
                await response.content.read(MAX_ANSWER_BYTES)
        if response.status in (401, 403):
            raise self._refusal(response.status)

    async def close(self) -> None:
        """Closes the connections. The transcriber may be used again, and opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def transcribe(self, pcm: Pcm, request: TranscriptionRequest) -> Transcript:
        """One utterance; cancelling it closes the request. Raises EngineError."""
        with self._translated():
            async with asyncio.timeout(self._deadlines.total_s):
                for last_try in (False, True):
                    try:
                        return await self._post(pcm, request)
                    except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                        if last_try:
                            raise
                        # A kept connection had died meanwhile; asking twice changes nothing.
        raise AssertionError("the second try returns or raises")

    async def _post(self, pcm: Pcm, request: TranscriptionRequest) -> Transcript:
        form = self._form(pcm, request)
        async with self._http().post(self._url, data=form, headers=self._headers, allow_redirects=False) as response:
            if response.status != 200:
                raise self._refusal(response.status)
            body = await _read_all(response)
        if len(body) > MAX_ANSWER_BYTES:
            raise EngineFailed(f"The recogniser at {self._where} answered with far too much.", engine=self.name)
        return self._transcript(response.headers.get("Content-Type", ""), body)

    def _form(self, pcm: Pcm, request: TranscriptionRequest) -> aiohttp.FormData:
        form = aiohttp.FormData()
        form.add_field("model", self._model)
        form.add_field("response_format", "json")
        if language := request.language.partition("-")[0].lower():
            form.add_field("language", language)
        form.add_field("file", wav_bytes(pcm), filename="utterance.wav", content_type="audio/wav")
        return form

    def _transcript(self, content_type: str, body: bytes) -> Transcript:
        """Some servers answer with bare text, some send JSON as text: what it is shows in its first character."""
        kind = content_type.partition(";")[0].strip().lower()
        text = body.decode(errors="replace").strip()
        if kind.endswith("json") or text.startswith("{"):
            return self._from_json(text)
        if kind in ("text/plain", ""):
            return Transcript(text)
        raise EngineFailed(
            f"The recogniser at {self._where} answered with {kind[:40]!r} instead of a transcript: check its address.",
            engine=self.name,
        )

    def _from_json(self, text: str) -> Transcript:
        try:
            answer: Any = json.loads(text)
            words, language = answer["text"], answer.get("language") or ""
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            words, language = None, ""
        if not isinstance(words, str):
            raise EngineFailed(f"The recogniser at {self._where} answered without a text.", engine=self.name)
        name = language.strip().lower() if isinstance(language, str) else ""
        return Transcript(words.strip(), language=_LANGUAGE_NAMES.get(name, name if len(name) < 12 else ""))

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._max_connections),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._deadlines.connect_s),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """aiohttp's errors as ours, each with a sentence for the owner."""
        try:
            yield
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise EngineUnavailable(
                f"No recogniser can be reached at {self._where}. Is it running, and is ZHIYIN_ASR right?",
                engine=self.name,
            ) from error
        except TimeoutError as error:
            raise EngineTimeout(f"The recogniser at {self._where} did not answer in time.", engine=self.name) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise EngineFailed(
                f"The recogniser at {self._where} broke off ({type(error).__name__}).", engine=self.name
            ) from error

    def _refusal(self, status: int) -> EngineError:
        """What a status other than 200 means; nothing of the body, which may repeat the key."""
        said = f"The recogniser at {self._where} answered {status}"
        if status in (401, 403):
            return EngineUnavailable(f"{said}: it refuses the key.", engine=self.name)
        if status in (429, 503):
            return EngineBusy(f"{said}: it is full, or the account's limit is reached.", engine=self.name)
        if 300 <= status < 400:
            return EngineFailed(f"{said}, a redirect: set ZHIYIN_ASR to where it points.", engine=self.name)
        if 400 <= status < 500:
            return EngineFailed(f"{said}: check its address and model.", engine=self.name)
        return EngineFailed(f"{said}: it has a fault of its own.", engine=self.name)


async def _read_all(response: aiohttp.ClientResponse) -> bytes:
    """The body, or one piece more than MAX_ANSWER_BYTES of it."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            break
    return bytes(body)


def _transcriptions_url(base_url: str) -> URL:
    try:
        url = URL(base_url.strip().rstrip("/"))
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise EngineUnavailable(
            "The recogniser's address is not one of the kind http://host:port/v1; set ZHIYIN_ASR.", engine="openai"
        )
    return url if url.path.endswith(_PATH) else url.with_path(url.path.rstrip("/") + _PATH, keep_query=True)


def _headers(key: str) -> dict[str, str]:
    key = key.strip()
    if not (key.isascii() and (key.isprintable() or not key)):
        raise EngineUnavailable("The recogniser's key holds characters that no key has.", engine="openai")
    return {"Authorization": f"Bearer {key}"} if key else {}
