"""Opus by the libopus inside PyAV's wheel, for machines whose system has none.

FFmpeg's decoder always gives 48 kHz, so a small filter of ours brings it down: packets are whole multiples of
2.5 ms, that is of every ratio we need, so each packet keeps its exact length.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sound.errors import OpusError

_DECODER_RATE_HZ = 48_000
_FIRST_LOSS = b"\x58"  # the header of one 60 ms frame: what a loss is taken for before the first packet
_TAPS_PER_RATIO = 24


def load() -> PyavOpus | None:
    """PyAV's libopus where PyAV is installed, else None."""
    try:
        import av
    except ImportError:
        return None
    return PyavOpus(av)


class PyavOpus:
    """PyAV, holding its module (it is imported only when there is no libopus: it is big)."""

    def __init__(self, av: Any) -> None:
        self._av = av
        self.name = f"PyAV {av.__version__}"

    def encoder(self, sample_rate_hz: int, frame_ms: int, complexity: int, bitrate_bps: int) -> PyavEncoder:
        return PyavEncoder(self._av, sample_rate_hz, frame_ms, complexity, bitrate_bps)

    def decoder(self, sample_rate_hz: int) -> PyavDecoder:
        return PyavDecoder(self._av, sample_rate_hz)


class PyavEncoder:
    """One codec context of FFmpeg's libopus encoder."""

    def __init__(self, av: Any, sample_rate_hz: int, frame_ms: int, complexity: int, bitrate_bps: int) -> None:
        self._av = av
        self._sample_rate_hz = sample_rate_hz
        self._bitrate_bps = bitrate_bps
        self._options = {
            "application": "audio",
            "vbr": "on",
            "compression_level": str(complexity),
            "frame_duration": str(frame_ms),
        }
        self._frame_samples = sample_rate_hz * frame_ms // 1000
        self.reset()

    def encode(self, pcm: bytes) -> bytes:
        self._frame.planes[0].update(pcm)
        self._frame.pts = self._samples
        self._samples += self._frame_samples
        packets = self._context.encode(self._frame)
        if len(packets) != 1:
            raise OpusError(f"PyAV made {len(packets)} packets of one frame")
        return bytes(packets[0])

    def reset(self) -> None:
        # FFmpeg cannot flush this encoder, so a new stream is a new context.
        context = self._av.CodecContext.create("libopus", "w")
        context.sample_rate = self._sample_rate_hz
        context.layout = "mono"
        context.format = "s16"
        context.bit_rate = self._bitrate_bps
        context.time_base = Fraction(1, self._sample_rate_hz)
        context.options = self._options
        try:
            context.open()
        except self._av.FFmpegError as error:
            raise OpusError(f"PyAV has no such Opus encoder: {error}") from error
        self._context = context
        self._frame = self._av.AudioFrame(format="s16", layout="mono", samples=self._frame_samples)
        self._frame.sample_rate = self._sample_rate_hz
        self._samples = 0


class PyavDecoder:
    """One codec context of FFmpeg's libopus decoder, and the filter down from 48 kHz."""

    def __init__(self, av: Any, sample_rate_hz: int) -> None:
        self._av = av
        self._ratio = _DECODER_RATE_HZ // sample_rate_hz
        self._context = av.CodecContext.create("libopus", "r")
        self._context.layout = "mono"
        self._context.open()
        self._down = _Decimator(self._ratio)
        self._last_header = _FIRST_LOSS

    def decode(self, payload: bytes) -> bytes:
        try:
            # FFmpeg takes an empty packet for the end; a header alone is a loss of that length to libopus.
            frames = self._context.decode(self._av.Packet(payload or self._last_header))
        except self._av.FFmpegError as error:
            raise OpusError(f"PyAV could not decode a packet of {len(payload)} bytes") from error
        if not frames:
            raise OpusError(f"PyAV heard nothing in a packet of {len(payload)} bytes")
        if payload:
            self._last_header = _header(payload)
        samples = np.concatenate([_mono(frame) for frame in frames])
        return samples.tobytes() if self._ratio == 1 else self._down.push(samples)

    def reset(self) -> None:
        self._context.flush_buffers()
        self._down = _Decimator(self._ratio)
        self._last_header = _FIRST_LOSS


class _Decimator:
    """Keeps every `ratio`-th sample of a low-passed stream; the filter's history runs on from block to block."""

    def __init__(self, ratio: int) -> None:
        self._ratio = ratio
        self._taps = _low_pass(ratio).reshape(-1, ratio)
        self._history = np.zeros((len(self._taps) - 1) * ratio, np.float32)

    def push(self, samples: NDArray[np.int16]) -> bytes:
        """`samples` is a whole multiple of the ratio."""
        line = np.concatenate([self._history, samples.astype(np.float32)])
        self._history = line[len(samples) :]
        # Row n, column j is what the samples around n + j give to the one kept at n: it lies on a diagonal of this.
        parts = np.ascontiguousarray(line.reshape(-1, self._ratio) @ self._taps.T)
        down, across = parts.strides
        shape = (len(samples) // self._ratio, len(self._taps))
        kept = np.lib.stride_tricks.as_strided(parts, shape, (down, down + across), writeable=False).sum(axis=1)
        pcm: bytes = np.clip(np.rint(kept), -32768, 32767).astype("<i2").tobytes()
        return pcm


def _low_pass(ratio: int) -> NDArray[np.float32]:
    """A windowed sinc that ends at the new half rate, a whole multiple of the ratio long; it delays by 12 samples."""
    length = _TAPS_PER_RATIO * ratio
    offsets = np.arange(length) - (length - 1) / 2
    taps = np.sinc(offsets * 0.92 / ratio) * np.kaiser(length, 6.0)
    scaled: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return scaled


def _header(payload: bytes) -> bytes:
    """The packet's header with all its frames empty: as long as the packet, nothing in it."""
    code = payload[0] & 3
    if code == 0:
        return payload[:1]
    if code == 3:
        return bytes((payload[0], payload[1] & 0x3F))
    return bytes((payload[0] | 3, 2))


def _mono(frame: Any) -> NDArray[np.int16]:
    samples: NDArray[np.int16] = frame.to_ndarray()
    channels = frame.layout.nb_channels
    if channels == 1:
        return samples.reshape(-1)
    mono: NDArray[np.int16] = samples.reshape(-1, channels).mean(axis=1).astype(np.int16)
    return mono
