"""Any OpenAI-compatible recogniser as a Transcriber: POST {base}/audio/transcriptions with the utterance as a wav.

No sentence raised here holds a key, an address's password or what was said.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from asr_worker.one_shot import RemoteTranscription
from contracts.audio import Pcm
from contracts.errors import EngineFailed, EngineUnavailable
from contracts.transcription import Transcript, Transcription, TranscriptionRequest
from engine_http.address import endpoint, server_url, with_key
from engine_http.connections import Connections
from engine_http.failures import Failures
from engine_http.knobs import ASR, Knobs
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

    `base_url` ends before /audio/transcriptions; `connector` is as in Connections. Raises EngineUnavailable when the
    address or the key cannot be used.
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
        connector: Mapping[str, Any] | None = None,
        knobs: Knobs = ASR,
    ) -> None:
        url = server_url(base_url)
        if url is None:
            raise EngineUnavailable(
                f"The recogniser's address is not one of the kind http://host:port/v1; set {knobs.address}.",
                engine=self.name,
            )
        self._url, header = with_key(endpoint(url, _PATH), key, "recogniser", self.name)
        self._where = f"{self._url.host}:{self._url.port}"
        self._failures = Failures(self.name, "recogniser", self._where, knobs, "address and model")
        self._model = model
        self._deadlines = deadlines or Deadlines()
        self._connections = Connections(
            header, connect_s=self._deadlines.connect_s, limit=max_connections, connector=connector
        )

    def open(self, request: TranscriptionRequest) -> Transcription:
        return RemoteTranscription(request, self.transcribe)

    async def warm(self) -> None:
        """Opens a connection and tries the key, by asking for the list of models; a server without one is fine."""
        url = self._url.with_path(self._url.path.removesuffix(_PATH) + "/models", keep_query=True)
        with self._failures.translated():
            async with asyncio.timeout(self._deadlines.total_s), await self._connections.get(url) as response:
                await response.content.read(MAX_ANSWER_BYTES)
        if response.status in (401, 403):
            raise self._failures.refusal(response.status)

    async def connect(self) -> None:
        """Has a connection open before it is needed; asks nothing."""
        with self._failures.translated():
            await self._connections.connect(self._url)

    async def close(self) -> None:
        """Closes the connections. The transcriber may be used again, and opens new ones."""
        await self._connections.close()

    async def transcribe(self, pcm: Pcm, request: TranscriptionRequest) -> Transcript:
        """One utterance; cancelling it closes the request. Raises EngineError."""
        with self._failures.translated():
            async with asyncio.timeout(self._deadlines.total_s):
                return await self._post(pcm, request)

    async def _post(self, pcm: Pcm, request: TranscriptionRequest) -> Transcript:
        async with await self._connections.post(self._url, lambda: {"data": self._form(pcm, request)}) as response:
            if response.status != 200:
                raise self._failures.refusal(response.status)
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


async def _read_all(response: aiohttp.ClientResponse) -> bytes:
    """The body, or one piece more than MAX_ANSWER_BYTES of it."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            break
    return bytes(body)
