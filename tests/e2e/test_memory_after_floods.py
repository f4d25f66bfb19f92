"""A server that was flooded with junk has its memory back afterwards, and serves on."""

from __future__ import annotations

import asyncio
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from fakes.device_client import connected
from fakes.whole_server import WholeServer, whole_server

ROUNDS = 4
TOYS = 10
GROWTH_BYTES = 32 * 2**20
"""Far below what one round sends (over 60 MB), far above what an allocator keeps for itself."""

TEXTS = ("[" * 100_000, "x" * 900_000, '{"type":"' + "y" * 800_000 + '"}', '{"type":"iot","states":[' + "1," * 50_000)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
async def test_memory_returns_after_floods_of_junk(tmp_path: Path) -> None:
    with whole_server(tmp_path, claim="open") as server:
        await flood(server)  # the first round fills pools and caches
        before = resident_bytes(server)
        for _ in range(ROUNDS):
            await flood(server)
        assert resident_bytes(server) - before < GROWTH_BYTES
        assert server.get("/ready")[0] == 200


async def flood(server: WholeServer) -> None:
    await asyncio.gather(*(one_toy(server, f"toy-{number}") for number in range(TOYS)))
    await asyncio.to_thread(configuration_junk, server)


async def one_toy(server: WholeServer, name: str) -> None:
    async with connected(server.port, device_id=name) as toy:
        await toy.hello()
        for text in TEXTS:
            await toy.send(text * 3)
        for size in (0, 1, 3, 15, 4_000, 60_000):
            for _ in range(40):
                await toy.send(os.urandom(size))


def configuration_junk(server: WholeServer) -> None:
    for number in range(20):
        body = b'{"ssid": "' + b"z" * 200_000
        headers = {"Device-Id": f"02:00:00:00:00:{number:02x}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{server.url}/xiaozhi/ota/", body, headers)
        try:
            urllib.request.urlopen(request, timeout=10).read()
        except urllib.error.HTTPError as refusal:
            refusal.read()


def resident_bytes(server: WholeServer) -> int:
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
