"""Opus: PCM to packets and back, mono. By the system's libopus, or else by PyAV's (docs/decisions/opus.md).

The library is looked for at the first use. `ZHIYIN_OPUS=system` or `=pyav` forces one of the two.
"""

from __future__ import annotations

import functools
import os
from typing import Protocol

from sound import opus_pyav, opus_system
from sound.errors import OpusError, OpusUnavailable

__all__ = ["OpusDecoder", "OpusEncoder", "OpusError", "OpusUnavailable", "backend_name", "packet_duration_ms"]

BITRATE_BPS = 32_000
"""Enough that libopus codes speech with CELT, as well as its speech mode would at 26 000 and for a third of the CPU."""

MAX_PACKET_MS = 120
SAMPLE_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
FRAME_LENGTHS_MS = (5, 10, 20, 40, 60, 80, 100, 120)


class OpusEncoder:
    """Packs mono s16le frames of `frame_ms` at `sample_rate_hz`; one encoder serves one stream.

    Rates and lengths: SAMPLE_RATES_HZ and FRAME_LENGTHS_MS. `complexity` 0-10 trades CPU for sound. Variable bitrate.
    Raises OpusError for a shape that Opus does not have, OpusUnavailable without a library.
    """

    def __init__(
        self, sample_rate_hz: int, frame_ms: int = 60, complexity: int = 5, bitrate_bps: int = BITRATE_BPS
    ) -> None:
        _check_rate(sample_rate_hz)
        if frame_ms not in FRAME_LENGTHS_MS:
            raise OpusError(f"Opus has no frames of {frame_ms} ms; use one of {FRAME_LENGTHS_MS}")
        if not 0 <= complexity <= 10:
            raise OpusError(f"Opus complexity goes from 0 to 10, not {complexity}")
        self.sample_rate_hz = sample_rate_hz
        self.frame_ms = frame_ms
        self.frame_bytes = 2 * sample_rate_hz * frame_ms // 1000
        self._codec = _library().encoder(sample_rate_hz, frame_ms, complexity, bitrate_bps)

    def encode(self, pcm: bytes) -> bytes:
        """One packet for exactly one frame (`frame_bytes`). Raises OpusError for any other length."""
        if len(pcm) != self.frame_bytes:
            raise OpusError(f"a frame of {self.frame_ms} ms has {self.frame_bytes} bytes, not {len(pcm)}")
        return self._codec.encode(pcm)

    def reset(self) -> None:
        """Forgets the stream so far; the next frame begins a new one."""
        self._codec.reset()


class OpusDecoder:
    """Unpacks mono s16le at `sample_rate_hz`; one decoder serves one stream.

    Any packet of any sender: the rate, channels and length it was made with do not matter.
    Raises OpusError for a rate that Opus does not have, OpusUnavailable without a library.
    """

    def __init__(self, sample_rate_hz: int = 16_000) -> None:
        _check_rate(sample_rate_hz)
        self.sample_rate_hz = sample_rate_hz
        self._codec = _library().decoder(sample_rate_hz)

    def decode(self, payload: bytes) -> bytes:
        """The sound of one packet, up to 120 ms.

        b"" stands for a lost packet and gives one concealed packet as long as the last (60 ms before the first).
        Raises OpusError for a corrupt packet; the decoder can go on with the next one.
        """
        return self._codec.decode(payload)

    def reset(self) -> None:
        """Forgets the stream so far; the next packet begins a new one."""
        self._codec.reset()


def packet_duration_ms(payload: bytes) -> float:
    """How long a packet plays, from its first bytes (RFC 6716, 3.1). Raises OpusError when it cannot be Opus."""
    if not payload:
        raise OpusError("an empty packet has no duration")
    frame_count = _frame_count(payload)
    duration_ms = frame_count * _frame_ms(payload[0] >> 3)
    if frame_count == 0 or duration_ms > MAX_PACKET_MS:
        raise OpusError("the packet's header is not Opus")
    return duration_ms


def backend_name() -> str:
    """Where Opus comes from, for logs: "system libopus 1.3.1" or "PyAV 18.1.0". Raises OpusUnavailable."""
    return _library().name


class _Encoder(Protocol):
    def encode(self, pcm: bytes) -> bytes: ...

    def reset(self) -> None: ...


class _Decoder(Protocol):
    def decode(self, payload: bytes) -> bytes: ...

    def reset(self) -> None: ...


class _Library(Protocol):
    """One way to reach Opus."""

    name: str

    def encoder(self, sample_rate_hz: int, frame_ms: int, complexity: int, bitrate_bps: int) -> _Encoder: ...

    def decoder(self, sample_rate_hz: int) -> _Decoder: ...


def _library() -> _Library:
    return _load(os.environ.get("ZHIYIN_OPUS", ""))


@functools.cache
def _load(wanted: str) -> _Library:
    """The library that is `wanted` ("system", "pyav", or "" for the first there is)."""
    if wanted not in ("", "system", "pyav"):
        raise OpusUnavailable(f"ZHIYIN_OPUS is {wanted!r}; it may be system, pyav or empty")
    library: _Library | None = None
    if wanted != "pyav":
        library = opus_system.load()
    if library is None and wanted != "system":
        library = opus_pyav.load()
    if library is None:
        raise OpusUnavailable(
            "There is no Opus library here. Install libopus (Debian, Ubuntu: apt install libopus0; Fedora: dnf install "
            "opus; macOS: brew install opus) or PyAV, which carries one (pip install 'zhiyin[pyav]')."
        )
    return library


def _check_rate(sample_rate_hz: int) -> None:
    if sample_rate_hz not in SAMPLE_RATES_HZ:
        raise OpusError(f"Opus does not work at {sample_rate_hz} Hz; use one of {SAMPLE_RATES_HZ}")


def _frame_ms(config: int) -> float:
    if config < 12:  # SILK
        return (10, 20, 40, 60)[config & 3]
    if config < 16:  # hybrid
        return (10, 20)[config & 1]
    return (2.5, 5, 10, 20)[config & 3]  # CELT


def _frame_count(payload: bytes) -> int:
    code = payload[0] & 3
    if code < 3:
        return 1 if code == 0 else 2
    return payload[1] & 0x3F if len(payload) > 1 else 0
