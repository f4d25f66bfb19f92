"""What a device says in its hello decides what its next boot is told, across a restart of the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from fakes.device_client import MAC, connected
from fakes.device_server import Stage, serving
from main_server.device.directory import DeviceReport
from main_server.device.gate import OpenGate
from main_server.device.hub import DeviceHub
from main_server.device.ota import ota_router
from main_server.store.engine import default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.recorder import Recorder
from main_server.wiring import StoreDirectory

ENOUGH_S = 20.0


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Recorder]:
    """The store of one run of the server; what was noted is in the file when it ends."""
    await migrate(default_url(folder))
    database = open_database(default_url(folder))
    recorder = Recorder(database)
    await recorder.start()
    yield recorder
    assert await recorder.drain(ENOUGH_S)
    await recorder.close()
    await database.close()


async def boot(recorder: Recorder) -> int:
    """The framing the device is told at its boot."""
    app = FastAPI()
    app.include_router(ota_router(lan_address=lambda: "192.168.1.10", directory=StoreDirectory(recorder)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://192.168.1.10:8000") as board:
        answer = await board.post(
            "/xiaozhi/ota/", headers={"Device-Id": MAC, "User-Agent": "box-3/2.0.4"}, content="{}"
        )
    version: int = answer.json()["websocket"]["version"]
    return version


async def greet(recorder: Recorder, *, server_aec: bool) -> None:
    """A connection of the device, as long as its hello takes."""
    directory = StoreDirectory(recorder)
    hub = DeviceHub(OpenGate(directory), Stage().open, directory=directory)

    async with serving(hub) as port, connected(port) as toy:
        assert (await toy.hello(features={"aec": True} if server_aec else {}))["type"] == "hello"
        async with asyncio.timeout(ENOUGH_S):  # the server notes it beside the talk
            while (known := await directory.known(MAC)) is None or known.server_aec is not server_aec:
                await asyncio.sleep(0.005)


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_hello_with_server_side_echo_cancellation_is_answered_with_framing_2_at_the_next_boot(
    tmp_path: Path, restarted: bool
) -> None:
    async with running(tmp_path) as recorder:
        assert await boot(recorder) == 1
        await greet(recorder, server_aec=True)
        if not restarted:
            assert await boot(recorder) == 2
    async with running(tmp_path) as recorder:
        assert await boot(recorder) == 2
        assert await boot(recorder) == 2  # what a boot reports does not erase it


async def test_a_device_whose_new_firmware_cancels_its_own_echo_is_given_framing_1_again(tmp_path: Path) -> None:
    async with running(tmp_path) as recorder:
        await greet(recorder, server_aec=True)
    async with running(tmp_path) as recorder:
        assert await boot(recorder) == 2
        await greet(recorder, server_aec=False)
        assert await boot(recorder) == 1
    async with running(tmp_path) as recorder:
        assert await boot(recorder) == 1


async def test_what_the_store_knows_of_a_device_reaches_the_directory_whole(tmp_path: Path) -> None:
    told = DeviceReport(MAC, chip="esp32s3", firmware="2.0.4", server_aec=True)
    async with running(tmp_path) as recorder:
        await StoreDirectory(recorder).seen(told)
    async with running(tmp_path) as recorder:
        assert await StoreDirectory(recorder).known(MAC) == told
        assert await StoreDirectory(recorder).known("ff:ff:ff:ff:ff:ff") is None
