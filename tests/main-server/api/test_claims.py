"""A board is let in by the code it speaks, and then by what only it can show."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from contracts.house_toy import NAMES
from fakes.api_people import KEY, PLENTY, ApiHouse
from fakes.street import ANOTHERS, HERS, MAC, TOY_TOKEN, Street, claimed, street_on
from main_server.api.access.attempts import Attempts, Limit
from main_server.api.access.origin import TrustedProxies
from main_server.claim_desk import StoreClaimDesk
from main_server.device.ota import ota_router
from main_server.network import networks
from main_server.store.claims import WAITING_OF_ADDRESS
from main_server.store.models import Claim, Device, DeviceToken, utc_now
from main_server.store.sealing import Seal

HOUSE_TOY = f"{NAMES}01"


@pytest.fixture
async def street(house: ApiHouse) -> Street:
    return Street(house)


async def test_a_board_speaks_six_digits_and_talks_once_they_are_typed(street: Street) -> None:
    owner = await street.house.founder()
    told = (await street.boot())["activation"]
    assert re.fullmatch("[0-9]{6}", told["code"])
    assert told["code"] in told["message"]
    assert told["challenge"]
    assert (await street.ask("/xiaozhi/ota/activate", MAC, HERS, "192.168.1.50")).status_code == 202
    assert await street.code() == told["code"]  # it asks again and again
    spaced = f"{told['code'][:3]} {told['code'][3:]}"
    device = await owner.ask("POST", "/claims", 201, json={"code": spaced})
    assert (device["device_id"], device["board"]) == (MAC, "box-3")
    assert (await street.ask("/xiaozhi/ota/activate", MAC, HERS, "192.168.1.50")).status_code == 200
    assert await street.enters(await street.token())
    assert [item["id"] for item in (await owner.ask("GET", "/devices"))["items"]] == [device["id"]]


async def test_a_chinese_board_is_told_in_chinese(street: Street) -> None:
    assert "控制台" in (await street.boot(language="zh-CN"))["activation"]["message"]


@pytest.mark.parametrize("token", ["", "x", "Bearer", "0" * 43])
async def test_without_a_good_token_nobody_enters(street: Street, token: str) -> None:
    await claimed(street)
    assert not await street.enters(token)


async def test_a_token_is_good_for_its_device_and_client_alone(street: Street) -> None:
    await claimed(street)
    token = await street.token()
    assert not await street.enters(token, client=ANOTHERS)
    assert not await street.enters(token, mac="24:6f:28:ab:cd:00")
    assert await street.enters(token)


async def test_the_old_token_is_good_until_the_new_one_is_used(street: Street) -> None:
    await claimed(street)
    old = await street.token()
    assert await street.enters(old)
    new = await street.token()
    assert await street.enters(old)
    assert await street.enters(new)
    assert not await street.enters(old)
    assert await street.enters(new)


async def test_boots_without_a_talk_pile_up_no_tokens(street: Street) -> None:
    await claimed(street)
    used = await street.token()
    assert await street.enters(used)
    newest = [await street.token() for _ in range(10)][-1]
    async with street.house.parts.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(DeviceToken)) <= 4
    assert await street.enters(used)
    assert await street.enters(newest)


async def test_a_claimed_mac_under_another_client_gets_nothing_and_changes_nothing(street: Street) -> None:
    owner = await claimed(street)
    token = await street.token()
    before = (await owner.ask("GET", "/devices"))["items"]
    told = (await street.boot(client=ANOTHERS, address="203.0.113.9"))["activation"]
    assert "code" not in told
    assert (await street.ask("/xiaozhi/ota/activate", MAC, ANOTHERS, "203.0.113.9")).status_code == 202
    assert (await owner.ask("GET", "/devices"))["items"] == before
    assert await street.enters(token)
    [knock] = (await owner.ask("GET", "/claims"))["items"]
    assert (knock["device_id"], knock["address"]) == (MAC, "203.0.113.9")


async def test_an_owner_lets_a_board_in_that_was_reset(street: Street) -> None:
    owner = await claimed(street)
    token = await street.token()
    await street.boot(client=ANOTHERS)
    max_ = await street.house.invited(owner, "max")
    [knock] = (await owner.ask("GET", "/claims"))["items"]
    assert (await max_.ask("GET", "/claims"))["items"] == []
    await max_.refused("POST", f"/claims/{knock['id']}/accept", 404)
    await max_.refused("DELETE", f"/claims/{knock['id']}", 404)
    await owner.ask("POST", f"/claims/{knock['id']}/accept")
    assert await street.enters(await street.token(client=ANOTHERS), client=ANOTHERS)
    assert not await street.enters(token)
    assert "activation" in await street.boot(client=HERS)


async def test_an_owner_refuses_a_board_that_lies(street: Street) -> None:
    owner = await claimed(street)
    await street.boot(client=ANOTHERS)
    [knock] = (await owner.ask("GET", "/claims"))["items"]
    await owner.ask("DELETE", f"/claims/{knock['id']}", 204)
    assert (await owner.ask("GET", "/claims"))["items"] == []
    assert "websocket" in await street.boot()


async def test_a_device_that_was_let_go_is_out_and_speaks_a_code_again(street: Street) -> None:
    owner = await claimed(street)
    token = await street.token()
    [device] = (await owner.ask("GET", "/devices"))["items"]
    entered_again = []

    async def hang_up(device_id: str) -> None:
        entered_again.append((device_id, await street.enters(token)))

    street.house.parts.hang_up = hang_up
    await owner.ask("DELETE", f"/devices/{device['id']}", 204)
    assert entered_again == [(MAC, False)]  # the door was closed before its talk was ended
    assert await street.code()


async def test_codes_expire_and_are_used_once(street: Street) -> None:
    owner = await street.house.founder()
    code = await street.code()
    async with street.house.parts.database.writing() as session:
        await session.execute(update(Claim).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert await owner.refused("POST", "/claims", 404, json={"code": code}) == "no_such_code"
    fresh = await street.code()
    await owner.ask("POST", "/claims", 201, json={"code": fresh})
    assert await owner.refused("POST", "/claims", 404, json={"code": fresh}) == "no_such_code"


async def test_of_two_who_type_a_code_at_once_one_has_the_device(street: Street) -> None:
    owner = await street.house.founder()
    max_ = await street.house.invited(owner, "max")
    body = {"code": await street.code()}
    answers = await asyncio.gather(*(person.http.post("/api/claims", json=body) for person in (owner, max_)))
    assert sorted(answer.status_code for answer in answers) == [201, 404]


async def test_codes_cannot_be_walked(any_url: str) -> None:
    async with street_on(any_url, attempts=Attempts()) as street:
        owner = await street.house.founder()
        code = await street.code()
        wrong = [f"{number:06d}" for number in range(11) if f"{number:06d}" != code][:10]
        for guess in wrong:
            await owner.refused("POST", "/claims", 404, json={"code": guess})
        assert await owner.refused("POST", "/claims", 429, json={"code": code}) == "too_many_tries"


async def test_guesses_count_for_the_account_and_for_the_address(any_url: str) -> None:
    async with street_on(any_url, attempts=Attempts({**PLENTY, "claim": Limit(3, 600)})) as street:
        owner = await street.house.founder()
        max_ = await street.house.invited(owner, "max")
        code = await street.code()
        wrong = {"code": f"{(int(code) + 1) % 1_000_000:06d}"}
        for _ in range(3):
            await owner.refused("POST", "/claims", 404, json=wrong)
        assert await max_.refused("POST", "/claims", 429, json={"code": code}) == "too_many_tries"  # of one address
        forged = {"x-forwarded-for": "203.0.113.1", "forwarded": "for=203.0.113.1"}
        assert await max_.refused("POST", "/claims", 429, json={"code": code}, headers=forged) == "too_many_tries"
        cookies = owner.http.cookies
        owner.http = street.house.stranger(address="203.0.113.7").http
        owner.http.cookies = cookies
        assert await owner.refused("POST", "/claims", 429, json={"code": code}) == "too_many_tries"  # of one account


async def test_an_address_that_is_only_forwarded_is_not_the_boards(any_url: str) -> None:
    async with street_on(any_url, proxies=TrustedProxies(networks("10.0.0.1"))) as street:
        owner = await claimed(street)
        await street.boot(client=ANOTHERS, address="203.0.113.9", x_forwarded_for="127.0.0.1")
        [knock] = (await owner.ask("GET", "/claims"))["items"]
        assert knock["address"] == "203.0.113.9"
        await owner.ask("DELETE", f"/claims/{knock['id']}", 204)
        await street.boot(client=ANOTHERS, address="10.0.0.1", x_forwarded_for="127.0.0.1, 198.51.100.4")
        [knock] = (await owner.ask("GET", "/claims"))["items"]
        assert knock["address"] == "198.51.100.4"


@pytest.mark.parametrize("address", [HOUSE_TOY, MAC])
async def test_the_token_of_one_machines_toy_is_no_boards(street: Street, address: str) -> None:
    await claimed(street)
    assert not await street.enters(TOY_TOKEN, mac=address)


async def test_a_viewer_claims_nothing(street: Street) -> None:
    owner = await street.house.founder()
    viewer = await street.house.invited(owner, "vera", "viewer")
    assert await viewer.refused("POST", "/claims", 403, json={"code": await street.code()}) == "viewer"


async def test_invented_boards_of_one_address_push_out_each_other_only(street: Street) -> None:
    honest = await street.code(address="192.168.1.50")
    for number in range(WAITING_OF_ADDRESS + 5):
        await street.boot(mac=f"24:6f:28:00:00:{number:02x}", address="203.0.113.9")
    async with street.house.parts.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Claim)) == WAITING_OF_ADDRESS + 1
        assert await session.scalar(select(func.count()).select_from(Device)) == 0
    assert await street.code(address="192.168.1.50") == honest


@pytest.mark.parametrize(("mac", "client"), [("", HERS), (MAC, ""), ("no name!", HERS)])
async def test_who_does_not_say_who_it_is_gets_nothing(street: Street, mac: str, client: str) -> None:
    assert (await street.ask("/xiaozhi/ota/", mac, client, "192.168.1.50")).status_code == 503


async def test_a_board_is_told_to_come_again_while_the_database_is_away(street: Street) -> None:
    await street.house.parts.database.close()

    class Away(StoreClaimDesk):
        async def boot(self, report: object, address: str) -> Any:
            raise OSError("away")

    street.house.app.router.routes.clear()
    street.house.app.include_router(
        ota_router(lan_address=lambda: "192.168.1.10", desk=Away(street.house.parts.database, Seal([KEY])))
    )
    assert (await street.ask("/xiaozhi/ota/", MAC, HERS, "192.168.1.50")).status_code == 503
