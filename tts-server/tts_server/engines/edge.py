"""The voices of Microsoft Edge's reader as a Synthesizer, by edge-tts (extra `edge`): no key, no promise of theirs.

edge-tts (LGPL, so an extra that is asked for by name) keeps up with the service's own tokens; its MP3 becomes PCM in
PyAV as it arrives. No sentence raised here holds anything that was to be said.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from contracts.audio import Pcm
from contracts.errors import EngineFailed, EngineUnavailable
from contracts.speech import Voice, VoiceChoice
from engine_http.failures import Failures
from engine_http.knobs import TTS, Knobs
from tts_server.engines.base import amplified, has_words, sentences, split_long, without_signs

RATE_HZ = 24_000
MAX_TEXT_CHARS = 1_000
"""One request; the service takes 4 KB."""

CHINESE = "zh-CN-XiaoxiaoNeural"
ENGLISH = "en-US-AriaNeural"
_BY_LANGUAGE = {
    "zh": CHINESE,
    "yue": "zh-HK-HiuMaanNeural",
    "en": ENGLISH,
    "ja": "ja-JP-NanamiNeural",
    "ko": "ko-KR-SunHiNeural",
    "de": "de-DE-KatjaNeural",
    "fr": "fr-FR-DeniseNeural",
    "es": "es-ES-ElviraNeural",
}
_VOICE_HZ = 200
"""About what a pitch of 1.0 is: the service takes a difference."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds spent waiting for the service, not for our own listener."""

    connect_s: int = 3
    first_sound_s: float = 8.0
    next_piece_s: float = 5.0


class EdgeSynthesizer:
    """Sentence by sentence (implements Synthesizer, HasVoices). `voice` is used where VoiceChoice names none; "" goes
    by the choice's language, else by the script of the text. Raises EngineUnavailable without the extra."""

    name = "edge"

    def __init__(self, voice: str = "", *, deadlines: Deadlines | None = None, knobs: Knobs = TTS) -> None:
        self._library, self._av = _libraries()
        self._voice = voice
        self._deadlines = deadlines or Deadlines()
        self._failures = Failures(self.name, "Edge voice", "speech.platform.bing.com", knobs, "voice")

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        """Pieces as they arrive, at 24 kHz. Raises EngineError."""
        async with aclosing(sentences(words)) as texts:
            async for text in texts:
                for part in split_long(without_signs(text), MAX_TEXT_CHARS):
                    if not has_words(part):
                        continue
                    async with aclosing(self._speak_one(part, choice)) as pieces:
                        async for pcm in pieces:
                            yield Pcm(amplified(pcm, choice.volume_db), RATE_HZ)

    async def warm(self) -> None:
        """Nothing to load; the service is asked nothing before there is something to say."""

    async def voices(self) -> list[Voice]:
        """All of them. Raises EngineError."""
        with self._translated():
            async with asyncio.timeout(self._deadlines.first_sound_s):
                listed = await self._library.list_voices()
        return [Voice(each["ShortName"], each["FriendlyName"], (each["Locale"],)) for each in listed]

    async def close(self) -> None:
        """Nothing is kept between two sentences."""

    async def _speak_one(self, text: str, choice: VoiceChoice) -> AsyncGenerator[bytes, None]:
        connector = aiohttp.TCPConnector()
        decoder = _Mp3(self._av)
        with self._translated():
            stream = self._request(text, choice, connector).stream()
        try:
            limit_s = self._deadlines.first_sound_s
            while (mp3 := await self._next(stream, limit_s)) is not None:
                if pcm := decoder.push(mp3):
                    limit_s = self._deadlines.next_piece_s
                    yield pcm
            if rest := decoder.finish():
                yield rest
        finally:
            await connector.close()  # first: the library would wait for the service's goodbye
            await stream.aclose()

    async def _next(self, stream: Any, limit_s: float) -> bytes | None:
        """The next piece of sound, None at the end."""
        with self._translated():
            async with asyncio.timeout(limit_s):
                async for message in stream:
                    if message["type"] == "audio":
                        data: bytes = message["data"]
                        return data
        return None

    def _request(self, text: str, choice: VoiceChoice, connector: aiohttp.BaseConnector) -> Any:
        return self._library.Communicate(
            text,
            choice.voice or self._voice or _voice_for(text, choice.language),
            rate=f"{round((choice.speed - 1) * 100):+d}%",
            pitch=f"{round((choice.pitch - 1) * _VOICE_HZ):+d}Hz",
            connector=connector,
            connect_timeout=self._deadlines.connect_s,
            receive_timeout=round(self._deadlines.first_sound_s) + 1,
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The library's failures as ours, without its sentences."""
        known = self._library.exceptions
        try:
            with self._failures.translated():
                yield
        except ValueError as error:  # it checks a voice's name by its form
            raise EngineUnavailable(
                "That is no name of an Edge voice, such as zh-CN-XiaoxiaoNeural.",
                engine=self.name,
                code="unknown_voice",
            ) from error
        except known.NoAudioReceived as error:
            raise EngineFailed(
                "The Edge voice made no sound of the text: there may be no voice of that name.", engine=self.name
            ) from error
        except known.EdgeTTSException as error:
            raise EngineFailed(
                f"The Edge voice answered with something else than sound ({type(error).__name__}): its service may "
                "have changed; a newer edge-tts may know it.",
                engine=self.name,
            ) from error


class _Mp3:
    """MP3 as it arrives, to mono s16le."""

    def __init__(self, av: Any) -> None:
        self._codec = av.CodecContext.create("mp3", "r")
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        self._broken = av.FFmpegError

    def push(self, data: bytes) -> bytes:
        """What is ready after this piece, maybe b""."""
        return b"".join(self._decoded(packet) for packet in self._codec.parse(data))

    def finish(self) -> bytes:
        """What is left at the end."""
        rest = b"".join(self._decoded(packet) for packet in self._codec.parse(b""))
        return rest + self._decoded(None)

    def _decoded(self, packet: Any) -> bytes:
        try:
            frames = [made for frame in self._codec.decode(packet) for made in self._resampler.resample(frame)]
        except self._broken:
            return b""  # a frame that is damaged is a click less
        return b"".join(frame.to_ndarray().astype("<i2").tobytes() for frame in frames)


def _voice_for(text: str, language: str) -> str:
    known = _BY_LANGUAGE.get(language.partition("-")[0].lower())
    if known is not None:
        return known
    return CHINESE if any("\u3400" <= char <= "\u9fff" for char in text) else ENGLISH


def _libraries() -> tuple[Any, Any]:
    """Both only where this voice is wanted: they are extras."""
    try:
        import av
        import edge_tts
    except ImportError:
        raise EngineUnavailable(
            "The Edge voices need two more packages: .venv/bin/pip install 'zhiyin[edge]'.", engine="edge"
        ) from None
    return edge_tts, av
