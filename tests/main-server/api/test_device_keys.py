"""A board whose key is known here proves it at every boot, and is nothing without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from fakes.api_people import ApiHouse, Person
from fakes.outsider import Outsider
from fakes.street import ANOTHERS, BURNED, MAC, SERIAL, KeyedBoard, Street, claimed, street_on
from main_server.api.access.attempts import Attempts
from main_server.store.claims import PROOF_S
from main_server.store.models import Claim, Device, DeviceKey, utc_now

OTHER_MAC = "24:6f:28:00:00:01"


@pytest.fixture
async def street(house: ApiHouse) -> Street:
    return Street(house)


async def knows_key(owner: Person, serial: str = SERIAL, key: bytes = BURNED) -> str:
    """The owner tells the server a board's key; the key of its row."""
    body = {"keys": [{"serial_number": serial, "key": key.hex()}]}
    [made] = (await owner.ask("POST", "/device-keys", 201, json=body))["items"]
    return str(made["id"])


async def let_in(street: Street) -> tuple[Person, KeyedBoard]:
    """An owner, and a board of hers that has proven its key."""
    owner = await street.house.founder()
    await knows_key(owner)
    board = KeyedBoard(street)
    await owner.ask("POST", "/claims", 201, json={"code": (await board.boot())["activation"]["code"]})
    assert "websocket" in await board.boot()
    return owner, board


async def test_a_board_proves_its_key_and_only_then_has_a_code_to_speak(street: Street) -> None:
    owner = await street.house.founder()
    await knows_key(owner)
    board = KeyedBoard(street)
    first = (await board.check())["activation"]
    assert set(first) == {"challenge"}
    assert await board.activate(first["challenge"]) == 200
    second = (await board.check())["activation"]
    assert second["challenge"] != first["challenge"]
    assert await board.activate(second["challenge"]) == 202  # proven again, and waits for a person
    third = (await board.check())["activation"]
    assert (third["code"], third["challenge"] != second["challenge"]) == (second["code"], True)
    assert await board.activate(second["challenge"]) == 403  # each is answered once
    await owner.ask("POST", "/claims", 201, json={"code": second["code"]})
    token = (await board.boot())["websocket"]["token"]
    assert await street.enters(token)
    [key] = (await owner.ask("GET", "/device-keys"))["items"]
    assert (key["serial_number"], key["device_id"], key["last_proven_at"] is not None) == (SERIAL, MAC, True)


async def test_a_board_that_restarts_before_its_code_was_typed_speaks_the_same_one_again(street: Street) -> None:
    owner = await street.house.founder()
    await knows_key(owner)
    board = KeyedBoard(street)
    code = (await board.boot())["activation"]["code"]
    async with street.house.parts.database.writing() as session:
        await session.execute(update(Claim).values(proven_at=None))
    assert (await board.boot())["activation"]["code"] == code


async def test_a_claimed_board_proves_its_key_at_every_boot(street: Street) -> None:
    _, board = await let_in(street)
    assert set((await board.check())["activation"]) == {"challenge"}
    assert "websocket" in await board.boot()
    assert set((await board.check())["activation"]) == {"challenge"}  # what was proven was good once


@pytest.mark.parametrize(
    "made", ["", "0" * 64, "4e861aa1ad945e874716f6233109c7bad97f4b306475c504cbd099504c866f6b", "é"]
)
async def test_a_wrong_answer_gives_nothing(street: Street, made: str) -> None:
    await let_in(street)
    liar = KeyedBoard(street, key=bytes(31) + b"\1")
    challenge = (await liar.check())["activation"]["challenge"]
    assert await liar.activate(challenge, made=made) == 403
    assert await liar.activate(challenge) == 403  # made with another key
    assert set((await liar.check())["activation"]) == {"challenge"}


