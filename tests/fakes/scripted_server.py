"""A xiaozhi server that plays a script: it greets, then does to each board what the test wrote down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from sound.opus import OpusEncoder

DOWNLINK_RATE_HZ = 24_000
FRAME_MS = 60
STEP_TIMEOUT_S = 5.0

Json = dict[str, Any]


class BoardLeft(Exception):
    """The board closed its connection; for a script that waits for more, the talk is over."""


class ScriptedTalk:
    """One board's connection as the script sees it. `heard` keeps all that the board sent, in order."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.headers = connection.request.headers if connection.request is not None else {}
        self.heard: list[Json | bytes] = []
        self._arrived = asyncio.Condition()
        self._gone = False

    async def send(self, message: Json) -> None:
        await self.connection.send(json.dumps(message))

    async def send_packets(self, *packets: bytes) -> None:
        for packet in packets:
            await self.connection.send(packet)

    async def mcp(self, request_id: int, method: str, **params: object) -> Json:
        """Sends a JSON-RPC request and returns the board's reply to it."""
        payload = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        await self.send({"type": "mcp", "payload": payload})
        reply = await self.expect(lambda message: message.get("payload", {}).get("id") == request_id)
        return dict(reply["payload"])

    async def expect(self, wanted: Callable[[Json], bool], *, after: int = 0) -> Json:
        """The first JSON message from position `after` on that is wanted; fails the test when none comes."""

        def found() -> list[Json]:
            return [message for message in self.heard[after:] if isinstance(message, dict) and wanted(message)]

        await self._until(lambda: bool(found()))
        return found()[0]

    async def expect_packets(self, count: int, *, after: int = 0) -> None:
        """Returns when so many binary messages have come since position `after`."""

        def enough() -> bool:
            return sum(isinstance(message, bytes) for message in self.heard[after:]) >= count

        await self._until(enough)

    async def listen_started(self, *, after: int = 0) -> Json:
        return await self.expect(lambda message: (message.get("type"), message.get("state")) == ("listen", "start"),
                                 after=after)  # fmt: skip

    async def speak(self, *packets: bytes, sentence: str = "Hello.") -> None:
        """A whole reply: start, one sentence, packets at once (a real server paces them), stop."""
        await self.send({"type": "tts", "state": "start"})
        await self.send({"type": "tts", "state": "sentence_start", "text": sentence})
        await self.send_packets(*packets)
        await self.send({"type": "tts", "state": "stop"})

    async def until_closed(self) -> None:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            await self.connection.wait_closed()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(STEP_TIMEOUT_S), self._arrived:
            await self._arrived.wait_for(lambda: condition() or self._gone)
        if not condition():
            raise BoardLeft

    async def _listen(self) -> None:
        try:
            async for message in self.connection:
                await self._note(json.loads(message) if isinstance(message, str) else message)
        except ConnectionClosed:
            pass  # boards leave without a Close frame
        self._gone = True
        await self._note()

    async def _note(self, *messages: Json | bytes) -> None:
        async with self._arrived:
            self.heard.extend(messages)
            self._arrived.notify_all()


Script = Callable[[ScriptedTalk], Awaitable[None]]


class ScriptedServer:
    """`url` to connect to; `talks` of all connections so far; `failures` of the script, raised by `check`."""

    def __init__(self, script: Script, hello: Json | None) -> None:
        self.url = ""
        self.talks: list[ScriptedTalk] = []
        self._script = script
        self._hello = hello
        self._failures: list[BaseException] = []

    def check(self) -> None:
        """Raises what went wrong inside a script."""
        for failure in self._failures:
            raise failure

    async def serve_board(self, connection: ServerConnection) -> None:
        talk = ScriptedTalk(connection)
        self.talks.append(talk)
        listening = asyncio.create_task(talk._listen())
        try:
            await talk.expect(lambda message: message.get("type") == "hello")
            if self._hello is not None:
                await talk.send(self._hello)
            await self._script(talk)
        except (ConnectionClosed, BoardLeft):
            pass  # boards come and go
        except (AssertionError, TimeoutError) as failure:
            self._failures.append(failure)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def server_hello(**changes: object) -> Json:
    params = {"format": "opus", "sample_rate": DOWNLINK_RATE_HZ, "channels": 1, "frame_duration": FRAME_MS}
    return {"type": "hello", "transport": "websocket", "session_id": "s-1", "audio_params": params} | changes


@asynccontextmanager
async def scripted_server(
    script: Script, *, hello: Json | None = None, no_hello: bool = False, refuse: int | None = None
) -> AsyncIterator[ScriptedServer]:
    """A server on a free loopback port. `refuse` answers every upgrade with that status."""

    def answer_upgrade(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(refuse, "no\n") if refuse is not None else None

    server = ScriptedServer(script, None if no_hello else hello or server_hello())
    async with serve(
        server.serve_board, "127.0.0.1", 0, process_request=answer_upgrade, compression=None, close_timeout=1
    ) as listening:
        port = listening.sockets[0].getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}/xiaozhi/v1/"
        yield server
    server.check()


def tone_packets(count: int) -> list[bytes]:
    """Packets of an audible tone, as a server would send them."""
    samples = np.arange(count * DOWNLINK_RATE_HZ * FRAME_MS // 1000)
    tone = (8000 * np.sin(2 * np.pi * 440 * samples / DOWNLINK_RATE_HZ)).astype("<i2").tobytes()
    return _packets(tone)


def silent_packets(count: int) -> list[bytes]:
    return _packets(bytes(2 * count * DOWNLINK_RATE_HZ * FRAME_MS // 1000))


def _packets(pcm: bytes) -> list[bytes]:
    encoder = OpusEncoder(DOWNLINK_RATE_HZ, FRAME_MS)
    step = encoder.frame_bytes
    return [encoder.encode(pcm[start : start + step]) for start in range(0, len(pcm), step)]
