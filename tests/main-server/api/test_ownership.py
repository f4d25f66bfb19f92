"""Whose toy, whose words: what belongs to another account does not exist."""

from __future__ import annotations

import asyncio
import base64

import pytest

from fakes.api_people import ApiHouse, Person
from fakes.happenings import ended, opened
from main_server.store.recorder import Recorder

ENOUGH_S = 20.0
PAYLOAD = "<script>alert(1)</script>"


async def heard(house: ApiHouse, *, device_id: str, session_id: str, text: str = "hello") -> None:
    """Somebody talks with a device."""
    recorder = Recorder(house.parts.database)
    await recorder.start()
    recorder.on_event(opened(session_id=session_id, device_id=device_id))
    recorder.on_event(ended(session_id=session_id, device_id=device_id, turn_id=f"{session_id}-1", user_text=text))
    assert await recorder.drain(ENOUGH_S)
    await recorder.close()


async def toy_of(house: ApiHouse, owner: Person, device_id: str = "aa:bb:cc:dd:ee:01") -> str:
    """The key of a device that talked once and was then taken over by the owner of the server."""
    await heard(house, device_id=device_id, session_id=f"s of {device_id}")
    found = await owner.ask("GET", f"/devices?nobodys=true&q={device_id}")
    [key] = [item["id"] for item in found["items"]]
    await owner.ask("POST", f"/devices/{key}/adopt")
    return str(key)


async def test_an_owner_takes_over_a_device_that_is_nobodys_with_its_words(house: ApiHouse) -> None:
    owner = await house.founder()
    key = await toy_of(house, owner)
    [device] = (await owner.ask("GET", "/devices"))["items"]
    assert (device["id"], device["device_id"], device["online"]) == (key, "aa:bb:cc:dd:ee:01", False)
    [conversation] = (await owner.ask("GET", "/conversations"))["items"]
    [turn] = (await owner.ask("GET", f"/conversations/{conversation['id']}/turns"))["items"]
    assert turn["user_text"] == "hello"
    await owner.refused("POST", f"/devices/{key}/adopt", 404)


async def test_what_belongs_to_another_is_not_there(house: ApiHouse) -> None:
    owner = await house.founder()
    key = await toy_of(house, owner)
    [conversation] = (await owner.ask("GET", "/conversations"))["items"]
    max_ = await house.invited(owner, "max")
    second = await house.invited(owner, "second", "owner")  # an owner of the server reads nobody's words either
    at, tag = f"/conversations/{conversation['id']}", {"if-match": "*"}
    for person in (max_, second):
        assert (await person.ask("GET", "/devices"))["items"] == []
        assert (await person.ask("GET", "/conversations"))["items"] == []
        assert (await person.ask("GET", f"/conversations?device={key}&q=hello"))["items"] == []
        await person.refused("GET", f"/devices/{key}", 404)
        await person.refused("PATCH", f"/devices/{key}", 404, json={"name": "mine"}, headers=tag)
        await person.refused("DELETE", f"/devices/{key}", 404)
        await person.refused("GET", at, 404)
        await person.refused("GET", f"{at}/turns", 404)
        await person.refused("DELETE", at, 404)
    assert await max_.refused("GET", "/devices?nobodys=true", 403) == "not_owner"
    assert await max_.refused("POST", f"/devices/{key}/adopt", 403) == "not_owner"
    assert (await owner.ask("GET", f"/devices/{key}"))["name"] == ""


async def test_nobody_who_is_not_logged_in_sees_anything(house: ApiHouse) -> None:
    owner = await house.founder()
    key = await toy_of(house, owner)
    stranger = house.stranger()
    for path in (
        "/account",
        "/accounts",
        "/devices",
        f"/devices/{key}",
        "/conversations",
        "/tokens",
        "/live",
        "/audit",
    ):
        assert await stranger.refused("GET", path, 401) == "not_logged_in"


