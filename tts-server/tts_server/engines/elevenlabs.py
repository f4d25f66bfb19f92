"""ElevenLabs as a Synthesizer: text goes there as it is written, sound comes back meanwhile (its stream-input socket).

Our own WebSocket instead of their SDK: that streams text only from a blocking iterator, on a client of its own that
neither our deadlines nor the guard of addresses reach, and weighs 10 MB in 2900 files for the three messages used here.
No sentence raised here holds a key or anything that was to be said.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from yarl import URL

from contracts.audio import Pcm
from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineUnavailable
from contracts.speech import Voice, VoiceChoice
from engine_http.address import socket_url
from engine_http.connections import Connections
from engine_http.failures import Failures
from engine_http.knobs import TTS, Knobs
from engine_http.sockets import Socket
from tts_server.engines.base import amplified
from tts_server.engines.elevenlabs_words import Words

ADDRESS = "https://api.elevenlabs.io"
MODEL = "eleven_flash_v2_5"
VOICE = "21m00Tcm4TlvDq8ikWAM"
RATE_HZ = 24_000
MAX_LIST_BYTES = 2**21

_SPEED_RANGE = (0.7, 1.2)
_CODE = re.compile(r"[a-z][a-z0-9_]{2,47}")
_KEY_CODES = ("invalid_api_key", "missing_permissions", "needs_authorization", "invalid_authorization_header")
_FULL_CODES = ("quota_exceeded", "rate_limit", "too_many", "concurren", "system_busy", "busy")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds spent waiting for the server, not for the writer or our listener. `first_sound_s` counts from the end of
    the text; the server may wait for enough of it before that."""

    connect_s: float = 3.0
    send_s: float = 3.0
    first_sound_s: float = 8.0
    next_piece_s: float = 5.0


