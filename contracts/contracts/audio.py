"""Shapes of sound: PCM between engines, Opus packets between device and server."""

from __future__ import annotations

from dataclasses import dataclass

BYTES_PER_SAMPLE = 2
"""All PCM in Zhiyin is mono, signed 16 bit, little endian."""

HEARING_RATE_HZ = 16_000
"""Every ear works at 16 kHz; sample offsets in hearing events count at this rate."""


@dataclass(frozen=True, slots=True)
class Pcm:
    """A piece of mono s16le sound. `data` has an even number of bytes."""

    data: bytes
    sample_rate_hz: int

    @property
    def duration_ms(self) -> float:
        return len(self.data) * 1000 / (BYTES_PER_SAMPLE * self.sample_rate_hz)


@dataclass(frozen=True, slots=True)
class OpusFormat:
    """How one direction of a device's audio is packed: mono Opus, one packet per `frame_ms`."""

    sample_rate_hz: int = 16_000
    frame_ms: int = 60

    @property
    def frame_samples(self) -> int:
        return self.sample_rate_hz * self.frame_ms // 1000


@dataclass(frozen=True, slots=True)
class OpusPacket:
    """One Opus packet from a device. `timestamp_ms` is the server-AEC echo, 0 when there is none."""

    payload: bytes
    timestamp_ms: int = 0
