"""Binary framing 1, 2 and 3 as a board reads and writes it (one Opus packet per message).

A real board does not check lengths: it over-reads and crashes. Here a bad frame is a `FrameWouldCrash`, so that a
server's mistake is seen at the desk and not on a shelf.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

Framing = Literal[1, 2, 3]

_V2 = struct.Struct(">HHIII")  # version, type, reserved, timestamp, payload size
_V3 = struct.Struct(">BBH")  # type, reserved, payload size


class FrameWouldCrash(ValueError):
    """A frame whose header promises more bytes than came: a real board reads past its buffer."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet and the timestamp its frame carried (0 where the framing has none)."""

    payload: bytes
    timestamp: int = 0


def pack(framing: Framing, payload: bytes, timestamp: int = 0) -> bytes:
    """One Opus packet as the binary message of this framing."""
    if framing == 2:
        return _V2.pack(2, 0, 0, timestamp & 0xFFFFFFFF, len(payload)) + payload
    if framing == 3:
        return _V3.pack(0, 0, len(payload)) + payload
    return payload


def unpack(framing: Framing, message: bytes) -> Frame:
    """The packet in a binary message, ignoring what a board ignores (version, type, reserved)."""
    if framing == 1:
        return Frame(message)
    header = _V2 if framing == 2 else _V3
    if len(message) < header.size:
        raise FrameWouldCrash(f"a frame of {len(message)} bytes is shorter than the header of framing {framing}")
    fields = header.unpack_from(message)
    size, timestamp = fields[-1], fields[3] if framing == 2 else 0
    if header.size + size > len(message):
        raise FrameWouldCrash(f"a frame promises {size} bytes and carries {len(message) - header.size}")
    return Frame(message[header.size : header.size + size], timestamp)
