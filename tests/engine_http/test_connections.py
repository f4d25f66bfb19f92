"""Kept connections against a scripted server that drops them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from engine_http.connections import Connections


class Dropping:
    """Drops as many requests as it is told, then answers 200 with what it was sent."""

    def __init__(self) -> None:
        self.to_drop = 0
        self.bodies: list[str] = []

    async def serve(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.text())
        if self.to_drop:
            self.to_drop -= 1
            assert request.transport is not None
            request.transport.close()
        return web.Response(text=self.bodies[-1])


@pytest.fixture
async def server() -> AsyncIterator[tuple[Dropping, URL]]:
    dropping = Dropping()
    app = web.Application()
    app.router.add_post("/", dropping.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield dropping, URL(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    await runner.cleanup()


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    connections = Connections({}, connect_s=3.0, limit=4)
    yield connections
    await connections.close()


def form() -> dict[str, aiohttp.FormData]:
    return {"data": aiohttp.FormData({"word": "hello"})}


async def test_a_request_on_a_connection_that_died_is_made_once_more(
    server: tuple[Dropping, URL], connections: Connections
) -> None:
    dropping, url = server
    dropping.to_drop = 1
    async with await connections.post(url, form) as response:
        assert await response.text() == "word=hello"
    assert dropping.bodies == ["word=hello"] * 2


async def test_a_server_that_drops_every_request_is_not_asked_for_ever(
    server: tuple[Dropping, URL], connections: Connections
) -> None:
    dropping, url = server
    dropping.to_drop = 10
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await connections.post(url, form)
    assert len(dropping.bodies) == 2


async def test_closed_connections_open_again_when_needed(
    server: tuple[Dropping, URL], connections: Connections
) -> None:
    await connections.close()
    async with await connections.post(server[1], form) as response:
        assert response.status == 200
    await connections.close()
    async with await connections.post(server[1], form) as response:
        assert response.status == 200


async def test_connecting_opens_one_connection_sends_nothing_and_is_what_the_request_uses(
    connections: Connections,
) -> None:
    opened: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(b"")
        number = len(opened) - 1
        while piece := await reader.read(4096):
            opened[number] += piece
            if opened[number].endswith(b"word=hello"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await connections.connect(url)
        await connections.connect(url)
        await asyncio.sleep(0.05)
        assert opened == [b""]
        async with await connections.post(url, form) as response:
            assert await response.text() == "ok"
        assert len(opened) == 1 and opened[0].startswith(b"POST / ")
        await connections.close()


async def test_connecting_to_nobody_raises_what_a_request_would(connections: Connections) -> None:
    with pytest.raises(aiohttp.ClientConnectorError):
        await connections.connect(URL("http://127.0.0.1:1/"))
