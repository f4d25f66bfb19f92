"""asr-server's WebSocket in this process, on a real socket, to be stopped and started again on the same port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asr_server.app import AsrServer, config
from contracts.hearing import Hearing
from contracts.transcription import Transcriber
from hearing_client.hearing import RemoteHearing
from serving.access import Access
from serving.server import Server

LOOPBACK = "127.0.0.1"


class QuietServer(Server):
    """One that leaves the signals of the test's process alone."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await self._serve(sockets)


class HearingHome:
    """`start` and `stop` as often as wanted; `cut` drops every connection without a word."""

    def __init__(self, transcriber: Transcriber, token: str = "", *, trust_this_machine: bool = True) -> None:
        self.asr = AsrServer(transcriber, Access(token, trust_this_machine))
        self.port = 0
        self._server: QuietServer | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"ws://{LOOPBACK}:{self.port}/hearing"

    async def start(self) -> None:
        listening = socket.create_server((LOOPBACK, self.port))
        self.port = listening.getsockname()[1]
        self._server = QuietServer(config(self.asr.app()), self.asr.readiness)
        self._serving = asyncio.create_task(self._server.serve([listening]))
        async with asyncio.timeout(10):
            while not self._server.started:
                await asyncio.sleep(0.005)

    def cut(self) -> None:
        assert self._server is not None
        for connection in tuple(self._server.server_state.connections):
            connection.transport.abort()

    async def stop(self) -> None:
        if self._server is None or self._serving is None:
            return
        self._server.should_exit = self._server.force_exit = True
        self.cut()
        await self._serving
        self._server = None


@asynccontextmanager
async def hearing_home(transcriber: Transcriber) -> AsyncIterator[HearingHome]:
    home = HearingHome(transcriber)
    await home.start()
    try:
        yield home
    finally:
        await home.stop()


@asynccontextmanager
async def on_a_socket(transcriber: Transcriber) -> AsyncIterator[Hearing]:
    """The `ws://` home of contracts.hearing."""
    async with hearing_home(transcriber) as home:
        hearing = RemoteHearing(home.url)
        try:
            yield hearing
        finally:
            await hearing.close()
