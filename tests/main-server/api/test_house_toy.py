"""The toy in software of this machine's owner talks without being claimed, and nobody else does by its means."""

from __future__ import annotations

import asyncio

import pytest

from contracts.house_toy import NAMES
from fakes.api_people import ApiHouse
from fakes.happenings import ended, opened
from fakes.street import MAC, TOY_TOKEN, Street
from main_server.device.gate import TokenGate
from main_server.store.recorder import Recorder

TOY = f"{NAMES}01"
ENOUGH_S = 20.0


@pytest.fixture
async def street(house: ApiHouse) -> Street:
    return Street(house)


async def talks(street: Street, device_id: str, session_id: str) -> None:
    recorder = Recorder(street.house.parts.database)
    await recorder.start()
    recorder.on_event(opened(session_id=session_id, device_id=device_id))
    recorder.on_event(ended(session_id=session_id, device_id=device_id, turn_id=f"{session_id}-1"))
    assert await recorder.drain(ENOUGH_S)
    await recorder.close()


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "127.9.9.9", "::ffff:127.0.0.1"])
async def test_a_toy_of_this_machine_talks_before_there_is_an_account(street: Street, peer: str) -> None:
    assert await street.toy_enters(TOY_TOKEN, TOY, peer)
    assert await street.toy_enters(TOY_TOKEN, f"{NAMES}ff", peer)


@pytest.mark.parametrize(
    "peer", ["192.168.1.50", "10.0.0.1", "::ffff:192.168.1.50", "fe80::1%eth0", "", "localhost", "1"]
)
async def test_its_token_opens_nothing_to_another_machine(street: Street, peer: str) -> None:
    assert not await street.toy_enters(TOY_TOKEN, TOY, peer)


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"x-forwarded-for": "192.168.1.50"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Origin": "http://127.0.0.1:8000"},
    ],
    ids=lambda header: next(iter(header)),
)
async def test_its_token_opens_nothing_through_a_proxy_or_to_a_web_page(street: Street, header: dict[str, str]) -> None:
    assert not await street.toy_enters(TOY_TOKEN, TOY, **header)


@pytest.mark.parametrize("mac", [MAC, "02:7a:68:69:78:01", f"{NAMES}01:02", f"{NAMES}zz", "toy", ""])
async def test_its_token_opens_nothing_under_a_boards_name(street: Street, mac: str) -> None:
    assert not await street.toy_enters(TOY_TOKEN, mac)


@pytest.mark.parametrize("token", ["", "x", TOY_TOKEN[:-1], TOY_TOKEN.upper(), "é\udc80"])
async def test_without_its_token_the_toy_is_a_board_like_others(street: Street, token: str) -> None:
    assert not await street.toy_enters(token, TOY)


async def test_a_server_without_a_token_lets_no_toy_in(street: Street) -> None:
    street.gate = TokenGate(street.desk)
    for token in ("", TOY_TOKEN):
        assert not await street.toy_enters(token, TOY)


async def test_the_toy_is_the_first_owners_and_so_is_what_it_said_before(street: Street) -> None:
    assert await street.toy_enters(TOY_TOKEN, TOY)
    await talks(street, TOY, "before")
    owner = await street.house.founder()
    [device] = (await owner.ask("GET", "/devices"))["items"]
    assert device["device_id"] == TOY
    assert await street.toy_enters(TOY_TOKEN, TOY)
    assert await street.toy_enters(TOY_TOKEN, f"{NAMES}02")  # another one, which comes for the first time
    await talks(street, f"{NAMES}02", "after")
    assert len((await owner.ask("GET", "/conversations"))["items"]) == 2
    max_ = await street.house.invited(owner, "max")
    second = await street.house.invited(owner, "second", "owner")
    for other in (max_, second):
        assert (await other.ask("GET", "/devices"))["items"] == []
    assert "house_toy_given" in (await owner.http.get("/api/audit")).text


async def test_a_name_that_another_account_has_claimed_is_that_accounts(street: Street) -> None:
    owner = await street.house.founder()
    max_ = await street.house.invited(owner, "max")
    await max_.ask("POST", "/claims", 201, json={"code": await street.code(mac=TOY)})
    assert not await street.toy_enters(TOY_TOKEN, TOY)
    assert await street.enters(await street.token(mac=TOY), mac=TOY)  # it is Max's, who has its own token
    assert await street.toy_enters(TOY_TOKEN, f"{NAMES}02")


async def test_nobody_boots_in_the_name_of_the_house_toy(street: Street) -> None:
    await talks(street, TOY, "before")  # so that its Client-Id is known
    owner = await street.house.founder()
    assert await street.toy_enters(TOY_TOKEN, TOY)
    for client in (opened().client_id, "x"):
        told = (await street.boot(mac=TOY, client=client, address="203.0.113.9"))["activation"]
        assert "code" not in told
    assert len((await owner.ask("GET", "/claims"))["items"]) == 2  # somebody has to say that it is the toy


async def test_many_toys_of_one_name_that_come_at_once_are_one_device(street: Street) -> None:
    owner = await street.house.founder()
    await asyncio.gather(*(street.toy_enters(TOY_TOKEN, TOY) for _ in range(5)), return_exceptions=True)
    assert await street.toy_enters(TOY_TOKEN, TOY)
    assert len((await owner.ask("GET", "/devices"))["items"]) == 1
