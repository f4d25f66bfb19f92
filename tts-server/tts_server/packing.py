"""Sound as the caller wants it, packed while it is made: pcm, wav, Opus in Ogg, mp3."""

from __future__ import annotations

import io
import secrets
import struct
from typing import Protocol

import numpy as np
import soundfile

from contracts.audio import BYTES_PER_SAMPLE
from serving.problems import bad_field
from sound.errors import OpusUnavailable
from sound.ogg import PRE_SKIP, OggOpusWriter
from sound.opus import OpusEncoder
from sound.resample import Resampler
from tts_server.speech_request import ResponseFormat

PCM_RATE_HZ = 24_000
"""Raw PCM says nothing of itself: callers take it for OpenAI's rate."""

OPUS_RATE_HZ = 24_000
OPUS_FRAME_MS = 20
MP3_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

CONTENT_TYPES: dict[ResponseFormat, str] = {
    "pcm": f"audio/pcm;rate={PCM_RATE_HZ}",
    "wav": "audio/wav",
    "opus": "audio/ogg",
    "mp3": "audio/mpeg",
}

_UNKNOWN_LENGTH = 0xFFFFFFFF


class Packing(Protocol):
    """One answer's body. `push` takes mono s16le at the rate it was opened for; what is ready may be b""."""

    def push(self, pcm: bytes) -> bytes: ...

    def finish(self) -> bytes:
        """The end of the body."""

    def close(self) -> None:
        """Frees it, finished or not."""


def packing(response_format: ResponseFormat, sample_rate_hz: int) -> Packing:
    """For sound of this rate. Raises Problem where this machine cannot make the format."""
    if response_format == "pcm":
        return _Raw(sample_rate_hz)
    if response_format == "wav":
        return _Wav(sample_rate_hz)
    if response_format == "opus":
        try:
            return _OggOpus(sample_rate_hz)
        except OpusUnavailable as error:
            raise bad_field("response_format", f"{error} Or ask for wav, pcm or mp3.", code=error.code) from error
    if "MP3" not in soundfile.available_formats():
        raise bad_field(
            "response_format",
            "This machine's libsndfile is older than 1.1 and makes no mp3: ask for wav, opus or pcm.",
            code="mp3_unavailable",
        )
    return _Mp3(sample_rate_hz)


class _Raw:
    def __init__(self, sample_rate_hz: int) -> None:
        self._resampler = Resampler(sample_rate_hz, PCM_RATE_HZ)

    def push(self, pcm: bytes) -> bytes:
        return self._resampler.push(pcm)

    def finish(self) -> bytes:
        return self._resampler.flush()

    def close(self) -> None:
        pass


class _Wav:
    """A wav whose length nobody knows yet, as streaming servers send it."""

    def __init__(self, sample_rate_hz: int) -> None:
        rate = sample_rate_hz
        self._head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", _UNKNOWN_LENGTH, b"WAVEfmt ", 16, 1, 1, rate,
                                 rate * BYTES_PER_SAMPLE, BYTES_PER_SAMPLE, 16, b"data", _UNKNOWN_LENGTH)  # fmt: skip

    def push(self, pcm: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + pcm

    def finish(self) -> bytes:
        return self.push(b"")

    def close(self) -> None:
        pass


class _OggOpus:
    def __init__(self, sample_rate_hz: int) -> None:
        self._resampler = Resampler(sample_rate_hz, OPUS_RATE_HZ)
        self._encoder = OpusEncoder(OPUS_RATE_HZ, OPUS_FRAME_MS)
        self._ogg = OggOpusWriter(OPUS_RATE_HZ, OPUS_FRAME_MS, secrets.randbits(32))
        self._head = self._ogg.head()
        self._held = b""
        self._bytes = 0

    def push(self, pcm: bytes) -> bytes:
        return self._take(self._resampler.push(pcm))

    def finish(self) -> bytes:
        rest = self._take(self._resampler.flush())
        # What the encoder still holds back comes out behind silence; the last page says where the sound ends.
        duration_ms = self._bytes * 1000 / (BYTES_PER_SAMPLE * OPUS_RATE_HZ)
        rest += self._take(bytes(BYTES_PER_SAMPLE * PRE_SKIP * OPUS_RATE_HZ // 48_000))
        if self._held:
            rest += self._take(bytes(self._encoder.frame_bytes - len(self._held)))
        return rest + self._ogg.finish(duration_ms)

    def close(self) -> None:
        pass

    def _take(self, pcm: bytes) -> bytes:
        self._bytes += len(pcm)
        data = self._held + pcm
        size = self._encoder.frame_bytes
        whole = len(data) - len(data) % size
        self._held = data[whole:]
        head, self._head = self._head, b""
        return head + self._ogg.pages([self._encoder.encode(data[at : at + size]) for at in range(0, whole, size)])


class _Mp3:
    """libsndfile's mp3. What it would go back for at the end, the table of a file's length, is left as it was."""

    def __init__(self, sample_rate_hz: int) -> None:
        rate_hz = sample_rate_hz if sample_rate_hz in MP3_RATES_HZ else PCM_RATE_HZ
        self._resampler = Resampler(sample_rate_hz, rate_hz)
        self._out = _Forward()
        self._file = soundfile.SoundFile(
            self._out, "w", rate_hz, 1, "MPEG_LAYER_III", format="MP3", bitrate_mode="CONSTANT", compression_level=0.5
        )  # constant, so that players can tell the length without that table

    def push(self, pcm: bytes) -> bytes:
        self._file.write(np.frombuffer(self._resampler.push(pcm), "<i2"))
        return self._out.taken()

    def finish(self) -> bytes:
        self._file.write(np.frombuffer(self._resampler.flush(), "<i2"))
        self.close()
        return self._out.taken()

    def close(self) -> None:
        self._file.close()


class _Forward(io.RawIOBase):
    """A file that has left already: what is written at its end is passed on, anywhere else it is dropped."""

    def __init__(self) -> None:
        self._ready = b""
        self._length = 0
        self._at = 0

    def taken(self) -> bytes:
        ready, self._ready = self._ready, b""
        return ready

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # a buffer of cffi's
        if self._at == self._length:
            self._ready += piece
            self._length += len(piece)
        self._at += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True
