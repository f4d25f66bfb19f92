"""A wav that arrives in pieces: out comes mono s16le as soon as the samples are there.

Streaming servers do not know how long a sound will be, so the sizes in their headers are 0, 0xFFFFFFFF or invented;
some send one wav after another in the same stream. Both are taken as they are meant.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from sound.errors import UnreadableSound

_UNKNOWN_SIZE_FROM = 0x7FFF_0000  # 0x7FFFFFFF and 0xFFFFFFFF, less the headers that some writers subtract
_MAX_FORMAT_BYTES = 1024
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


class WavParser:
    """Takes a wav in pieces of any size. Integer samples of 8, 16, 24 or 32 bits, floats of 32 or 64, any channels."""

    def __init__(self) -> None:
        self.sample_rate_hz = 0
        """0 until the header has been read."""
        self._held = b""
        self._begun = False
        self._samples: _Samples | None = None
        self._data_left: int | None = 0  # None = until the stream ends
        self._skip_left = 0

    def push(self, piece: bytes) -> bytes:
        """The sound of this piece as whole samples, b"" while there is none. Raises UnreadableSound."""
        self._held += piece
        pcm = []
        while (sound := self._step()) is not None:
            pcm.append(sound)
        return b"".join(pcm)

    def finish(self) -> None:
        """Says that the stream has ended. Raises UnreadableSound when it held no sound at all."""
        if self._samples is None:
            raise UnreadableSound("the wav ended before its sound began")

    def _step(self) -> bytes | None:
        """One step of the stream: its sound, or None when it needs more bytes."""
        if self._data_left != 0:
            return self._take_samples()
        if self._skip_left:
            return self._skip()
        if not self._begun:
            return self._take_opening()
        return self._take_chunk_header()

    def _take(self, size_bytes: int) -> bytes:
        taken, self._held = self._held[:size_bytes], self._held[size_bytes:]
        return taken

    def _take_opening(self) -> bytes | None:
        if len(self._held) < 12:
            if not b"RIFF".startswith(self._held[:4]) and not b"RF64".startswith(self._held[:4]):
                raise UnreadableSound("this is not a wav")
            return None
        opening = self._take(12)
        if opening[:4] not in (b"RIFF", b"RF64") or opening[8:] != b"WAVE":
            raise UnreadableSound("this is not a wav")
        self._begun = True
        return b""

    def _take_chunk_header(self) -> bytes | None:
        if self._held[:4] in (b"RIFF", b"RF64"):  # the next wav of the same stream
            self._begun = False
            return b""
        if len(self._held) < 8:
            return None
        kind, size_bytes = struct.unpack("<4sI", self._held[:8])
        if kind == b"fmt ":
            return self._take_format(size_bytes)
        self._take(8)
        if kind == b"data":
            self._begin_samples(size_bytes)
        else:
            self._skip_left = size_bytes + (size_bytes & 1)
        return b""

    def _take_format(self, size_bytes: int) -> bytes | None:
        if not 16 <= size_bytes <= _MAX_FORMAT_BYTES:
            raise UnreadableSound(f"the wav's format chunk has {size_bytes} bytes")
        padded_bytes = size_bytes + (size_bytes & 1)
        if len(self._held) < 8 + padded_bytes:
            return None
        samples = _Samples(self._take(8 + padded_bytes)[8:])
        if self.sample_rate_hz not in (0, samples.sample_rate_hz):
            raise UnreadableSound("the wav changes its sample rate")
        self.sample_rate_hz = samples.sample_rate_hz
        self._samples = samples
        return b""

    def _begin_samples(self, size_bytes: int) -> None:
        if self._samples is None:
            raise UnreadableSound("the wav has sound before its format")
        unknown = size_bytes == 0 or size_bytes >= _UNKNOWN_SIZE_FROM
        self._data_left = None if unknown else size_bytes
        self._skip_left = 0 if unknown else size_bytes & 1  # chunks are padded to even sizes

    def _take_samples(self) -> bytes | None:
        assert self._samples is not None
        block_bytes = self._samples.block_bytes
        available = len(self._held) if self._data_left is None else min(len(self._held), self._data_left)
        whole = available - available % block_bytes
        if self._data_left is not None:
            if self._data_left < block_bytes:  # a size that cuts a sample: its end is not sound
                self._skip_left += self._data_left
                self._data_left = 0
                return b""
            self._data_left -= whole
        return self._samples.to_mono(self._take(whole)) if whole else None

    def _skip(self) -> bytes | None:
        self._skip_left -= len(self._take(self._skip_left))
        return None if self._skip_left else b""


class _Samples:
    """How the samples of a wav are written, from its format chunk."""

    def __init__(self, chunk: bytes) -> None:
        kind, channels, rate_hz, _, block_bytes, bits = struct.unpack("<HHIIHH", chunk[:16])
        if kind == _EXTENSIBLE and len(chunk) >= 26:
            kind = struct.unpack("<H", chunk[24:26])[0]
        if (kind, bits) not in _READERS:
            raise UnreadableSound(f"the wav holds samples of kind {kind} with {bits} bits, not integers or floats")
        if not (1 <= channels <= 32 and 1000 <= rate_hz <= 384_000 and block_bytes == channels * bits // 8):
            raise UnreadableSound(f"the wav says {channels} channels at {rate_hz} Hz in blocks of {block_bytes} bytes")
        self.sample_rate_hz: int = rate_hz
        self.block_bytes: int = block_bytes
        self._channels: int = channels
        self._read = _READERS[kind, bits]
        self._is_ours = channels == 1 and (kind, bits) == (_PCM, 16)

    def to_mono(self, data: bytes) -> bytes:
        """Whole blocks of this wav as mono s16le."""
        if self._is_ours:
            return data
        mono = self._read(data).reshape(-1, self._channels).mean(axis=1)
        pcm: bytes = np.clip(np.rint(mono), -32768, 32767).astype("<i2").tobytes()
        return pcm


def _read_u8(data: bytes) -> NDArray[np.float64]:
    return (np.frombuffer(data, np.uint8).astype(np.float64) - 128) * 256


def _read_s16(data: bytes) -> NDArray[np.float64]:
    return np.frombuffer(data, "<i2").astype(np.float64)


def _read_s24(data: bytes) -> NDArray[np.float64]:
    high = np.frombuffer(data, np.uint8).reshape(-1, 3)
    words = np.zeros((len(high), 4), np.uint8)
    words[:, 1:] = high
    whole = np.frombuffer(words.tobytes(), "<i4").astype(np.float64)
    return whole / 65536


def _read_s32(data: bytes) -> NDArray[np.float64]:
    return np.frombuffer(data, "<i4") / 65536.0


def _read_f32(data: bytes) -> NDArray[np.float64]:
    return np.nan_to_num(np.frombuffer(data, "<f4").astype(np.float64)) * 32768


def _read_f64(data: bytes) -> NDArray[np.float64]:
    return np.nan_to_num(np.frombuffer(data, "<f8").astype(np.float64)) * 32768


_READERS = {
    (_PCM, 8): _read_u8,
    (_PCM, 16): _read_s16,
    (_PCM, 24): _read_s24,
    (_PCM, 32): _read_s32,
    (_FLOAT, 32): _read_f32,
    (_FLOAT, 64): _read_f64,
}
