"""Opus packets to Ogg files, and how clear a voice is. Blocks for milliseconds: call it in a thread."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contracts.audio import HEARING_RATE_HZ
from sound.ogg import ogg_file
from sound.opus import OpusDecoder, OpusError

MOST_CLARITY_DB = 60.0
_PIECE = HEARING_RATE_HZ // 100
_LEAST_PIECES = 30
_LOUD, _QUIET = 90, 10
"""Percentiles of the level: the voice, and the room between its words."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A file, and how far the voice in it stands above the room, in dB; None where it is too short to tell."""

    content: bytes
    clarity: float | None


def pack_heard(packets: Sequence[bytes], sample_rate_hz: int) -> Packed:
    """What a device sent: anything. What does not decode is left out, or no player would get beyond it."""
    decoder = OpusDecoder()
    good, sound = [], bytearray()
    for packet in packets:
        try:
            sound += decoder.decode(packet)
            good.append(packet)
        except OpusError:
            continue
    return Packed(ogg_file(good, sample_rate_hz, secrets.randbits(32)), clarity_db(bytes(sound)))


def pack_said(packets: Sequence[bytes], sample_rate_hz: int) -> bytes:
    """What we sent, which is known to be Opus."""
    return ogg_file(packets, sample_rate_hz, secrets.randbits(32))


def clarity_db(pcm: bytes) -> float | None:
    """How far the loud pieces of 10 ms stand above the quiet ones, of s16le at 16 kHz."""
    count = len(pcm) // 2 // _PIECE
    if count < _LEAST_PIECES:
        return None
    pieces = np.frombuffer(pcm, "<i2", count * _PIECE).astype(np.float32).reshape(count, _PIECE)
    levels_db = 10 * np.log10(np.mean(pieces * pieces, axis=1) + 1.0)
    loud, quiet = np.percentile(levels_db, [_LOUD, _QUIET])
    return round(min(float(loud - quiet), MOST_CLARITY_DB), 1)
