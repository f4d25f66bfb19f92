"""What a device's WebSocket costs: our protocol class, uvicorn's own, and the server of `websockets`.

Each server runs in a process of its own on uvloop; the peers are plain sockets, one frame per write, spread over time
as devices spread theirs, so that a frame costs a wake-up of the loop as it does in life. The best of several rounds
counts, because other programs on the machine can only add. Run it on a quiet machine:

    python bench/socket_cost.py [--connections 100] [--seconds 3] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import math
import multiprocessing
import resource
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Connection
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState
from websockets.asyncio.server import ServerConnection, serve

from contracts.audio import OpusPacket
from main_server.conversation.ports import Channel, CloseReason, DeviceEvent
from main_server.device.gate import OpenGate
from main_server.device.hub import DeviceHub, SocketLimits
from main_server.device.websocket import DeviceSocket, device_socket_class

FRAME_BYTES = 110
FRAMES_PER_S = 1000 / 60
HELLO = b'{"type":"hello","version":1,"transport":"websocket"}'
BYE = b'{"type":"abort"}'
PAYLOAD = b"\x58" * FRAME_BYTES

Server = Callable[[socket.socket, bool], Coroutine[Any, Any, None]]


class EchoSession:
    """Answers each packet with one as long, and an abort by closing."""

    def __init__(self, channel: Channel, echo: bool) -> None:
        self._channel, self._echo, self._over = channel, echo, asyncio.Event()

    def device_event(self, event: DeviceEvent) -> None:
        self._channel.close(CloseReason.GOODBYE)

    def audio(self, packet: OpusPacket) -> None:
        if self._echo:
            self._channel.send_audio(PAYLOAD, 0)

    def played(self, packet: OpusPacket) -> None: ...

    async def run(self) -> None:
        await self._over.wait()

    def closed(self, reason: CloseReason) -> None:
        self._over.set()


async def ours(sock: socket.socket, echo: bool) -> None:
    hub = DeviceHub(OpenGate(), lambda channel: EchoSession(channel, echo))
    await _uvicorn(sock, _nothing, ws=device_socket_class(hub))


async def uvicorns(sock: socket.socket, echo: bool) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("bytes") is None:
                if message["text"].encode() == BYE:
                    await send({"type": "websocket.close"})
            elif echo:
                await send({"type": "websocket.send", "bytes": PAYLOAD})

    await _uvicorn(sock, app, ws="websockets-sansio", ws_per_message_deflate=False, ws_ping_interval=None)


async def websockets_own(sock: socket.socket, echo: bool) -> None:
    async def handler(connection: ServerConnection) -> None:
        async for message in connection:
            if isinstance(message, str):
                if message.encode() == BYE:
                    await connection.close()
            elif echo:
                await connection.send(PAYLOAD)

    server = await serve(handler, sock=sock, compression=None, ping_interval=None, close_timeout=1)
    await server.serve_forever()


SERVERS: dict[str, Server] = {
    "our protocol class in uvicorn": ours,
    "uvicorn's websockets-sansio (ASGI)": uvicorns,
    "websockets' asyncio server": websockets_own,
}


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError  # no HTTP here


async def _uvicorn(sock: socket.socket, app: Any, **options: Any) -> None:
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, **options)
    await uvicorn.Server(config).serve(sockets=[sock])


def _serve(name: str, echo: bool, sock: socket.socket, pipe: Connection) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        def report() -> None:
            pipe.recv()
            memory_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            pipe.send((time.process_time(), len(asyncio.all_tasks()), memory_kb))

        loop.add_reader(pipe.fileno(), report)
        await SERVERS[name](sock, echo)

    uvloop.run(main())


class Probe:
    """One server process and the peers connected to it."""

    def __init__(self, name: str, echo: bool) -> None:
        self._sock = socket.socket()
        self._sock.bind(("127.0.0.1", 0))
        self._sock.listen(1024)
        self.port = self._sock.getsockname()[1]
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_serve, args=(name, echo, self._sock, theirs), daemon=True)
        self._process.start()

    def report(self) -> tuple[float, int, int]:
        """CPU seconds, tasks alive, peak memory in kB."""
        self._pipe.send(None)
        return self._pipe.recv()

    def connect(self, number: int) -> socket.socket:
        peer = socket.create_connection(("127.0.0.1", self.port))
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.sendall(_upgrade(number))
        if b" 101 " not in peer.recv(4096):
            raise RuntimeError("the upgrade was refused")
        peer.sendall(_client_frame(0x81, HELLO))
        return peer

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._sock.close()


def _upgrade(number: int) -> bytes:
    return (
        b"GET /xiaozhi/v1/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Device-Id: bench-%d\r\n\r\n" % number
    )


def _client_frame(head: int, payload: bytes) -> bytes:
    return bytes((head, 0x80 | len(payload))) + bytes(4) + payload


class Scene:
    """One server with its peers connected; `frame_us` is the best round so far."""

    def __init__(self, name: str, echo: bool, connections: int) -> None:
        self._probe = Probe(name, echo)
        self._peers = [self._probe.connect(connections)]
        time.sleep(0.5)
        _, tasks_before, memory_before_kb = self._probe.report()
        self._peers += [self._probe.connect(number) for number in range(connections)]
        time.sleep(0.5)
        _, tasks, memory_kb = self._probe.report()
        self.tasks = (tasks - tasks_before) / connections
        self.memory_kb = (memory_kb - memory_before_kb) / connections
        self.frame_us = math.inf

    def play_round(self, seconds: float) -> None:
        self.frame_us = min(self.frame_us, _round_us(self._probe, self._peers, seconds))

    def close(self) -> None:
        for peer in self._peers:
            peer.close()
        self._probe.close()


def _round_us(probe: Probe, peers: list[socket.socket], seconds: float) -> float:
    frame = _client_frame(0x82, PAYLOAD)
    cpu_before_s = probe.report()[0]
    sent, began = 0, time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        if sent < elapsed * FRAMES_PER_S * len(peers):
            peers[sent % len(peers)].sendall(frame)
            sent += 1
        else:
            time.sleep(0.0002)
    time.sleep(0.3)
    return (probe.report()[0] - cpu_before_s) * 1e6 / sent


def _close_s(name: str) -> float:
    """Seconds until TCP is gone after the server's Close, with a peer that never answers it."""
    probe = Probe(name, echo=False)
    peer = probe.connect(0)
    peer.sendall(_client_frame(0x81, BYE))
    peer.settimeout(30)
    began = time.monotonic()
    while peer.recv(4096):
        pass
    elapsed = time.monotonic() - began
    probe.close()
    return elapsed


