"""The least of a WebSocket client: frames built beforehand, parsed in place. For measuring only.

Client frames carry the mask key 0, which leaves the payload as it is: legal, as costly for the server as any other
key, and free for us.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_ZERO_KEY = b"\0\0\0\0"


def client_frame(opcode: int, payload: bytes) -> bytes:
    """One unfragmented, masked frame."""
    length = len(payload)
    if length < 126:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | length)
    elif length < 65536:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, length)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, length)
    return head + _ZERO_KEY + payload


def upgrade_request(path: str, host: str, headers: dict[str, str]) -> bytes:
    """The HTTP request of a board. The key is constant: nobody here checks the accept header."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: emhpeWluLWJlbmNobWFyaw=="]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def take_frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Removes the whole frames from the buffer: (opcode, payload). Servers neither mask nor, here, fragment."""
    begin, size = 0, len(buffer)
    try:
        while size - begin >= 2:
            length, head = buffer[begin + 1] & 0x7F, 2
            if length == 126:
                if size - begin < 4:
                    return
                length, head = int.from_bytes(buffer[begin + 2 : begin + 4], "big"), 4
            elif length == 127:
                if size - begin < 10:
                    return
                length, head = int.from_bytes(buffer[begin + 2 : begin + 10], "big"), 10
            end = begin + head + length
            if end > size:
                return
            opcode, payload = buffer[begin] & 0x0F, bytes(buffer[begin + head : end])
            begin = end
            yield opcode, payload
    finally:
        del buffer[:begin]
