"""What a device sends: sound as Opus packets of 60 ms."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.audio import OpusPacket
from fakes.spoken import Samples, pcm
from sound.opus import OpusEncoder


def packets(sound: Samples, frame_ms: int = 60) -> list[OpusPacket]:
    """Packs 16 kHz sound as the firmware does; the last frame is filled up with silence."""
    return [OpusPacket(payload) for payload in _payloads(pcm(sound), frame_ms)]


def _payloads(data: bytes, frame_ms: int) -> Iterator[bytes]:
    encoder = OpusEncoder(16_000, frame_ms, complexity=0)
    for first in range(0, len(data), encoder.frame_bytes):
        yield encoder.encode(data[first : first + encoder.frame_bytes].ljust(encoder.frame_bytes, b"\0"))
