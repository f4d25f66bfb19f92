"""Booting from an OTA address: what a board would do with each answer of the vectors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from toy.errors import Refused, Unclaimed
from toy.ota import boot

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "ota_messages.json").read_text("utf-8"))
ANSWERS = {response["name"]: response["body"] for response in VECTORS["responses"]}
DEVICE_ID, CLIENT_ID = "24:6f:28:ab:cd:ef", "36c98363-3656-43cb-a00f-8bced2391a90"

Json = dict[str, Any]


@asynccontextmanager
async def ota_server(answer: Callable[[web.Request], web.StreamResponse]) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        return answer(request)

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/xiaozhi/ota/"
    finally:
        await runner.cleanup()


async def boot_with(body: Json) -> Any:
    async with ota_server(lambda request: web.json_response(body)) as url:
        return await boot(url, DEVICE_ID, CLIENT_ID)


async def test_the_websocket_section_gives_url_token_and_framing() -> None:
    found = await boot_with(ANSWERS["websocket_only_activated"])
    assert (found.url, found.token, found.framing) == ("ws://192.168.1.10:8000/xiaozhi/v1/", "tok", 1)


async def test_a_version_as_a_string_is_framing_1() -> None:
    assert (await boot_with(ANSWERS["version_as_string_is_ignored"])).framing == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mqtt_wins_over_websocket", "MQTT"),
        ("neither_transport", "no WebSocket address"),
        ("error_body_with_200", "no WebSocket address"),
        ("key_name_too_long_crashes", "reconnect_interval"),
    ],
)
async def test_an_answer_that_would_leave_a_board_without_a_talk_is_named(name: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        await boot_with(ANSWERS[name])


@pytest.mark.parametrize("status", [201, 301, 404, 500])
async def test_any_status_but_200_is_refused_and_no_redirect_is_followed(status: int) -> None:
    def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with ota_server(answer) as url:
        with pytest.raises(Refused, match=str(status)):
            await boot(url, DEVICE_ID, CLIENT_ID)


async def test_the_claim_code_is_told_and_activate_is_asked_once() -> None:
    paths: list[str] = []

    def answer(request: web.Request) -> web.StreamResponse:
        paths.append(request.path)
        done = request.path.endswith("/activate")
        return web.Response(status=202) if done else web.json_response(ANSWERS["needs_activation"])

    async with ota_server(answer) as url:
        with pytest.raises(Unclaimed, match="123456"):
            await boot(url, DEVICE_ID, CLIENT_ID)
    assert paths == ["/xiaozhi/ota/", "/xiaozhi/ota/activate"]


async def test_an_activation_that_succeeds_is_followed_by_a_second_check() -> None:
    answers = [
        web.json_response(ANSWERS["needs_activation"]),
        web.Response(status=200),
        web.json_response(ANSWERS["websocket_only_activated"]),
    ]
    async with ota_server(lambda request: answers.pop(0)) as url:
        assert (await boot(url, DEVICE_ID, CLIENT_ID)).token == "tok"
    assert not answers


async def test_the_request_names_the_device_as_a_board_does() -> None:
    seen: list[web.Request] = []

    def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.json_response(ANSWERS["websocket_only_activated"])

    async with ota_server(answer) as url:
        await boot(url, DEVICE_ID, CLIENT_ID)
    assert (seen[0].method, seen[0].headers["Device-Id"], seen[0].headers["Client-Id"]) == (
        "POST",
        DEVICE_ID,
        CLIENT_ID,
    )
