"""How loud sound is, in pieces of 10 ms.

The mean of each piece is taken off first: a cheap microphone's constant offset and slow rumble are not loudness.
"""

from __future__ import annotations

import math

import numpy as np

from asr_server.voicing import PIECE_SAMPLES

_PIECE_BYTES = 2 * PIECE_SAMPLES
_TINY_POWER = 1e-10  # -100 dBFS
_FULL_POWER = 32768.0**2
_ONES = np.ones(PIECE_SAMPLES, np.float32)


class Loudness:
    """Cuts a stream of PCM into 10 ms pieces and measures them."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The next sample begins the first piece."""
        self._rest = b""

    def push(self, pcm: bytes) -> list[float]:
        """Takes s16le at 16 kHz; gives the level in dBFS of each piece that it completes."""
        sound = self._rest + pcm if self._rest else pcm
        count = len(sound) // _PIECE_BYTES
        self._rest = sound[count * _PIECE_BYTES :]
        if count == 0:
            return []
        pieces = np.frombuffer(sound, "<i2", count * PIECE_SAMPLES).astype(np.float32).reshape(count, PIECE_SAMPLES)
        squares = np.vecdot(pieces, pieces).tolist()
        # Plain floats from here on: for the six pieces of a packet they are half the cost of more numpy calls.
        sums = pieces.dot(_ONES).tolist()
        return [
            _dbfs((square - total * total / PIECE_SAMPLES) / PIECE_SAMPLES)
            for square, total in zip(squares, sums, strict=True)
        ]


def _dbfs(power: float) -> float:
    return 10 * math.log10(max(power, 0.0) / _FULL_POWER + _TINY_POWER)
