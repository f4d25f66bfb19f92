"""A device's end of the WebSocket, plain enough to misbehave: it sends what it is told and reads only when asked."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

MAC = "24:6f:28:ab:cd:ef"
HELLO = {
    "type": "hello",
    "version": 1,
    "features": {"mcp": False},
    "transport": "websocket",
    "audio_params": {"format": "opus", "sample_rate": 16000, "channels": 1, "frame_duration": 60},
}


class DeviceClient:
    """One connection. `status` is the answer to the upgrade; after 101 frames can be sent and awaited."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: ClientProtocol) -> None:
        self.reader, self.writer, self.protocol = reader, writer, protocol
        self.status = 0
        self.body = b""
        self.response_headers: Mapping[str, str] = {}
        self.pending: list[Frame] = []

    async def frame(self, timeout_s: float = 5.0) -> Frame | None:
        """The next frame; None when the server has closed TCP."""
        async with asyncio.timeout(timeout_s):
            while not self.pending:
                data = await self._read()
                if not data:
                    return None
                self.protocol.receive_data(data)
                self.protocol.data_to_send()  # no automatic answers: devices answer no Close
                self.pending += [event for event in self.protocol.events_received() if isinstance(event, Frame)]
        return self.pending.pop(0)

    async def json(self, timeout_s: float = 5.0) -> dict[str, Any]:
        """The next text message."""
        frame = await self.frame(timeout_s)
        assert frame is not None and frame.opcode is Opcode.TEXT, frame
        return json.loads(bytes(frame.data))

    async def closing(self, timeout_s: float = 5.0) -> int | None:
        """Reads to the end of TCP; the code of the Close frame seen on the way, or None."""
        code = None
        while (frame := await self.frame(timeout_s)) is not None:
            if frame.opcode is Opcode.CLOSE:
                code = struct.unpack("!H", bytes(frame.data)[:2])[0]
        return code

    async def send(self, message: dict[str, Any] | str | bytes) -> None:
        if isinstance(message, bytes):
            self.protocol.send_binary(message)
        else:
            text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
            self.protocol.send_text(text.encode())
        await self.flush()

    async def flush(self) -> None:
        await self.raw(b"".join(self.protocol.data_to_send()))

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hello(self, **changes: Any) -> dict[str, Any]:
        await self.send({**HELLO, **changes})
        return await self.json()

    def reset(self) -> None:
        """Tears TCP down with a RST, as a device that loses power and comes back does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def _read(self) -> bytes:
        try:
            return await self.reader.read(65_536)
        except ConnectionError:
            return b""


@asynccontextmanager
async def connected(
    port: int,
    path: str = "/xiaozhi/v1/",
    *,
    device_id: str | None = MAC,
    headers: Mapping[str, str] | None = None,
    window_bytes: int = 0,
) -> AsyncIterator[DeviceClient]:
    """Connects and upgrades like a board (or is refused: look at `status`). `window_bytes`: a board's small buffer for
    what it has not read yet, 0 = the system's large one."""
    sock = socket.socket()
    if window_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window_bytes)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=window_bytes or 2**16)
    protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}{path}"), max_size=None)
    client = DeviceClient(reader, writer, protocol)
    request = protocol.connect()
    del request.headers["Host"]
    request.headers["Host"] = "127.0.0.1"  # boards leave the port out
    if device_id is not None:
        request.headers["Device-Id"] = device_id
    for name, value in {"Client-Id": "36c98363-3656-43cb-a00f-8bced2391a90", **(headers or {})}.items():
        request.headers[name] = value
    protocol.send_request(request)
    try:
        await client.flush()
        await _read_response(client)
        yield client
    finally:
        writer.transport.abort()


async def _read_response(client: DeviceClient) -> None:
    async with asyncio.timeout(5):
        head = await client.reader.readuntil(b"\r\n\r\n")
    client.status = int(head.split()[1])
    lines = head.decode().split("\r\n")[1:-2]
    client.response_headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
    if client.status != 101:
        client.body = await client.reader.read()
        return
    client.protocol.receive_data(head)
    (response,) = client.protocol.events_received()
    assert isinstance(response, Response), response
    assert client.protocol.handshake_exc is None
