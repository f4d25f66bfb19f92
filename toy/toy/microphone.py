"""The microphone of a board: what it is told to say, then silence, in Opus packets of 60 ms at 16 kHz."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ, OpusFormat, Pcm
from sound.opus import OpusEncoder
from sound.resample import resample
from toy.voice import end_of_voice

UPLINK = OpusFormat(HEARING_RATE_HZ, 60)
FRAME_BYTES = UPLINK.frame_samples * BYTES_PER_SAMPLE

DTX_PACKET = b"\x58"
"""A lone table-of-contents byte (SILK wideband, 60 ms): what a DTX encoder sends for a frame of silence."""

_SILENCE = bytes(FRAME_BYTES)
_HANGOVER_FRAMES = 3  # libopus keeps coding about 200 ms of silence before DTX begins,
_REFRESH_FRAMES = 7  # and refreshes the comfort noise every 400 ms


@dataclass(frozen=True, slots=True)
class Captured:
    """60 ms from the microphone. `voice_ends_s`: seconds into this frame at which the voice ended, if it did here."""

    payload: bytes
    voice_ends_s: float | None = None


class Source(Protocol):
    """What a board listens with."""

    def next_frame(self) -> Captured: ...

    @property
    def speaking(self) -> bool:
        """True while there is something left to say."""

    def say(self, pcm: Pcm) -> None:
        """Plays a recording of any rate in front of the microphone, after what is already there."""

    def hush(self) -> None:
        """Forgets what was not said yet."""


def uplink_encoder() -> OpusEncoder:
    """An encoder set as the firmware sets its own: complexity 0, about 100 bytes a packet."""
    return OpusEncoder(UPLINK.sample_rate_hz, UPLINK.frame_ms, complexity=0, bitrate_bps=16_000)


def in_dtx(silent_frames: int) -> bool:
    """Whether a DTX encoder sends nothing but a header for a frame, by the silent frames up to and with this one."""
    since_hangover = silent_frames - _HANGOVER_FRAMES
    return since_hangover > 0 and since_hangover % _REFRESH_FRAMES != 0


class Microphone:
    """A microphone in front of which recordings are played, one after another."""

    def __init__(self) -> None:
        self._encoder = uplink_encoder()
        self._frames: deque[tuple[bytes, float | None]] = deque()
        self._silent_frames = 0

    @property
    def speaking(self) -> bool:
        return bool(self._frames)

    def say(self, pcm: Pcm) -> None:
        pcm = Pcm(resample(pcm.data, pcm.sample_rate_hz, HEARING_RATE_HZ), HEARING_RATE_HZ)
        end = end_of_voice(pcm)
        for start in range(0, len(pcm.data), FRAME_BYTES):
            data = pcm.data[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
            offset = None if end is None else end - start // BYTES_PER_SAMPLE
            ends_here = offset is not None and 0 < offset <= UPLINK.frame_samples
            self._frames.append((data, offset / HEARING_RATE_HZ if ends_here and offset else None))

    def hush(self) -> None:
        self._frames.clear()

    def next_frame(self) -> Captured:
        data, voice_ends_s = self._frames.popleft() if self._frames else (_SILENCE, None)
        if data != _SILENCE:
            self._silent_frames = 0
            return Captured(self._encoder.encode(data), voice_ends_s)
        self._silent_frames += 1
        return Captured(DTX_PACKET if in_dtx(self._silent_frames) else self._encoder.encode(data), voice_ends_s)
