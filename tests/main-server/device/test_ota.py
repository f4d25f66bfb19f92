"""The configuration address, as boards and browsers ask for it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fakes.device_client import MAC
from fakes.vectors import vectors
from main_server.device.addresses import AddressError, checked_public_url, websocket_url
from main_server.device.directory import DeviceReport
from main_server.device.identity import client_id, device_id
from main_server.device.ota import MAX_BODY_BYTES, ota_router

GOLDEN = vectors("ota_messages")
HEADERS = GOLDEN["request"]["headers"]
BODY = json.dumps(GOLDEN["request"]["body"])
OTA_PATHS = ["/xiaozhi/ota", "/xiaozhi/ota/"]
ALL_PATHS = [*OTA_PATHS, "/xiaozhi/ota/activate", "/xiaozhi/ota/activate/"]


class Memory:
    """A directory that remembers, or fails in a chosen way."""

    def __init__(self, fault: str = "") -> None:
        self.reports: list[DeviceReport] = []
        self.answer: DeviceReport | None = None
        self._fault = fault

    async def seen(self, report: DeviceReport) -> None:
        await self._fail()
        self.reports.append(report)

    async def known(self, device_id: str) -> DeviceReport | None:
        await self._fail()
        return self.answer

    async def _fail(self) -> None:
        if self._fault == "slow":
            await asyncio.sleep(60)
        if self._fault:
            raise OSError(self._fault)


def asking(
    directory: Memory | None = None, public_url: str = "", base_url: str = "http://192.168.1.10:8000"
) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(ota_router(lan_address=lambda: "10.0.0.7", public_url=public_url, directory=directory))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url)


@pytest.fixture
async def board() -> AsyncIterator[httpx.AsyncClient]:
    async with asking() as client:
        yield client


@pytest.mark.parametrize("path", OTA_PATHS)
async def test_a_board_is_told_its_own_version_and_where_to_talk(board: httpx.AsyncClient, path: str) -> None:
    response = await board.post(path, headers=HEADERS, content=BODY)
    assert response.status_code == 200 and "content-length" in response.headers
    answer = response.json()
    assert answer["firmware"] == {"version": "2.4.2", "url": ""}
    assert answer["websocket"] == {"url": "ws://192.168.1.10:8003/xiaozhi/v1/", "token": "", "version": 1}
    assert isinstance(answer["server_time"]["timestamp"], int)
    assert isinstance(answer["server_time"]["timezone_offset"], int)


@pytest.mark.parametrize("path", ["/xiaozhi/v1", "/xiaozhi/v1/"])
async def test_a_browser_at_the_boards_address_is_told_where_the_console_is(
    board: httpx.AsyncClient, path: str
) -> None:
    response = await board.get(path)
    assert response.status_code == 426 and response.headers["upgrade"] == "websocket"
    assert "for boards" in response.text and "console for people is at http://192.168.1.10:8000/." in response.text


@pytest.mark.parametrize("path", ALL_PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_path_redirects(board: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await board.request(method, path, headers=HEADERS)).status_code == 200


async def test_no_answer_can_brick_a_board(board: httpx.AsyncClient) -> None:
    answer = (await board.post("/xiaozhi/ota/", headers=HEADERS, content=BODY)).json()
    assert "mqtt" not in answer and "activation" not in answer
    assert all(0 < len(key) <= 15 for key in answer["websocket"])
    assert "force" not in answer["firmware"]


@pytest.mark.parametrize(
    "body", ["", "{", '{"board":{"ssid":"a"b"}}', "[]", '"x"', "[" * 60_000, '{"application":7,"board":[]}']
)
async def test_headers_suffice_when_the_body_cannot_be_read(body: str) -> None:
    memory = Memory()
    async with asking(memory) as client:
        answer = (await client.post("/xiaozhi/ota/", headers=HEADERS, content=body)).json()
    assert answer["firmware"]["version"] == "2.4.2"
    assert memory.reports[0].device_id == MAC and memory.reports[0].board == "bread-compact-wifi"


async def test_the_directory_learns_what_the_board_says_of_itself() -> None:
    memory = Memory()
    async with asking(memory) as client:
        await client.post("/xiaozhi/ota/", headers={**HEADERS, "Device-Id": MAC.upper()}, content=BODY)
    assert memory.reports == [
        DeviceReport(MAC, HEADERS["Client-Id"], "bread-compact-wifi", "esp32s3", "2.4.2", "zh-CN")
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["slow", "broken"])
async def test_a_directory_that_fails_or_dawdles_does_not_stop_the_answer(fault: str) -> None:
    async with asking(Memory(fault)) as client:
        assert (await client.post("/xiaozhi/ota/", headers=HEADERS, content=BODY)).status_code == 200


async def test_a_device_with_server_side_echo_cancellation_is_given_framing_2() -> None:
    memory = Memory()
    memory.answer = DeviceReport(MAC, server_aec=True)
    async with asking(memory) as client:
        answer = (await client.post("/xiaozhi/ota/", headers=HEADERS, content=BODY)).json()
    assert answer["websocket"]["version"] == 2


@pytest.mark.parametrize("version", ["v2.4", "latest", "2..5", "20260808123.0", "", "2.4.2-rc1"])
async def test_a_version_that_could_restart_a_board_for_ever_is_not_echoed(version: str) -> None:
    headers = {**HEADERS, "User-Agent": f"board/{version}"}
    async with asking() as client:
        body = json.dumps({"application": {"version": version}})
        answer = (await client.post("/xiaozhi/ota/", headers=headers, content=body)).json()
    assert "firmware" not in answer


async def test_a_body_larger_than_any_boards_is_refused(board: httpx.AsyncClient) -> None:
    for path in ALL_PATHS:
        assert (await board.post(path, headers=HEADERS, content=b"x" * (MAX_BODY_BYTES + 1))).status_code == 413


async def test_a_browser_may_ask_from_any_page(board: httpx.AsyncClient) -> None:
    for path in ALL_PATHS:
        preflight = await board.options(path, headers={"Origin": "http://x", "Access-Control-Request-Method": "POST"})
        assert preflight.status_code == 204 and preflight.headers["access-control-allow-origin"] == "*"
        assert "device-id" in preflight.headers["access-control-allow-headers"].lower()
        answer = await board.post(path, headers={"Origin": "http://x", "User-Agent": "Mozilla/5.0 (X11)"}, content="{}")
        assert answer.headers["access-control-allow-origin"] == "*" and "firmware" not in answer.json()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("192.168.1.10:8000", "ws://192.168.1.10:8000/xiaozhi/v1/"),
        ("voice.example.org", "ws://voice.example.org/xiaozhi/v1/"),
        ("[fe80::1]:8000", "ws://10.0.0.7:8000/xiaozhi/v1/"),
        ("192.168.1:4:8015", "ws://10.0.0.7:8000/xiaozhi/v1/"),
        ("fe80::1", "ws://10.0.0.7:8000/xiaozhi/v1/"),
        ("host:port", "ws://10.0.0.7:8000/xiaozhi/v1/"),
        ("host:99999", "ws://10.0.0.7:8000/xiaozhi/v1/"),
        ("user@host", "ws://10.0.0.7:8000/xiaozhi/v1/"),
        ("0.0.0.0:8000", "ws://10.0.0.7:8000/xiaozhi/v1/"),
        ("", "ws://10.0.0.7:8000/xiaozhi/v1/"),
    ],
)
def test_a_board_is_never_given_an_address_it_would_misread(host: str, url: str) -> None:
    assert websocket_url(host, secure=False, lan_address="10.0.0.7", port=8000) == url


def as_a_board_reads(url: str) -> dict[str, Any]:
    """The firmware's own parser: the first colon after the scheme begins the port. ValueError restarts the board."""
    scheme, _, rest = url.partition("://")
    host, path = rest.partition("/")[::2]
    tls = scheme in ("wss", "https")
    port = 443 if scheme == "wss" else 80
    if ":" in rest:
        host, rest = rest.split(":", 1)
        digits, path = rest.partition("/")[::2]
        port = int(re.match(r"\d+|", digits)[0])  # type: ignore[index]
    return {"host": host, "port": port, "path": "/" + path, "tls": tls}


