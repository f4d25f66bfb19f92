"""The port for browsers beside the plain one: the same server on both, one of them stops no other."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from fakes.whole_server import WholeServer, free_port, whole_server
from main_server.certificate import own_certificate

HELLO = {
    "type": "hello",
    "version": 1,
    "transport": "websocket",
    "audio_params": {"format": "opus", "sample_rate": 16000, "channels": 1, "frame_duration": 60},
}
OURS = {"x-zhiyin": "1"}
PASSWORD = "correct horse"


def trusting(server: WholeServer) -> ssl.SSLContext:
    """As a browser in which the server's own certificate was let through."""
    return ssl.create_default_context(cafile=str(server.folder / "data" / "tls" / "certificate.pem"))


def founding(server: WholeServer) -> str:
    return server.log.split("invitation=")[1].split()[0]


async def register(browser: httpx.AsyncClient, server: WholeServer) -> None:
    body = {"name": "olga", "password": PASSWORD, "invitation": founding(server)}
    answer = await browser.post("/api/accounts", json=body, headers=OURS)
    assert answer.status_code == 201, answer.text


async def ticket(browser: httpx.AsyncClient) -> dict[str, Any]:
    answer = await browser.post("/api/talk-tickets", json={"browser": "0123456789abcdef"}, headers=OURS)
    assert answer.status_code == 201, answer.text
    return answer.json()


def entrance(given: dict[str, Any], **other: str) -> str:
    shown = {"device-id": given["device_id"], "client-id": given["client_id"], "ticket": given["ticket"]}
    return given["device_url"] + "?" + "&".join(f"{name}={value}" for name, value in (shown | other).items())


async def hello(url: str, origin: str, context: ssl.SSLContext | None) -> str:
    async with connect(url, origin=origin, ssl=context) as page:
        await page.send(json.dumps(HELLO))
        return json.loads(await page.recv())["session_id"]


async def test_a_browser_talks_over_https_with_a_ticket_that_no_log_shows(tmp_path: Path) -> None:
    port = free_port()
    with whole_server(tmp_path, tls_port=str(port), claim="code") as server:
        context, base = trusting(server), f"https://127.0.0.1:{port}"
        assert f"https        {base}/" in server.log
        async with httpx.AsyncClient(base_url=base, verify=context) as browser:
            await register(browser, server)
            assert (await browser.get("/about.json")).json()["https_url"] == f"{base}/"
            given = await ticket(browser)
            assert given["device_url"] == f"wss://127.0.0.1:{port}/xiaozhi/v1/"
            assert await hello(entrance(given), base, context)
            used, fresh = given, await ticket(browser)
            for url, origin, status in (
                (entrance(used), base, 401),
                (entrance(fresh, **{"device-id": "24:6f:28:ab:cd:ef"}), base, 401),
                (entrance(fresh), "https://elsewhere.example", 403),
            ):
                with pytest.raises(InvalidStatus) as refused:
                    await hello(url, origin, context)
                assert refused.value.response.status_code == status
            assert await hello(entrance(fresh), base, context), "a page elsewhere does not use it up"
        assert server.stop() == 0
        assert not [each for each in (used["ticket"], fresh["ticket"]) if each in server.log]


async def test_a_login_of_one_port_does_not_disturb_the_other(tmp_path: Path) -> None:
    port = free_port()
    with whole_server(tmp_path, tls_port=str(port), claim="code") as server:
        https = httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=trusting(server))
        plain = httpx.AsyncClient(base_url=server.url)
        async with https, plain:
            await register(https, server)
            login = {"name": "olga", "password": PASSWORD}
            given = [
                (await browser.post("/api/logins", json=login, headers=OURS)).headers["set-cookie"]
                for browser in (https, plain)
            ]
            assert given[0].startswith("__Secure-") and "Secure;" in f"{given[0].split('=', 1)[1]};"
            assert given[1].startswith("zhiyin_login=") and "secure" not in given[1].lower()
            assert all("SameSite=strict" in each and "HttpOnly" in each for each in given)
            for browser in (https, plain):
                assert (await browser.get("/api/devices")).status_code == 200


async def test_boards_that_ask_over_https_are_sent_to_the_plain_port_while_the_certificate_is_ours(
    tmp_path: Path,
) -> None:
    port = free_port()
    with whole_server(tmp_path, tls_port=str(port), claim="open") as server:
        assert await _told(f"https://127.0.0.1:{port}", trusting(server)) == server.device_url
    theirs = own_certificate(tmp_path / "theirs", ["127.0.0.1"])
    files = {"tls_cert": str(theirs.certificate), "tls_key": str(theirs.key)}
    with whole_server(tmp_path / "theirs", tls_port=str(port), claim="open", **files):
        context = ssl.create_default_context(cafile=str(theirs.certificate))
        assert await _told(f"https://127.0.0.1:{port}", context) == f"wss://127.0.0.1:{port}/xiaozhi/v1/"


async def _told(base: str, context: ssl.SSLContext) -> str:
    async with httpx.AsyncClient(base_url=base, verify=context) as board:
        headers = {"device-id": "24:6f:28:ab:cd:ef", "client-id": "c"}
        return str((await board.post("/xiaozhi/ota/", headers=headers, json={})).json()["websocket"]["url"])


async def test_a_taken_port_is_a_sentence_and_the_plain_one_serves(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with whole_server(tmp_path, tls_port=str(port)) as server:
            status, body = server.get("/ready")
            assert status == 200
            assert any(f"{port} is taken" in sentence for sentence in json.loads(body)["degraded"])
            assert f"ZHIYIN_TLS_PORT={port + 1}" in server.log
            assert json.loads(server.get("/about.json")[1])["https_url"] == ""


async def test_a_page_that_talks_when_the_server_stops_is_told(tmp_path: Path) -> None:
    port = free_port()
    with whole_server(tmp_path, tls_port=str(port), claim="code") as server:
        context, base = trusting(server), f"https://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, verify=context) as browser:
            await register(browser, server)
            async with connect(entrance(await ticket(browser)), origin=base, ssl=context) as page:
                await page.send(json.dumps(HELLO))
                await page.recv()
                stopped = asyncio.create_task(asyncio.to_thread(server.stop))
                await page.wait_closed()
                assert page.close_code == 1001
        assert await stopped == 0
