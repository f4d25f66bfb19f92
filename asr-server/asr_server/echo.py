"""The ears of a device that leaves its echo to the server: its own voice is cancelled, or not listened to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from asr_server.played import PlayedSound
from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ, OpusPacket
from contracts.hearing import ListenMode
from sound.echo import BLOCK_BYTES, DELAY_SAMPLES, EchoCanceller
from sound.errors import EchoUnavailable
from sound.opus import OpusDecoder, OpusError, packet_duration_ms

RING_OUT_MS = 500
"""How long a room and a device's buffers may still sound after the loudspeaker's last packet."""

TAIL_MS = 300
QUEUED_MS = 180
"""What a device may still play after it was told to stop: the packets it was sent ahead."""


class Echo(Protocol):
    """What happens to a microphone's sound before anything else hears it."""

    def played(self, packets: Sequence[OpusPacket]) -> None:
        """Packets that went to the loudspeaker."""

    def listen(self, mode: ListenMode) -> None:
        """A listen begins."""

    def clean(self, pcm: bytes, timestamp_ms: int) -> bytes:
        """One packet of the microphone, as s16le at 16 kHz; as long as before."""


class NoEcho:
    """A device that cancels its echo itself, or has its microphone off while it speaks."""

    def played(self, packets: Sequence[OpusPacket]) -> None:
        """Nothing to learn from it."""

    def listen(self, mode: ListenMode) -> None:
        """Nothing to forget."""

    def clean(self, pcm: bytes, timestamp_ms: int) -> bytes:
        return pcm


class HalfDuplex:
    """Silence while the toy speaks: where there is no canceller, or no timestamps to line it up with."""

    def __init__(self) -> None:
        self._muted_samples = 0

    def played(self, packets: Sequence[OpusPacket]) -> None:
        self._mute(max(self._muted_samples - _TAIL, 0) + sum(map(_samples, packets)) + _TAIL)

    def listen(self, mode: ListenMode) -> None:
        # In the other modes the microphone was off while the toy spoke: none of it has been counted down.
        still_playing = _QUEUED + _TAIL if mode is ListenMode.REALTIME else 0
        self._muted_samples = min(self._muted_samples, still_playing)

    def clean(self, pcm: bytes, timestamp_ms: int) -> bytes:
        if timestamp_ms:
            self._mute(_TAIL)
        if self._muted_samples <= 0:
            return pcm
        self._muted_samples -= len(pcm) // BYTES_PER_SAMPLE
        return bytes(len(pcm))

    def _mute(self, samples: int) -> None:
        self._muted_samples = max(self._muted_samples, samples)


class Cancelled:
    """Both speak at once. What was learned of the room is kept for all replies of the session.

    Until the device has shown that it hands timestamps back (framing 1 and 3 carry none) it is heard in half duplex.
    The canceller works, and costs, only while there can be an echo.
    """

    def __init__(self) -> None:
        self._canceller = EchoCanceller()
        self._played = PlayedSound(OpusDecoder(HEARING_RATE_HZ).decode)
        self._until_marked: HalfDuplex | None = HalfDuplex()
        self._silent_samples = _RING_OUT
        self._at_rest = True
        self._held = bytes(DELAY_SAMPLES * BYTES_PER_SAMPLE)

    def played(self, packets: Sequence[OpusPacket]) -> None:
        for packet in packets:
            self._played.add(packet)
        if self._until_marked is not None:
            self._until_marked.played(packets)

    def listen(self, mode: ListenMode) -> None:
        if self._until_marked is not None:
            self._until_marked.listen(mode)

    def clean(self, pcm: bytes, timestamp_ms: int) -> bytes:
        if timestamp_ms:
            self._until_marked = None
        if self._until_marked is not None:
            pcm = self._until_marked.clean(pcm, timestamp_ms)
        return self._without(self._played.behind(timestamp_ms, len(pcm) // BYTES_PER_SAMPLE), pcm)

    def _without(self, far: bytes | None, pcm: bytes) -> bytes:
        samples = len(pcm) // BYTES_PER_SAMPLE
        self._silent_samples = self._silent_samples + samples if far is None else 0
        # Either way sound comes out equally late, so that nothing is cut where one way takes over from the other.
        line = self._held + pcm
        late, self._held = line[: len(pcm)], line[len(pcm) :]
        if self._silent_samples > _RING_OUT or len(pcm) % BLOCK_BYTES or not pcm:
            self._at_rest = True
            return late
        cleaned = self._canceller.clean(pcm, far or bytes(len(pcm)))
        if self._at_rest:  # what it had held back since it last worked is of another time
            self._at_rest = False
            return late[: len(self._held)] + cleaned[len(self._held) :]
        return cleaned


def echo_of(server_aec: bool) -> tuple[Echo, str]:
    """What a device needs, and what is missing for it in a sentence ("" = nothing)."""
    if not server_aec:
        return NoEcho(), ""
    try:
        return Cancelled(), ""
    except EchoUnavailable as error:
        return HalfDuplex(), str(error)


def _samples(packet: OpusPacket) -> int:
    try:
        return int(packet_duration_ms(packet.payload) * HEARING_RATE_HZ / 1000)
    except OpusError:
        return 0


_RING_OUT = RING_OUT_MS * HEARING_RATE_HZ // 1000
_TAIL = TAIL_MS * HEARING_RATE_HZ // 1000
_QUEUED = QUEUED_MS * HEARING_RATE_HZ // 1000
