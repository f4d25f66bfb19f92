"""The browser toy at the door, over real sockets: its ticket, and the pages of other sites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest

from fakes.device_client import MAC, DeviceClient, connected
from fakes.device_server import Stage, serving
from main_server.device.browser import BrowserGate, Redeemed
from main_server.device.gate import Credentials, OpenGate
from main_server.device.hub import DeviceHub

TOY = "web:0123456789abcdef"
BROWSER = "0123456789abcdef"


@dataclass
class Desk:
    """Knows one ticket, until it is used."""

    good: set[str] = field(default_factory=lambda: {"good"})

    async def redeem(self, ticket: str, *, device_id: str, client_id: str) -> Redeemed | None:
        if ticket not in self.good or (device_id, client_id) != (TOY, BROWSER):
            return None
        self.good.discard(ticket)
        return Redeemed("r1")


@dataclass
class Door:
    port: int
    stage: Stage

    def page(self, query: str, origin: str = "") -> object:
        headers = {"Origin": origin or f"http://127.0.0.1:{self.port}", "Client-Id": parse_qs(query)["client-id"][0]}
        return connected(self.port, f"/xiaozhi/v1/?{query}", device_id=None, headers=headers)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    stage = Stage()

    def own_names(credentials: Credentials) -> set[str]:
        return {f"{credentials.host}:{port}"}  # boards leave the port out, and so does our client

    hub = DeviceHub(BrowserGate(OpenGate(), Desk(), own_names), stage.open)
    async with serving(hub) as port:
        yield Door(port, stage)


def asks(ticket: str = "good", device_id: str = TOY, client_id: str = BROWSER) -> str:
    return f"device-id={device_id}&client-id={client_id}&ticket={ticket}"


async def status(connection: object) -> int:
    async with connection as toy:  # type: ignore[attr-defined]
        assert isinstance(toy, DeviceClient)
        return toy.status


async def test_a_page_with_a_ticket_talks_as_its_device_with_the_role_of_the_ticket(door: Door) -> None:
    async with door.page(asks()) as page:  # type: ignore[attr-defined]
        assert (await page.hello())["type"] == "hello"
    (session,) = door.stage.sessions
    assert (session.channel.device_id, session.channel.board, session.channel.role_id) == (TOY, "browser", "r1")
    assert not session.channel.traits.stop_waits


@pytest.mark.parametrize(
    "query",
    [
        asks("bad"),
        asks(""),
        asks(device_id="web:fedcba9876543210"),
        asks(client_id="somebody"),
        asks(device_id=MAC),
        asks(device_id="02:7a:68:69:79:01"),
    ],
)
async def test_what_a_ticket_is_not_good_for_is_answered_401(door: Door, query: str) -> None:
    assert await status(door.page(query)) == 401


async def test_a_ticket_is_used_up(door: Door) -> None:
    assert await status(door.page(asks())) == 101
    assert await status(door.page(asks())) == 401


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
async def test_pages_of_other_sites_are_refused_even_where_anybody_may_talk(door: Door, origin: str) -> None:
    assert await status(door.page(asks(), origin)) == 403
    assert await status(door.page(f"device-id={MAC}&client-id=any", origin)) == 403


async def test_boards_send_no_origin_and_pass(door: Door) -> None:
    assert await status(connected(door.port)) == 101


async def test_the_name_of_a_page_needs_a_ticket_whoever_shows_it(door: Door) -> None:
    assert await status(connected(door.port, device_id=TOY)) == 401
