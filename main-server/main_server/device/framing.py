"""Binary framing of audio on a WebSocket, versions 1 to 3 (PROTOCOL 2.3). All integers are big-endian."""

from __future__ import annotations

import struct
from enum import IntEnum

from contracts.audio import OpusPacket

MAX_PACKET_BYTES = 4000
"""No Opus packet of speech is longer; libopus itself recommends this as the largest buffer."""

_TIMED_HEADER = struct.Struct("!HHIII")  # version, type, reserved, timestamp, payload size
_SIZED_HEADER = struct.Struct("!BBH")  # type, reserved, payload size
_OPUS = 0
_U32 = 0xFFFF_FFFF


class Framing(IntEnum):
    """How one Opus packet is wrapped in one binary message; the number is the device's `Protocol-Version`."""

    RAW = 1  # the packet and nothing else
    TIMED = 2  # 16 bytes before it, with the timestamp that server-side echo cancellation needs
    SIZED = 3  # 4 bytes before it


class FramingError(ValueError):
    """A binary message that is no audio in this framing. The message is a code for counting, nothing of the bytes."""


def encode(framing: Framing, payload: bytes, timestamp_ms: int = 0) -> bytes:
    """Wraps one Opus packet. The timestamp (taken modulo 2**32) travels in framing 2 only.

    Raises FramingError for a packet that is too long: devices do not check sizes and would crash on a wrong one.
    """
    if len(payload) > MAX_PACKET_BYTES:
        raise FramingError("packet_too_long")
    if framing is Framing.RAW:
        return payload
    if framing is Framing.TIMED:
        return _TIMED_HEADER.pack(Framing.TIMED, _OPUS, 0, timestamp_ms & _U32, len(payload)) + payload
    return _SIZED_HEADER.pack(_OPUS, 0, len(payload)) + payload


def decode(framing: Framing, message: bytes) -> OpusPacket:
    """Unwraps one binary message; an empty packet is silence, not an error. Raises FramingError."""
    if framing is Framing.RAW:
        return OpusPacket(_bounded(message))
    if framing is Framing.TIMED:
        return _decode_timed(message)
    return _decode_sized(message)


def _decode_timed(message: bytes) -> OpusPacket:
    header_bytes = _TIMED_HEADER.size
    if len(message) < header_bytes:
        raise FramingError("truncated_header")
    version, kind, _, timestamp_ms, size = _TIMED_HEADER.unpack_from(message)
    if version != Framing.TIMED or kind != _OPUS:
        raise FramingError("not_audio")
    return OpusPacket(_sized(message, header_bytes, size), timestamp_ms)


def _decode_sized(message: bytes) -> OpusPacket:
    header_bytes = _SIZED_HEADER.size
    if len(message) < header_bytes:
        raise FramingError("truncated_header")
    kind, _, size = _SIZED_HEADER.unpack_from(message)
    if kind != _OPUS:
        raise FramingError("not_audio")
    return OpusPacket(_sized(message, header_bytes, size))


def _sized(message: bytes, header_bytes: int, size: int) -> bytes:
    # A size below what arrived is taken as the device itself takes it: the rest is not part of the packet.
    if size > len(message) - header_bytes:
        raise FramingError("size_beyond_message")
    return _bounded(message[header_bytes : header_bytes + size])


def _bounded(payload: bytes) -> bytes:
    if len(payload) > MAX_PACKET_BYTES:
        raise FramingError("packet_too_long")
    return payload
