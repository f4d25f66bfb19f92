"""An address that somebody typed leads nowhere it must not, whatever it says it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from engine_http.guard import AddressGuard, AddressRefused, check, refused
from fakes.name_server import ScriptedNames


@asynccontextmanager
async def inner_service() -> AsyncIterator[tuple[int, list[str]]]:
    """Something on this machine that is nobody's business, its port, and who got through to it."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        if request.path == "/redirect":
            raise web.HTTPFound(request.url.with_path("/elsewhere"))
        return web.Response(text="secrets")

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1], seen
    await runner.cleanup()


def session(*, private: bool, names: AbstractResolver | None = None) -> aiohttp.ClientSession:
    options: dict[str, Any] = {"socket_factory": AddressGuard(private=private), "use_dns_cache": False}
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=names, force_close=True, **options))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433"])
async def test_this_machine_is_not_reached_by_any_spelling(host: str) -> None:
    async with inner_service() as (port, seen), session(private=False) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.get(f"http://{host}:{port}/")
        assert seen == []


async def test_the_reason_is_told_and_not_what_the_name_meant() -> None:
    async with session(private=False, names=ScriptedNames("10.1.2.3")) as client:
        with pytest.raises(aiohttp.ClientConnectorError) as failure:
            await client.get("http://engine.example.org/")
    assert "only an owner" in refused(failure.value) and "10.1" not in refused(failure.value)
    assert refused(OSError("something else")) == ""


async def test_a_name_that_means_a_private_address_is_not_followed() -> None:
    async with inner_service() as (port, seen), session(private=False, names=ScriptedNames("127.0.0.1")) as client:
        with pytest.raises(aiohttp.ClientConnectorError, match="only an owner"):
            await client.get(f"http://engine.example.org:{port}/")
        assert seen == []


async def test_a_name_that_changes_its_mind_is_asked_each_time() -> None:
    names = ScriptedNames("127.0.0.1", "169.254.169.254")
    async with inner_service() as (port, seen), session(private=True, names=names) as client:
        async with client.get(f"http://engine.example.org:{port}/first") as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientConnectorError, match="not an address of any engine"):
            await client.get(f"http://engine.example.org:{port}/second")
        assert seen == ["/first"]


async def test_a_redirect_is_an_address_like_any_other() -> None:
    names = ScriptedNames("127.0.0.1", "169.254.169.254")
    async with inner_service() as (port, seen), session(private=True, names=names) as client:
        with pytest.raises(aiohttp.ClientConnectorError, match="not an address"):
            await client.get(f"http://engine.example.org:{port}/redirect", allow_redirects=True)
        assert seen == ["/redirect"]


@pytest.mark.parametrize("host", ["169.254.169.254", "100.100.100.200", "fe80::1%eth0", "fd00:ec2::254", "0.0.0.0"])
@pytest.mark.parametrize("private", [True, False])
def test_metadata_and_link_local_are_never_reached(host: str, private: bool) -> None:
    with pytest.raises(AddressRefused):
        check(host, private=private)


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "192.168.1.2", "172.16.9.9", "100.64.0.1", "127.0.0.1", "::1", "fd00::1", "::ffff:10.0.0.1",
     "64:ff9b::a00:1", "2002:c0a8:101::1"],
)  # fmt: skip
def test_networks_at_home_are_for_owners(host: str) -> None:
    check(host, private=True)
    with pytest.raises(AddressRefused, match="owner"):
        check(host, private=False)


@pytest.mark.parametrize("host", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_the_world_is_open_to_everybody(host: str) -> None:
    check(host, private=False)