class NoTransport(asyncio.Transport):
    """Takes everything and does nothing: what is left is our own Python."""

    def write(self, data: bytes | bytearray | memoryview[int]) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def _python_cost_us(frames: int = 20_000) -> tuple[float, float]:
    """CPU microseconds of our Python alone, without kernel and event loop: per frame in, per frame out."""
    channels: list[Channel] = []

    def open_session(channel: Channel) -> EchoSession:
        channels.append(channel)
        return EchoSession(channel, echo=False)

    limits = SocketLimits(packets_per_s=10**9, frames_per_s=10**9, bytes_per_s=10**12)
    device = DeviceSocket(DeviceHub(OpenGate(), open_session, limits=limits), ServerState())
    device.connection_made(NoTransport())
    device.data_received(_upgrade(0))
    await asyncio.sleep(0.05)
    device.data_received(_client_frame(0x81, HELLO))
    frame = _client_frame(0x82, PAYLOAD)
    began = time.process_time()
    for _ in range(frames):
        device.data_received(frame)
    between = time.process_time()
    for _ in range(frames):
        channels[0].send_audio(PAYLOAD, 0)
    return (between - began) * 1e6 / frames, (time.process_time() - between) * 1e6 / frames


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--connections", type=int, default=100)
    arguments.add_argument("--seconds", type=float, default=3.0)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    inward_us, outward_us = min(asyncio.run(_python_cost_us()) for _ in range(chosen.rounds))
    print(f"Our Python alone: {inward_us:.1f} us per frame in, {outward_us:.1f} us per frame out")
    print(f"{chosen.connections} peers, {FRAME_BYTES}-byte frames every 60 ms, Python {sys.version.split()[0]}, uvloop")
    print("| server | us per frame in | us per frame out | tasks each | kB each | TCP gone after Close |")
    print("|---|---|---|---|---|---|")
    scenes = {(name, echo): Scene(name, echo, chosen.connections) for name in SERVERS for echo in (False, True)}
    for _ in range(chosen.rounds):  # in turns, so that a busy minute of the machine hits all alike
        for scene in scenes.values():
            scene.play_round(chosen.seconds)
    for name in SERVERS:
        inward, both = scenes[name, False], scenes[name, True]
        print(
            f"| {name} | {inward.frame_us:.0f} | {both.frame_us - inward.frame_us:.0f} | {inward.tasks:.1f} "
            f"| {inward.memory_kb:.0f} | {_close_s(name):.1f} s |"
        )
    for scene in scenes.values():
        scene.close()


if __name__ == "__main__":
    main()