async def test_a_board_of_a_known_key_that_hides_its_serial_number_gets_nothing(street: Street) -> None:
    owner, board = await let_in(street)
    told = await street.boot(board.mac, board.client)  # as an older firmware, or a liar, would ask
    assert set(told["activation"]) == {"challenge"}
    assert (await street.ask("/xiaozhi/ota/activate", board.mac, board.client, board.address)).status_code == 202
    assert set((await street.boot(board.mac, ANOTHERS))["activation"]) == {"challenge"}
    assert (await owner.ask("GET", "/claims"))["items"] == []  # nor can a click let it in


async def test_a_wiped_board_that_proves_its_key_is_let_in_by_itself(street: Street) -> None:
    owner, board = await let_in(street)
    old = (await board.boot())["websocket"]["token"]
    wiped = replace(board, client=ANOTHERS)
    token = (await wiped.boot())["websocket"]["token"]
    assert await street.enters(token, client=ANOTHERS)
    assert not await street.enters(old)
    [newest, *_] = (await owner.ask("GET", "/audit"))["items"]
    assert (newest["action"], newest["actor"]) == ("device_proved", "the board itself")
    assert (await owner.ask("GET", "/claims"))["items"] == []


async def test_a_key_does_not_open_a_device_that_never_proved_it(street: Street) -> None:
    owner = await claimed(street)  # a board without a key
    await knows_key(owner)
    thief = KeyedBoard(street, client=ANOTHERS)  # has a key that is known here, and says the other's name
    told = (await thief.boot())["activation"]
    assert "code" not in told
    [knock] = (await owner.ask("GET", "/claims"))["items"]
    assert knock["device_id"] == MAC  # only its owner may say so
    await owner.ask("POST", f"/claims/{knock['id']}/accept")
    assert "websocket" in await thief.boot()


async def test_a_key_stays_with_its_first_device(street: Street) -> None:
    owner, board = await let_in(street)
    elsewhere = replace(board, mac=OTHER_MAC)
    code = (await elsewhere.boot())["activation"]["code"]
    await owner.ask("POST", "/claims", 201, json={"code": code})
    assert "websocket" in await elsewhere.boot()
    [key] = (await owner.ask("GET", "/device-keys"))["items"]
    assert key["device_id"] == MAC
    assert "websocket" not in await replace(elsewhere, client=ANOTHERS).boot()  # there it proves no wiped board


async def test_a_claimed_board_whose_key_becomes_known_has_to_prove_it_from_then_on(street: Street) -> None:
    owner = await claimed(street)
    await knows_key(owner)
    board = KeyedBoard(street)
    assert set((await board.check())["activation"]) == {"challenge"}
    assert "websocket" in await board.boot()
    assert set((await street.boot())["activation"]) == {"challenge"}


async def test_a_board_whose_key_is_unknown_is_trusted_no_more_than_one_without(street: Street) -> None:
    owner = await street.house.founder()
    board = KeyedBoard(street)
    told = (await board.check())["activation"]
    assert await board.activate(told["challenge"]) == 202  # whatever it answers
    await owner.ask("POST", "/claims", 201, json={"code": told["code"]})
    assert await board.activate(told["challenge"], made="") == 200
    assert "websocket" in await board.boot()
    assert "code" not in (await replace(board, client=ANOTHERS).boot())["activation"]


async def test_a_challenge_is_answered_once_by_who_was_asked_and_in_time(street: Street) -> None:
    _, board = await let_in(street)
    challenge = (await board.check())["activation"]["challenge"]
    assert await replace(board, client=ANOTHERS).activate(challenge) != 200  # asked of another Client-Id
    assert await board.activate(challenge, wrapped=True) == 200
    assert "websocket" in await board.check()
    assert "activation" in await board.check()
    assert await board.activate(challenge) == 403  # heard on the way, and said again
    challenge = (await board.check())["activation"]["challenge"]
    async with street.house.parts.database.writing() as session:
        await session.execute(update(Claim).values(expires_at=utc_now() - timedelta(seconds=1)))
    await board.activate(challenge)
    assert set((await board.check())["activation"]) == {"challenge"}


