"""What a speech server really sends, as mono s16le: raw PCM or a wav, whichever was asked for. No I/O in here."""

from __future__ import annotations

import re

from contracts.errors import EngineFailed
from sound.errors import UnreadableSound
from sound.wav import WavParser

PCM_RATE_HZ = 24_000
"""The rate of raw PCM when nobody says otherwise: OpenAI's."""

_SNIFFED_BYTES = 4
_NOT_SOUND = re.compile(r"json|html|xml|^text/")
_RATE = re.compile(r"rate=\"?(\d{4,6})")
_OTHER_FORMATS = {b"OggS": "Ogg", b"fLaC": "FLAC", b"ID3": "MP3", b"\xff\xfb": "MP3", b"\xff\xf3": "MP3"}
_TEXT_BEGINS = (b'{"', b"{\n", b"{ ", b"[{", b"<!", b"<h", b"<H", b"<?")


class SoundStream:
    """Takes an answer's body in pieces. `content_type` is its header, "" when there was none. Raises EngineFailed."""

    def __init__(self, content_type: str, engine: str) -> None:
        self._engine = engine
        self._content_type = content_type.lower()
        if _NOT_SOUND.search(self._kind):
            raise self._failure(f"answered with {self._kind} instead of sound")
        rate = _RATE.search(self._content_type)
        self.sample_rate_hz = int(rate[1]) if rate else PCM_RATE_HZ
        """Right as soon as there is any sound."""
        self._wav: WavParser | None = None
        self._known = False
        self._held = b""

    def push(self, piece: bytes) -> bytes:
        """The whole samples of this piece, maybe none."""
        data = self._held + piece
        self._held = b""
        if not self._known:
            if len(data) < _SNIFFED_BYTES:
                self._held = data
                return b""
            self._sniff(data)
            self._known = True
        return self._whole_samples(data) if self._wav is None else self._from_wav(self._wav, data)

    def finish(self) -> None:
        """The body has ended; half a sample at its end is dropped. Raises EngineFailed without any sound."""
        if not self._known:
            raise self._failure("sent no sound")
        if self._wav is not None:
            try:
                self._wav.finish()
            except UnreadableSound as error:
                raise self._failure(f"sent a broken wav: {error}") from error

    @property
    def _kind(self) -> str:
        return self._content_type.partition(";")[0].strip()

    def _sniff(self, data: bytes) -> None:
        if data.startswith((b"RIFF", b"RF64")):
            self._wav = WavParser()
            return
        for opening, name in _OTHER_FORMATS.items():
            if data.startswith(opening) and self._kind != "audio/pcm":
                raise self._failure(f"answered with {name}; Zhiyin needs wav or pcm")
        if self._kind in ("audio/mpeg", "audio/mp3", "audio/ogg", "audio/opus", "audio/aac", "audio/flac"):
            raise self._failure(f"answered with {self._kind}; Zhiyin needs wav or pcm")
        if "wav" in self._kind:
            raise self._failure("said that it sends a wav, but did not")
        if "pcm" not in self._kind and data.startswith(_TEXT_BEGINS):
            raise self._failure("answered with text instead of sound")

    def _whole_samples(self, data: bytes) -> bytes:
        if len(data) % 2:
            self._held = data[-1:]
            return data[:-1]
        return data

    def _from_wav(self, wav: WavParser, data: bytes) -> bytes:
        try:
            pcm = wav.push(data)
        except UnreadableSound as error:
            raise self._failure(f"sent a wav that cannot be used: {error}") from error
        self.sample_rate_hz = wav.sample_rate_hz or self.sample_rate_hz
        return pcm

    def _failure(self, what: str) -> EngineFailed:
        return EngineFailed(f"The speech server {what}.", engine=self._engine)
