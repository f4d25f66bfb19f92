"""A WebSocket to an engine: JSON and sound out, JSON in. `Connections.socket` opens it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp

MAX_MESSAGE_BYTES = 2**20
"""A longer message breaks the connection. What waits unread is bounded by aiohttp, and beyond that by the socket."""


class Socket:
    """One connection; one task receives, another one may send. Whoever waits for the server has a deadline around it.

    `close_code` and `close_reason` are the server's once `receive` has returned None.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.close_code = 0
        self.close_reason = ""
        self._socket = socket
        self._ponged = asyncio.Event()

    async def send(self, message: Mapping[str, Any] | bytes) -> None:
        """A JSON object as text, or bytes. Raises aiohttp.ClientError, ConnectionError."""
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            await self._socket.send_str(json.dumps(message, ensure_ascii=False))

    async def receive(self) -> dict[str, Any] | None:
        """The next JSON object, None when the server has closed; skips all else. Raises aiohttp.ClientError."""
        while True:
            message = await self._socket.receive()
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    if (told := _object(message.data)) is not None:
                        return told
                case aiohttp.WSMsgType.PING:
                    await self._socket.pong(message.data)
                case aiohttp.WSMsgType.PONG:
                    self._ponged.set()
                case aiohttp.WSMsgType.CLOSE:
                    self.close_code, self.close_reason = message.data or 0, message.extra or ""
                    return None
                case aiohttp.WSMsgType.CLOSING | aiohttp.WSMsgType.CLOSED:
                    self.close_code = self.close_code or self._socket.close_code or 0
                    return None
                case aiohttp.WSMsgType.ERROR:
                    raise aiohttp.ClientConnectionError("the WebSocket broke") from self._socket.exception()

    async def answers(self, within_s: float) -> bool:
        """Whether the server answers a ping, while another task receives."""
        self._ponged.clear()
        try:
            async with asyncio.timeout(within_s):
                await self._socket.ping()
                await self._ponged.wait()
        except (TimeoutError, aiohttp.ClientError, ConnectionError):
            return False
        return True

    async def close(self) -> None:
        """Ends the connection at once.

        In a task of its own: aiohttp's timeout in there would be thrown into an async generator that is being closed,
        which Python 3.11 then takes for one that still runs.
        """
        closing = asyncio.ensure_future(self._socket.close())
        closing.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait({closing})


def _object(text: str) -> dict[str, Any] | None:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