class ElevenLabsSynthesizer:
    """An account at ElevenLabs (implements Synthesizer, HasVoices). `voice` is used where VoiceChoice names none.

    `settings` are voice settings as the API names them (stability, similarity_boost, style). Speed is the API's, from
    0.7 to 1.2; it has no pitch. Raises EngineUnavailable when address or key cannot be used.
    """

    name = "elevenlabs"

    def __init__(
        self,
        address: str = ADDRESS,
        key: str = "",
        model: str = MODEL,
        voice: str = VOICE,
        *,
        settings: Mapping[str, Any] | None = None,
        deadlines: Deadlines | None = None,
        max_connections: int = 512,
        connector: Mapping[str, Any] | None = None,
        knobs: Knobs = TTS,
    ) -> None:
        url = socket_url(address)
        if url is None:
            raise EngineUnavailable(
                f"ElevenLabs' address is not one of the kind https://api.elevenlabs.io; set {knobs.address}.",
                engine=self.name,
            )
        key = key.strip()
        if not key or not (key.isascii() and key.isprintable()):
            raise EngineUnavailable(f"ElevenLabs wants a key: set {knobs.key}.", engine=self.name)
        self._url = url.with_user(None)
        self._failures = Failures(
            self.name, "ElevenLabs server", f"{url.host}:{url.port}", knobs, "model, voice and language"
        )
        self._knobs = knobs
        self._model = model or MODEL
        self._voice = voice or VOICE
        self._settings = dict(settings or {})
        self._deadlines = deadlines or Deadlines()
        self._connections = Connections(
            {"xi-api-key": key}, connect_s=self._deadlines.connect_s, limit=max_connections, connector=connector
        )

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        """Pieces as they arrive, at 24 kHz. Raises EngineError."""
        said = _Said(words)
        try:
            first = await said.next()
            if first is None:
                return
            async with aclosing(self._spoken(first, said, choice)) as pieces:
                async for pcm in pieces:
                    yield pcm
        finally:
            await said.close()

    async def warm(self) -> None:
        """Opens a connection and tries the key."""
        with self._failures.translated():
            async with asyncio.timeout(self._deadlines.first_sound_s):
                async with await self._connections.get(self._url.with_path("/v1/models")) as response:
                    await response.content.readany()
        if response.status in (401, 403):
            raise self._failures.refusal(response.status)

    async def connect(self) -> None:
        """Has a connection open before it is needed; asks nothing."""
        with self._failures.translated():
            await self._connections.connect(self._url)

    async def voices(self) -> list[Voice]:
        """The account's voices. Raises EngineError."""
        with self._failures.translated():
            async with asyncio.timeout(self._deadlines.first_sound_s):
                async with await self._connections.get(self._url.with_path("/v1/voices")) as response:
                    if response.status != 200:
                        raise self._failures.refusal(response.status)
                    body = await response.content.read(MAX_LIST_BYTES)
                    while chunk := await response.content.read(MAX_LIST_BYTES - len(body)):
                        body += chunk
        return _voices(body)

    async def close(self) -> None:
        """Closes the connections. The synthesizer may be used again, and opens new ones."""
        await self._connections.close()

    async def _spoken(self, first: str, said: _Said, choice: VoiceChoice) -> AsyncGenerator[Pcm, None]:
        with self._failures.translated():
            socket = await self._connections.socket(self._asking(choice))
        writing = asyncio.create_task(self._write(socket, first, said, choice))
        try:
            heard = _Heard()
            while (message := await self._next(socket, writing, heard)) is not None:
                if refusal := self._refusal(message):
                    raise refusal
                if pcm := heard.take(message):
                    yield Pcm(amplified(pcm, choice.volume_db), RATE_HZ)
                if message.get("isFinal") is True:
                    return
            if writing.done():
                writing.result()
            if not heard.any or socket.close_code not in (0, 1000):
                raise self._closed(socket)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await socket.close()

    async def _write(self, socket: Socket, first: str, said: _Said, choice: VoiceChoice) -> None:
        """The text, as it is written; then its end."""
        piece: str | None = first
        await self._send(socket, self._greeting(choice))
        while piece is not None:
            await self._send(socket, {"text": piece})
            piece = await said.next()
        await self._send(socket, {"text": ""})

    async def _send(self, socket: Socket, message: Mapping[str, Any]) -> None:
        with self._failures.translated():
            async with asyncio.timeout(self._deadlines.send_s):
                await socket.send(message)

    async def _next(self, socket: Socket, writing: asyncio.Task[None], heard: _Heard) -> dict[str, Any] | None:
        """The next message. The clock runs once the text is all there; before that the writer may be what is slow."""
        receiving = asyncio.create_task(socket.receive())
        try:
            if not writing.done():
                await asyncio.wait({receiving, writing}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done() and not receiving.done():
                writing.result()
            with self._failures.translated():
                limit_s = self._deadlines.next_piece_s if heard.any else self._deadlines.first_sound_s
                async with asyncio.timeout(limit_s):
                    return await receiving
        finally:
            receiving.cancel()

    def _asking(self, choice: VoiceChoice) -> URL:
        voice = choice.voice or self._voice
        url = self._url.with_path("/").joinpath("v1", "text-to-speech", voice, "stream-input")
        query = {"model_id": self._model, "output_format": f"pcm_{RATE_HZ}", "auto_mode": "true"}
        language = choice.language.partition("-")[0].lower()
        if language and "v2_5" in self._model:  # the older models refuse the parameter
            query["language_code"] = language
        return url.with_query(query)

    def _greeting(self, choice: VoiceChoice) -> dict[str, Any]:
        settings = dict(self._settings)
        if choice.speed != 1.0:
            slowest, fastest = _SPEED_RANGE
            settings["speed"] = min(max(choice.speed, slowest), fastest)
        return {"text": " "} | ({"voice_settings": settings} if settings else {})

    def _refusal(self, message: Mapping[str, Any]) -> EngineError | None:
        """What a message that is an error means. Its own sentence may quote the text, so only its code is told."""
        if "audio" in message or not ("error" in message or "code" in message):
            return None
        return self._named(str(message.get("error") or ""))

    def _closed(self, socket: Socket) -> EngineError:
        return self._named(socket.close_reason) if socket.close_reason else self._failures.hung_up()

    def _named(self, reason: str) -> EngineError:
        code = reason if _CODE.fullmatch(reason) else ""
        where = f"ElevenLabs at {self._failures.where}"
        if code in _KEY_CODES:
            return EngineUnavailable(f"{where} refuses the key ({code}): check {self._knobs.key}.", engine=self.name)
        if any(part in code for part in _FULL_CODES):
            return EngineBusy(f"{where} is full, or the account's limit is reached ({code}).", engine=self.name)
        if code.startswith("voice_"):
            return EngineUnavailable(f"{where} knows no such voice ({code}).", engine=self.name, code="unknown_voice")
        said = f" ({code})" if code else ""
        return EngineFailed(f"{where} refused the text{said}: check its model and voice.", engine=self.name)


class _Said:
    """Text from whoever writes it, in whole words; read once, closed with the speech."""

    def __init__(self, words: AsyncIterator[str]) -> None:
        self._source = words
        self._words = Words()
        self._ended = False

    async def next(self) -> str | None:
        """The next piece that may be sent, never empty; None at the end."""
        while not self._ended:
            piece = await anext(self._source, None)
            self._ended = piece is None
            if ready := self._words.finish() if piece is None else self._words.push(piece):
                return ready
        return None

    async def close(self) -> None:
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


class _Heard:
    """Sound out of messages; whole samples only."""

    def __init__(self) -> None:
        self.any = False
        self._half = b""

    def take(self, message: Mapping[str, Any]) -> bytes:
        audio = message.get("audio")
        if not isinstance(audio, str) or not audio:
            return b""
        try:
            data = self._half + base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError):
            return b""
        whole = len(data) - len(data) % 2
        self._half = data[whole:]
        self.any = self.any or bool(whole)
        return data[:whole]


def _voices(body: bytes) -> list[Voice]:
    try:
        listed = json.loads(body)["voices"]
        return [
            Voice(str(each["voice_id"]), str(each.get("name") or each["voice_id"]), _languages(each))
            for each in listed
            if isinstance(each, dict) and each.get("voice_id")
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EngineFailed("ElevenLabs' list of voices cannot be read.", engine="elevenlabs") from error


def _languages(voice: Mapping[str, Any]) -> tuple[str, ...]:
    verified = voice.get("verified_languages")
    codes = [each.get("language") for each in verified if isinstance(each, dict)] if isinstance(verified, list) else []
    labels = voice.get("labels")
    if isinstance(labels, dict):
        codes.append(labels.get("language"))
    return tuple(dict.fromkeys(code for code in codes if isinstance(code, str) and code))