async def test_a_proof_is_worth_nothing_elsewhere_and_later(street: Street) -> None:
    _, board = await let_in(street)
    assert await board.activate((await board.check())["activation"]["challenge"]) == 200
    assert "activation" in await replace(board, address="203.0.113.9").check()
    assert "websocket" in await board.check()
    assert await board.activate((await board.check())["activation"]["challenge"]) == 200
    async with street.house.parts.database.writing() as session:
        await session.execute(update(Claim).values(proven_at=utc_now() - timedelta(seconds=PROOF_S + 1)))
    assert "activation" in await board.check()


async def test_only_owners_know_whose_keys_there_are_and_nobody_sees_a_key(street: Street) -> None:
    owner = await street.house.founder()
    key_id = await knows_key(owner)
    max_ = await street.house.invited(owner, "max")
    program = await street.house.with_token(owner, "read", "write")
    body = {"keys": [{"serial_number": "x", "key": BURNED.hex()}]}
    for person in (max_, program):
        await person.refused("GET", "/device-keys", 403)
        await person.refused("POST", "/device-keys", 403, json=body)
        await person.refused("DELETE", f"/device-keys/{key_id}", 403)
    shown = await owner.http.get("/api/device-keys")
    audit = await owner.http.get("/api/audit")
    assert SERIAL in shown.text and SERIAL in audit.text and "device_key_added" in audit.text
    assert BURNED.hex() not in shown.text + audit.text
    await owner.ask("DELETE", f"/device-keys/{key_id}", 204)
    await owner.refused("DELETE", f"/device-keys/{key_id}", 404)
    assert "device_key_deleted" in (await owner.http.get("/api/audit")).text


async def test_a_board_whose_key_was_deleted_is_one_without(street: Street) -> None:
    owner, board = await let_in(street)
    [key] = (await owner.ask("GET", "/device-keys"))["items"]
    await board.check()  # it waits to prove it
    await owner.ask("DELETE", f"/device-keys/{key['id']}", 204)
    assert "websocket" in await board.check()


@pytest.mark.parametrize("key", ["", "00" * 32, "zz" * 32, "20" * 31, "20" * 33])
async def test_what_is_no_key_is_refused_without_being_repeated(street: Street, key: str) -> None:
    owner = await street.house.founder()
    body = {"keys": [{"serial_number": SERIAL, "key": key}]}
    said = await owner.ask("POST", "/device-keys", 422, json=body)
    assert not key or key not in said["message"]


async def test_keys_are_taken_all_or_none_and_none_is_overwritten(street: Street) -> None:
    owner = await street.house.founder()
    await knows_key(owner)
    body = {"keys": [{"serial_number": serial, "key": "11" * 32} for serial in ("A", SERIAL, "B")]}
    said = await owner.ask("POST", "/device-keys", 409, json=body)
    assert SERIAL in said["message"]
    assert [item["serial_number"] for item in (await owner.ask("GET", "/device-keys"))["items"]] == [SERIAL]


async def test_the_database_alone_tells_no_key(any_url: str, stranger: Outsider) -> None:
    async with street_on(any_url) as street:
        await knows_key(await street.house.founder())
    [(sealed,)] = await stranger.rows("SELECT secret FROM device_keys")
    assert BURNED.hex() not in sealed


async def test_boards_that_never_prove_anything_fill_no_table(any_url: str) -> None:
    async with street_on(any_url, attempts=Attempts()) as street:
        await knows_key(await street.house.founder())
        for number in range(25):
            await KeyedBoard(street, client=f"11111111-1111-4111-8111-{number:012d}").check()
        async with street.house.parts.database.reading() as session:
            assert len((await session.scalars(select(Claim))).all()) == 20
            assert (await session.scalars(select(Device))).all() == []
            [key] = await session.scalars(select(DeviceKey))
            assert key.device_id == ""
