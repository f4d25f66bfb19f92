"""Sentences spoken by espeak-ng at test time, as 16 kHz PCM, and sound made of them whose every boundary is known."""

from __future__ import annotations

import functools
import subprocess
import sys

import numpy as np
import soxr
from numpy.typing import NDArray

RATE_HZ = 16_000
Samples = NDArray[np.float32]

# In a process of its own: the library is global state, and the tests of the speech engine load it, too.
_SPEAK = """
import ctypes, sys, espeakng_loader
voice, text = sys.argv[1:]
lib = ctypes.CDLL(espeakng_loader.get_library_path())
rate = lib.espeak_Initialize(2, 0, str(espeakng_loader.get_data_path()).encode(), 0)
pieces = []
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
def take(samples, count, events):
    if samples and count > 0:
        pieces.append(ctypes.string_at(samples, 2 * count))
    return 0
lib.espeak_SetSynthCallback(take)
assert lib.espeak_SetVoiceByName(voice.encode()) == 0, voice
data = text.encode()
lib.espeak_Synth(data, len(data) + 1, 0, 0, 0, 1, None, None)
lib.espeak_Synchronize()
sys.stdout.buffer.write(rate.to_bytes(4, "little") + b"".join(pieces))
"""


@functools.cache
def say(text: str, voice: str = "en") -> Samples:
    """The sentence without the silence around it, full scale 1.0; do not write to it."""
    made = subprocess.run(
        [sys.executable, "-c", _SPEAK, voice, text], capture_output=True, check=True, timeout=30
    ).stdout
    sound = np.frombuffer(made[4:], "<i2").astype(np.float32) / 32768
    sound = soxr.resample(sound, int.from_bytes(made[:4], "little"), RATE_HZ)
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    return sound[loud[0] : loud[-1] + 1]


def silence(ms: float) -> Samples:
    return np.zeros(round(ms * RATE_HZ / 1000), np.float32)


def noise(ms: float, dbfs: float, seed: int = 0, pink: bool = False) -> Samples:
    """White or pink noise of an RMS level."""
    count = round(ms * RATE_HZ / 1000)
    made = np.random.default_rng(seed).normal(size=count)
    if pink:
        spectrum = np.fft.rfft(made)
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        spectrum[0] = 0
        made = np.fft.irfft(spectrum, count)
    return (made / np.sqrt(np.mean(made**2)) * 10 ** (dbfs / 20)).astype(np.float32)


def at_level(sound: Samples, dbfs: float) -> Samples:
    """The same sound with its RMS at this level."""
    return (sound / np.sqrt(np.mean(sound**2)) * 10 ** (dbfs / 20)).astype(np.float32)


def pcm(sound: Samples) -> bytes:
    """s16le."""
    return np.clip(np.round(sound * 32767), -32768, 32767).astype("<i2").tobytes()
