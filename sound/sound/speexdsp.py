"""The adaptive filter of SpeexDSP (MDF) by plain ctypes on the system's libspeexdsp. ctypes lets go of the GIL."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import weakref
from contextlib import suppress

FRAME_SAMPLES = 320
TAIL_SAMPLES = 4096
"""How late an echo may be: 256 ms at 16 kHz, room for a small board's buffers and the room around it."""

_SET_SAMPLING_RATE = 24
_RATE_HZ = 16_000


@functools.cache
def load() -> ctypes.CDLL | None:
    """libspeexdsp where the system has one, else None."""
    for path in (ctypes.util.find_library("speexdsp"), "libspeexdsp.so.1", "libspeexdsp.1.dylib"):
        with suppress(OSError, AttributeError):  # not there, or not what its name says
            if path:
                return _declared(ctypes.CDLL(path))
    return None


class LinearFilter:
    """Takes away what a linear filter can explain by the loudspeaker's sound, and nothing of another voice."""

    def __init__(self, lib: ctypes.CDLL) -> None:
        self._cancel = lib.speex_echo_cancellation
        self._state = ctypes.c_void_p(lib.speex_echo_state_init(FRAME_SAMPLES, TAIL_SAMPLES))
        if not self._state:
            raise MemoryError("libspeexdsp has no room for another echo canceller")
        weakref.finalize(self, lib.speex_echo_state_destroy, self._state)
        lib.speex_echo_ctl(self._state, _SET_SAMPLING_RATE, ctypes.byref(ctypes.c_int(_RATE_HZ)))
        self._output = ctypes.create_string_buffer(2 * FRAME_SAMPLES)

    def clean(self, near: bytes, far: bytes) -> bytes:
        """s16le of equal length, whole frames of 20 ms."""
        cleaned = []
        for start in range(0, len(near), 2 * FRAME_SAMPLES):
            frame = slice(start, start + 2 * FRAME_SAMPLES)
            self._cancel(self._state, near[frame], far[frame], self._output)
            cleaned.append(self._output.raw)
        return b"".join(cleaned)


def _declared(lib: ctypes.CDLL) -> ctypes.CDLL:
    lib.speex_echo_state_init.argtypes = [ctypes.c_int, ctypes.c_int]
    lib.speex_echo_state_init.restype = ctypes.c_void_p
    lib.speex_echo_state_destroy.argtypes = [ctypes.c_void_p]
    lib.speex_echo_state_destroy.restype = None
    lib.speex_echo_ctl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    lib.speex_echo_cancellation.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p]
    lib.speex_echo_cancellation.restype = None
    return lib