READABLE = [case for case in vectors("url_parsing")["websocket_url"] if "port" in case and "connect" not in case]


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case["url"])
def test_the_boards_parser_of_these_tests_is_the_golden_one(case: dict[str, Any]) -> None:
    read = as_a_board_reads(case["url"])
    assert read == {key: case[key] for key in read}


@pytest.mark.parametrize(
    "host", ["192.168.1.10:8000", "voice.example.org", "[fe80::1]:8000", "192.168.1:4:8015", "a:b"]
)
@pytest.mark.parametrize("secure", [True, False])
def test_a_board_reads_our_url_as_we_mean_it(host: str, secure: bool) -> None:
    read = as_a_board_reads(websocket_url(host, secure=secure, lan_address="10.0.0.7", port=8000))
    assert read["path"] == "/xiaozhi/v1/" and read["tls"] is secure
    assert read["host"] in ("192.168.1.10", "voice.example.org", "10.0.0.7") and read["port"] in (8000, 80, 443)


async def test_https_gives_wss_and_a_public_url_outranks_the_host() -> None:
    async with asking(base_url="https://toy.example.org") as client:
        answer = (await client.get("/xiaozhi/ota/")).json()
        assert answer["websocket"]["url"] == "wss://toy.example.org/xiaozhi/v1/"
    async with asking(public_url="https://voice.example.org/base/") as client:
        answer = (await client.get("/xiaozhi/ota/")).json()
        assert answer["websocket"]["url"] == "wss://voice.example.org/base/xiaozhi/v1/"


@pytest.mark.parametrize(
    "url",
    ["voice.example.org", "ftp://x", "http://[::1]:8000", "http://[::1", "http://h/a:b", "http://h/?a=b"],
)
def test_a_public_url_no_board_could_use_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(AddressError):
        checked_public_url(url)
    with pytest.raises(AddressError):
        ota_router(lan_address=lambda: "10.0.0.7", public_url=url)


@pytest.mark.parametrize("spelling", ["24:6F:28:AB:CD:EF", "24-6f-28-ab-cd-ef", "24_6f_28_ab_cd_ef", " 246F28ABCDEF "])
def test_a_mac_has_one_spelling(spelling: str) -> None:
    assert device_id(spelling) == MAC


@pytest.mark.parametrize("junk", ["", " ", "a b", "x" * 65, "a\x00", "\udc80", "../etc", "{}"])
def test_what_is_no_name_is_no_device_id(junk: str) -> None:
    assert device_id(junk) == "" == client_id(junk)


def test_a_browser_may_call_itself_what_it_likes() -> None:
    assert device_id("Web-Test_1.local") == "Web-Test_1.local"
