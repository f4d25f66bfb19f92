"""A room with a toy in it, as arithmetic: what a microphone beside the loudspeaker records, its parts known apart.

Deterministic. Sound is float32 at 16 kHz, full scale 1.0. Levels are RMS in dBFS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
Sound = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Room:
    """`decay_ms`: how long the room rings (to -60 dB). `drift_ppm`: how much faster the microphone's clock runs than
    the loudspeaker's. `drive`: how hard the little loudspeaker is driven into its limits, 0 = not at all."""

    name: str
    decay_ms: int = 100
    delay_ms: float = 40.0
    drift_ppm: float = 0.0
    drive: float = 0.0
    echo_dbfs: float = -22.0
    noise_dbfs: float = -60.0
    seed: int = 1


def echo_of(far: Sound, room: Room) -> Sound:
    """What the microphone hears of `far`; as long as it, RMS at `echo_dbfs`."""
    driven = np.tanh(far * room.drive) / room.drive if room.drive else far
    delayed = np.concatenate([np.zeros(round(room.delay_ms * RATE_HZ / 1000), np.float32), driven])
    heard = np.convolve(delayed, _impulse(room))[: len(far)]
    if room.drift_ppm:
        at = np.arange(len(far)) * (1 - room.drift_ppm * 1e-6)
        heard = np.interp(at, np.arange(len(heard)), heard)
    return at_level(heard.astype(np.float32), room.echo_dbfs)


def noise(count: int, dbfs: float, seed: int) -> Sound:
    """White noise."""
    return at_level(np.random.default_rng(seed).normal(size=count).astype(np.float32), dbfs)


def at_level(sound: Sound, dbfs: float) -> Sound:
    """The same sound at this RMS, measured where there is sound at all."""
    sounding = sound[np.abs(sound) > 1e-3 * np.abs(sound).max()]
    return (sound * (10 ** (dbfs / 20) / np.sqrt(np.mean(sounding.astype(np.float64) ** 2)))).astype(np.float32)


def power_db(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2) + 1e-12))


def kept_db(wanted: Sound, output: Sound) -> float:
    """How much of `wanted` is left in `output`, in dB (0 = all of it): per band of 250 Hz, the part of the output that
    runs in step with it."""
    wanted_bins, output_bins = _spectrum(wanted), _spectrum(output)
    before = after = 0.0
    for low in range(0, wanted_bins.shape[1], 8):
        mine, theirs = wanted_bins[:, low : low + 8], output_bins[:, low : low + 8]
        energy = float(np.sum(np.abs(mine) ** 2))
        gain = abs(np.vdot(mine, theirs)) / max(energy, 1e-12)
        before += energy
        after += gain**2 * energy
    return 10 * np.log10(after / before)


def _impulse(room: Room) -> Sound:
    count = room.decay_ms * RATE_HZ // 1000
    tail = np.random.default_rng(room.seed).normal(size=count) * 10 ** (-3 * np.arange(count) / count)
    tail[0] = 3.0  # the straight way
    return tail.astype(np.float32)


def _spectrum(sound: Sound) -> NDArray[np.complex128]:
    window = 512
    count = len(sound) // (window // 2) - 1
    frames = np.stack([sound[at * window // 2 :][:window] for at in range(count)])
    return np.fft.rfft(frames * np.hanning(window), axis=1)
