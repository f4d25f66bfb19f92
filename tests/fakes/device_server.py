"""A real server on a free port in this process, whose sessions are scripted actors."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from contracts.audio import OpusPacket
from main_server.conversation.ports import Channel, CloseReason, DeviceEvent, DeviceSession
from main_server.device.hub import DeviceHub
from main_server.device.websocket import device_socket_class


class ScriptedSession:
    """Writes down what reaches it; `play` may be given to act on events."""

    def __init__(self, channel: Channel, play: Callable[[ScriptedSession, DeviceEvent], None] | None = None) -> None:
        self.channel = channel
        self.events: list[DeviceEvent] = []
        self.packets: list[OpusPacket] = []
        self.loudspeaker: list[OpusPacket] = []
        self.reason: CloseReason | None = None
        self.times_closed = 0
        self.over = asyncio.Event()
        self.finished = False
        self._play = play

    def device_event(self, event: DeviceEvent) -> None:
        self.events.append(event)
        if self._play is not None:
            self._play(self, event)

    def audio(self, packet: OpusPacket) -> None:
        self.packets.append(packet)

    def played(self, packet: OpusPacket) -> None:
        self.loudspeaker.append(packet)

    async def run(self) -> None:
        await self.over.wait()
        self.finished = True

    def closed(self, reason: CloseReason) -> None:
        self.reason = reason
        self.times_closed += 1
        self.over.set()


class Stage:
    """The sessions that were opened, in order."""

    def __init__(self, play: Callable[[ScriptedSession, DeviceEvent], None] | None = None) -> None:
        self.sessions: list[ScriptedSession] = []
        self._play = play

    def open(self, channel: Channel) -> DeviceSession:
        self.sessions.append(ScriptedSession(channel, self._play))
        return self.sessions[-1]


async def _not_found(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def serving(hub: DeviceHub, app: Any = _not_found) -> AsyncIterator[int]:
    """Serves device connections (and `app` over HTTP); yields the port."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, ws=device_socket_class(hub), lifespan="off", log_config=None, timeout_graceful_shutdown=15
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[sock])
    try:
        yield sock.getsockname()[1]
    finally:
        await _stop(server, sock)


async def _stop(server: uvicorn.Server, sock: socket.socket) -> None:
    """As uvicorn stops, without its polling pauses when the last connection has gone by itself."""
    state = server.server_state
    for _ in range(20):
        if not (state.connections or state.tasks):
            for listener in server.servers:
                listener.close()
            sock.close()
            return
        await asyncio.sleep(0.001)
    await server.shutdown(sockets=[sock])


async def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Waits for something that the other end will do."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)
