"""Changing the sample rate of a stream, piece by piece, without clicks at the joins."""

from __future__ import annotations

import numpy as np
import soxr


class Resampler:
    """One stream of mono s16le from `in_hz` to `out_hz`. The same rate passes through untouched.

    The filter looks ahead, so `push` returns less than it will owe; `flush` returns the rest.
    """

    def __init__(self, in_hz: int, out_hz: int) -> None:
        self.in_hz = in_hz
        self.out_hz = out_hz
        self._stream = None if in_hz == out_hz else soxr.ResampleStream(in_hz, out_hz, 1, dtype="int16", quality="HQ")

    def push(self, pcm: bytes) -> bytes:
        """What is ready after this piece (whole samples), maybe b""."""
        if self._stream is None:
            return pcm
        ready: bytes = self._stream.resample_chunk(np.frombuffer(pcm, np.int16)).tobytes()
        return ready

    def flush(self) -> bytes:
        """The end of the stream; the next `push` begins a new one."""
        if self._stream is None:
            return b""
        rest: bytes = self._stream.resample_chunk(np.zeros(0, np.int16), last=True).tobytes()
        self._stream.clear()
        return rest


def resample(pcm: bytes, in_hz: int, out_hz: int) -> bytes:
    """A whole piece of mono s16le at another rate."""
    resampler = Resampler(in_hz, out_hz)
    return resampler.push(pcm) + resampler.flush()