async def test_a_viewer_sees_what_belongs_to_who_invited_it_and_changes_nothing(house: ApiHouse) -> None:
    owner = await house.founder()
    key = await toy_of(house, owner)
    viewer = await house.invited(owner, "vera", "viewer")
    [device] = (await viewer.ask("GET", "/devices"))["items"]
    [conversation] = (await viewer.ask("GET", "/conversations"))["items"]
    assert device["id"] == key
    tag = {"if-match": "*"}
    assert await viewer.refused("PATCH", f"/devices/{key}", 403, json={"name": "x"}, headers=tag) == "viewer"
    assert await viewer.refused("DELETE", f"/devices/{key}", 403) == "viewer"
    assert await viewer.refused("DELETE", f"/conversations/{conversation['id']}", 403) == "viewer"
    assert await viewer.refused("POST", "/invitations", 403, json={"rank": "viewer"}) == "viewer"
    scopes = {"name": "program", "scopes": ["read", "write"]}
    assert await viewer.refused("POST", "/tokens", 403, json=scopes) == "viewer"


async def test_a_device_that_is_let_go_leaves_its_words_with_who_had_it(house: ApiHouse) -> None:
    owner = await house.founder()
    key = await toy_of(house, owner)
    second = await house.invited(owner, "second", "owner")
    await owner.ask("DELETE", f"/devices/{key}", 204)
    assert (await owner.ask("GET", "/devices"))["items"] == []
    await second.ask("POST", f"/devices/{key}/adopt")
    assert (await second.ask("GET", "/conversations"))["items"] == []
    assert len((await owner.ask("GET", "/conversations"))["items"]) == 1
    await heard(house, device_id="aa:bb:cc:dd:ee:01", session_id="later")
    assert len((await second.ask("GET", "/conversations"))["items"]) == 1


async def test_a_device_is_named_and_tagged_and_two_editors_do_not_overwrite_each_other(house: ApiHouse) -> None:
    owner = await house.founder()
    path = f"/devices/{await toy_of(house, owner)}"
    tag = {"if-match": await owner.etag(path)}
    edited = await owner.ask("PATCH", path, json={"name": PAYLOAD, "tags": ["kitchen", "kitchen", "乐"]}, headers=tag)
    assert (edited["name"], edited["tags"]) == (PAYLOAD, ["kitchen", "乐"])
    assert await owner.refused("PATCH", path, 412, json={"name": "late"}, headers=tag) == "changed_meanwhile"
    edits = [owner.http.patch("/api" + path, json={"name": f"n{n}"}, headers={"if-match": "*"}) for n in range(6)]
    answers = [answer.status_code for answer in await asyncio.gather(*edits)]
    assert set(answers) <= {200, 412}
    assert answers.count(200) >= 1
    answer = await owner.http.get("/api" + path)
    assert answer.headers["content-type"] == "application/json"


async def test_being_seen_does_not_spoil_an_edit(house: ApiHouse) -> None:
    owner = await house.founder()
    path = f"/devices/{await toy_of(house, owner)}"
    tag = {"if-match": await owner.etag(path)}
    await heard(house, device_id="aa:bb:cc:dd:ee:01", session_id="meanwhile")
    await owner.ask("PATCH", path, json={"name": "Pip"}, headers=tag)


async def test_pages_hold_every_row_once(house: ApiHouse) -> None:
    owner = await house.founder()
    for number in range(7):
        await heard(house, device_id=f"aa:bb:cc:dd:ee:0{number}", session_id=f"s{number}")
    seen, after = [], ""
    while True:
        page = await owner.ask("GET", f"/devices?nobodys=true&limit=3&after={after}")
        seen += [item["device_id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize(
    "cursor",
    ["x", "!!!!", "é", base64.urlsafe_b64encode(b'["t","2026-11-01","x"]').decode(), "WyJzIiwiYSIsImIiXQ", "bnVsbA"],
)
async def test_a_cursor_of_somebody_elses_is_refused(house: ApiHouse, cursor: str) -> None:
    owner = await house.founder()
    assert await owner.refused("GET", f"/devices?after={cursor}", 422) == "bad_cursor"


async def test_search_takes_its_text_as_it_is(house: ApiHouse) -> None:
    owner = await house.founder()
    await toy_of(house, owner)
    for text, found in (("HELL", 1), ("h%o", 0), ("_ello", 0), ("!", 0), ("'", 0)):
        page = await owner.ask("GET", "/conversations", params={"q": text})
        assert len(page["items"]) == found, text


async def test_a_deleted_conversation_is_gone(house: ApiHouse) -> None:
    owner = await house.founder()
    await toy_of(house, owner)
    [conversation] = (await owner.ask("GET", "/conversations"))["items"]
    await owner.ask("DELETE", f"/conversations/{conversation['id']}", 204)
    await owner.refused("GET", f"/conversations/{conversation['id']}", 404)
