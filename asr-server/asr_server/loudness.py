"""How loud sound is, in pieces of 10 ms.

The mean of each piece is taken off first: a cheap microphone's constant offset and slow rumble are not loudness.
"""

from __future__ import annotations

import numpy as np

from asr_server.voicing import PIECE_SAMPLES

_PIECE_BYTES = 2 * PIECE_SAMPLES
_TINY_POWER = np.float32(1e-10)
_FULL_POWER = np.float32(1 / (PIECE_SAMPLES * 32768.0**2))


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
        pieces -= pieces.mean(axis=1, keepdims=True)
        power = np.einsum("ij,ij->i", pieces, pieces) * _FULL_POWER
        levels: list[float] = (10 * np.log10(power + _TINY_POWER)).tolist()
        return levels
