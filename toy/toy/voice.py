"""Where a voice ends in a recording, and whether a piece of sound is more than silence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contracts.audio import Pcm

WINDOW_MS = 10
"""Energy is looked at in windows of this length: short enough to date an end, long enough for one period of a voice."""

BELOW_PEAK = 10 ** (-35 / 20)
"""Under the loudest window by 35 dB a voice has ended, whatever hum remains."""

AUDIBLE_RMS = 100.0
"""About -50 dB of full scale: Opus coding noise of digital silence stays under 2, a whisper is above 150."""


def end_of_voice(pcm: Pcm) -> int | None:
    """Index of the sample after the last voiced one (the true end of speech), or None when all is silence.

    A window is voiced when its energy is audible, within 35 dB of the loudest window and 10 dB above the recording's
    own noise floor (its 10th percentile; in a clip without any pause the floor says nothing and the first two decide).
    """
    samples = np.frombuffer(pcm.data, dtype="<i2").astype(np.float32)
    window = max(1, pcm.sample_rate_hz * WINDOW_MS // 1000)
    energies = _window_rms(samples, window)
    if not energies.size:
        return None
    peak = float(energies.max())
    floor = min(float(np.percentile(energies, 10)) * 10 ** (10 / 20), peak / 4)
    voiced = np.flatnonzero(energies >= max(AUDIBLE_RMS, peak * BELOW_PEAK, floor))
    if not voiced.size:
        return None
    return min(int(voiced[-1] + 1) * window, len(samples))


def carries_sound(pcm_data: bytes, sample_rate_hz: int) -> bool:
    """True when any 10 ms of this s16le piece is audible: padding and comfort noise are not sound."""
    samples = np.frombuffer(pcm_data, dtype="<i2").astype(np.float32)
    energies = _window_rms(samples, max(1, sample_rate_hz * WINDOW_MS // 1000))
    return bool(energies.size) and float(energies.max()) >= AUDIBLE_RMS


def _window_rms(samples: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Root mean square of each window; a shorter last window counts with its own length."""
    whole = len(samples) // window
    energies = np.sqrt(np.mean(samples[: whole * window].reshape(whole, window) ** 2, axis=1)) if whole else samples[:0]
    rest = samples[whole * window :]
    if rest.size:
        energies = np.append(energies, np.sqrt(np.mean(rest**2)))
    return energies
