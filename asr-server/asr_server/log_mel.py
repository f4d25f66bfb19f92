"""Whisper's log-mel features in numpy: what turn models and Whisper itself see instead of sound. Pure.

As openai/whisper `log_mel_spectrogram` computes them, on sound brought to zero mean and unit variance first (the
feature extractor's `do_normalize`): 25 ms Hann windows every 10 ms, 80 Slaney mel bands, log10, 80 dB of range.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BANDS = 80
_RATE_HZ = 16_000
_WINDOW, _HOP = 400, 160
_MEL_BREAK_HZ, _MEL_HZ = 1000.0, 200 / 3
_MEL_STEP = np.log(6.4) / 27  # Slaney's scale is linear up to 1 kHz and logarithmic above


def log_mel(samples: Floats) -> Floats:
    """[n] samples at 16 kHz to [80, n / 160] features."""
    normal = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    padded = np.pad(normal.astype(np.float64), _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][: len(samples) // _HOP]
    power = np.abs(np.fft.rfft(frames * _hann())) ** 2
    bands = np.log10(np.maximum(_filters() @ power.T, 1e-10))
    bands = np.maximum(bands, bands.max() - 8.0)
    return ((bands + 4.0) / 4.0).astype(np.float32)


@functools.cache
def _hann() -> NDArray[np.float64]:
    return np.hanning(_WINDOW + 1)[:-1]


@functools.cache
def _filters() -> NDArray[np.float64]:
    """[80, 201]: triangles of equal area, evenly spaced on the mel scale from 0 to 8 kHz."""
    bins_hz = np.linspace(0, _RATE_HZ / 2, _WINDOW // 2 + 1)
    edges_hz = _to_hz(np.linspace(0, _to_mel(_RATE_HZ / 2), BANDS + 2))
    rising = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    area = 2.0 / (edges_hz[2:] - edges_hz[:-2])
    triangles: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling)) * area[:, None]
    return triangles


def _to_mel(hz: float) -> float:
    return float(_MEL_BREAK_HZ / _MEL_HZ + np.log(hz / _MEL_BREAK_HZ) / _MEL_STEP)


def _to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    break_mel = _MEL_BREAK_HZ / _MEL_HZ
    return np.where(mel < break_mel, mel * _MEL_HZ, _MEL_BREAK_HZ * np.exp(_MEL_STEP * (mel - break_mel)))
