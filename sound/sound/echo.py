"""Echo cancellation: a toy's own voice taken out of what its microphone recorded (docs/decisions/echo.md).

WebRTC's AEC3 (the `aec` extra), and before it SpeexDSP's linear filter where the system has libspeexdsp: the filter
takes most of the echo away without touching the person's voice, so that AEC3 has less to suppress while both speak.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from sound import speexdsp
from sound.errors import EchoUnavailable

RATE_HZ = 16_000
BLOCK_BYTES = 2 * speexdsp.FRAME_SAMPLES
"""20 ms of s16le: sound is handed over in whole blocks."""

DELAY_SAMPLES = 128
"""What comes out is this much later than what went in (AEC3's filter bank)."""


class EchoCanceller:
    """One device's canceller; what it has learned of the room stays in it. Raises EchoUnavailable."""

    def __init__(self) -> None:
        self._suppress = _webrtc().EchoCanceller(sample_rate=RATE_HZ)
        library = speexdsp.load()
        self._linear = speexdsp.LinearFilter(library) if library is not None else None

    def clean(self, near: bytes, far: bytes) -> bytes:
        """`near` without the echo of `far`: s16le at 16 kHz, both of the same length, whole blocks. `far` is what the
        loudspeaker played, at most about 200 ms before its echo lies in `near`, never after it."""
        if len(near) != len(far) or len(near) % BLOCK_BYTES:
            raise ValueError("microphone and loudspeaker must be of the same length, in whole blocks of 20 ms")
        if self._linear is not None:
            near = self._linear.clean(near, far)
        cleaned: bytes = self._suppress.process(np.frombuffer(near, np.int16), np.frombuffer(far, np.int16)).tobytes()
        return cleaned


def backend_name() -> str:
    """What cancels echoes here, for logs. Raises EchoUnavailable."""
    _webrtc()
    return "SpeexDSP and WebRTC AEC3" if speexdsp.load() is not None else "WebRTC AEC3"


@functools.cache
def _webrtc() -> Any:
    try:
        import pywebrtc_audio
    except ImportError:
        raise EchoUnavailable(
            "There is no echo cancellation here, so toys that leave it to the server do not listen while they speak. "
            "Install it: pip install 'zhiyin[aec]'."
        ) from None
    return pywebrtc_audio
