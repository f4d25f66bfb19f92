"""Opus by plain ctypes on the system's libopus. ctypes lets go of the GIL during each call.

The codec states lie in buffers of ours (opus_*_init instead of opus_*_create), so nothing has to be destroyed.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sound.errors import OpusError

_APPLICATION_AUDIO = 2049
_SET_BITRATE = 4002
_SET_VBR = 4006
_SET_COMPLEXITY = 4010
_RESET_STATE = 4028

_MAX_PACKET_BYTES = 4000  # libopus's own advice for a packet of any length
_MAX_PACKET_MS = 120
_FIRST_LOSS_MS = 60  # how long a loss is taken to be before the first packet


def load() -> SystemOpus | None:
    """libopus where the system has one, else None."""
    for path in _candidates():
        with suppress(OSError, AttributeError):  # not there, of another machine type, or not libopus
            return SystemOpus(ctypes.CDLL(path))
    return None


class SystemOpus:
    """libopus, its functions declared."""

    def __init__(self, lib: ctypes.CDLL) -> None:
        _declare(lib)
        self._lib = lib
        self.name = "system " + lib.opus_get_version_string().decode("ascii", "replace")

    def encoder(self, sample_rate_hz: int, frame_ms: int, complexity: int, bitrate_bps: int) -> SystemEncoder:
        return SystemEncoder(self._lib, sample_rate_hz, frame_ms, complexity, bitrate_bps)

    def decoder(self, sample_rate_hz: int) -> SystemDecoder:
        return SystemDecoder(self._lib, sample_rate_hz)


class SystemEncoder:
    """One OpusEncoder state."""

    def __init__(self, lib: ctypes.CDLL, sample_rate_hz: int, frame_ms: int, complexity: int, bitrate_bps: int) -> None:
        self._encode = lib.opus_encode
        self._ctl = lib.opus_encoder_ctl
        self._frame_samples = sample_rate_hz * frame_ms // 1000
        self._state = ctypes.create_string_buffer(lib.opus_encoder_get_size(1))
        self._packet = ctypes.create_string_buffer(_MAX_PACKET_BYTES)
        _check(lib, lib.opus_encoder_init(self._state, sample_rate_hz, 1, _APPLICATION_AUDIO))
        for request, value in ((_SET_COMPLEXITY, complexity), (_SET_BITRATE, bitrate_bps), (_SET_VBR, 1)):
            _check(lib, self._ctl(self._state, request, ctypes.c_int(value)))

    def encode(self, pcm: bytes) -> bytes:
        length = self._encode(self._state, pcm, self._frame_samples, self._packet, _MAX_PACKET_BYTES)
        if length < 0:
            raise OpusError(f"libopus could not encode a frame (error {length})")
        return ctypes.string_at(self._packet, length)

    def reset(self) -> None:
        self._ctl(self._state, _RESET_STATE)


class SystemDecoder:
    """One OpusDecoder state."""

    def __init__(self, lib: ctypes.CDLL, sample_rate_hz: int) -> None:
        self._decode = lib.opus_decode
        self._ctl = lib.opus_decoder_ctl
        self._state = ctypes.create_string_buffer(lib.opus_decoder_get_size(1))
        self._max_samples = sample_rate_hz * _MAX_PACKET_MS // 1000
        self._first_loss_samples = sample_rate_hz * _FIRST_LOSS_MS // 1000
        self._last_samples = self._first_loss_samples
        self._pcm = ctypes.create_string_buffer(2 * self._max_samples)
        _check(lib, lib.opus_decoder_init(self._state, sample_rate_hz, 1))

    def decode(self, payload: bytes) -> bytes:
        if payload:
            samples = self._decode(self._state, payload, len(payload), self._pcm, self._max_samples, 0)
        else:
            samples = self._decode(self._state, None, 0, self._pcm, self._last_samples, 0)
        if samples < 0:
            raise OpusError(f"libopus could not decode a packet of {len(payload)} bytes (error {samples})")
        self._last_samples = samples
        return ctypes.string_at(self._pcm, samples * 2)

    def reset(self) -> None:
        self._ctl(self._state, _RESET_STATE)
        self._last_samples = self._first_loss_samples


def _candidates() -> Iterator[str]:
    yield from ("libopus.so.0", "libopus.0.dylib", "/opt/homebrew/lib/libopus.dylib", "/usr/local/lib/libopus.dylib")
    found = ctypes.util.find_library("opus")  # last: on Linux it starts other programs
    if found:
        yield found


def _declare(lib: ctypes.CDLL) -> None:
    """The prototypes of opus.h. The two ctl are variadic: Apple's arm64 needs just their fixed arguments declared."""
    state, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    lib.opus_get_version_string.restype = text
    lib.opus_strerror.restype = text
    prototypes: dict[str, list[Any]] = {
        "opus_strerror": [number],
        "opus_encoder_get_size": [number],
        "opus_encoder_init": [state, number, number, number],
        "opus_encoder_ctl": [state, number],
        "opus_encode": [state, text, number, state, number],
        "opus_decoder_get_size": [number],
        "opus_decoder_init": [state, number, number],
        "opus_decoder_ctl": [state, number],
        "opus_decode": [state, text, number, state, number, number],
    }
    for name, arguments in prototypes.items():
        getattr(lib, name).argtypes = arguments


def _check(lib: ctypes.CDLL, result: int) -> None:
    if result < 0:
        raise OpusError("libopus: " + lib.opus_strerror(result).decode("ascii", "replace"))
