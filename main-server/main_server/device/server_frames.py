"""WebSocket frames as a server writes them: unmasked, never fragmented, so a few bytes before the payload."""

from __future__ import annotations

import struct

TEXT = 0x81  # final frame, text
BINARY = 0x82  # final frame, binary

_SIZE_16 = struct.Struct("!BBH")
_SIZE_64 = struct.Struct("!BBQ")


def server_frame(head: int, payload: bytes) -> bytes:
    """One whole message. `head` is TEXT or BINARY; text must be UTF-8."""
    size = len(payload)
    if size < 126:
        return bytes((head, size)) + payload
    if size < 65_536:
        return _SIZE_16.pack(head, 126, size) + payload
    return _SIZE_64.pack(head, 127, size) + payload
