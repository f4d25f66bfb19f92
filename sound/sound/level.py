"""How loud a piece of sound is."""

from __future__ import annotations

import math

import numpy as np

SILENCE_DBFS = -150.0
"""The level of digital silence, and of no sound at all: below any sound that 16 bits can hold."""


def rms_dbfs(pcm: bytes) -> float:
    """Root mean square of mono s16le in dB below full scale (a full-scale square wave is 0)."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float32)
    energy = float(np.dot(samples, samples))
    if energy == 0.0:
        return SILENCE_DBFS
    return 10 * math.log10(energy / len(samples) / 32768**2)
