"""What a device is given: a role, tags, leave to keep what it heard; one by one or many at once."""

from __future__ import annotations

from fakes.api_people import ApiHouse
from fakes.api_roles import ANY, NOBODYS, a_template, device_of, made


async def test_a_device_is_given_a_role_or_a_template_and_none_again(house: ApiHouse) -> None:
    owner = await house.founder()
    key = await device_of(house, owner)
    path = f"/devices/{key}"
    role, template = await made(owner), await a_template(owner)
    for role_id in (role["id"], template["id"]):
        given = await owner.ask("PATCH", path, json={"role_id": role_id}, headers=ANY)
        assert given["role_id"] == role_id
        [device] = (await owner.ask("GET", f"/devices?role={role_id}"))["items"]
        assert device["id"] == key
    kept = await owner.ask("PATCH", path, json={"name": "toy"}, headers=ANY)
    assert (kept["role_id"], kept["name"]) == (template["id"], "toy")
    assert (await owner.ask("GET", f"/devices?role={role['id']}"))["items"] == []
    assert (await owner.ask("PATCH", path, json={"role_id": None}, headers=ANY))["role_id"] is None
    assert await owner.refused("PATCH", path, 422, json={"role_id": NOBODYS}, headers=ANY) == "not_yours"
    assert await owner.refused("PATCH", path, 412, json={"name": "late"}, headers={"if-match": '"1"'})


async def test_a_device_of_others_counts_for_them(house: ApiHouse) -> None:
    owner = await house.founder()
    template = await a_template(owner)
    await device_of(house, owner, role_id=template["id"])
    max_ = await house.invited(owner, "max")
    assert (await a_template(owner))["device_count"] == 1
    assert (await a_template(max_))["device_count"] == 0
    assert (await max_.ask("GET", f"/roles/{template['id']}/devices"))["items"] == []


async def test_keeping_what_was_heard_can_be_switched_off(house: ApiHouse) -> None:
    owner = await house.founder()
    path = f"/devices/{await device_of(house, owner)}"
    assert (await owner.ask("GET", path))["keeps_utterances"] is True
    off = await owner.ask("PATCH", path, json={"keeps_utterances": False}, headers=ANY)
    assert off["keeps_utterances"] is False
    assert (await owner.ask("PATCH", path, json={"name": "toy"}, headers=ANY))["keeps_utterances"] is False


async def test_many_devices_are_edited_at_once(house: ApiHouse) -> None:
    owner = await house.founder()
    keys = [await device_of(house, owner, number, tags=["old", "kitchen"]) for number in range(3)]
    role = await made(owner)
    edit = {"ids": [*keys, keys[0]], "role_id": role["id"], "add_tags": ["乐"], "remove_tags": ["old", "nowhere"]}
    edited = (await owner.ask("PATCH", "/devices", json=edit))["items"]
    assert [device["id"] for device in edited] == keys
    assert {(device["role_id"], *device["tags"]) for device in edited} == {(role["id"], "kitchen", "乐")}
    untouched = (await owner.ask("PATCH", "/devices", json={"ids": keys[:1], "add_tags": ["x"]}))["items"]
    assert untouched[0]["role_id"] == role["id"]
    taken = (await owner.ask("PATCH", "/devices", json={"ids": keys, "role_id": None}))["items"]
    assert [device["role_id"] for device in taken] == [None] * 3
    actions = [entry["action"] for entry in (await owner.ask("GET", "/audit"))["items"]]
    assert actions.count("device_edited") == 7


async def test_all_of_them_or_none(house: ApiHouse) -> None:
    owner = await house.founder()
    max_ = await house.invited(owner, "max")
    hers, his = await device_of(house, owner, 1), await device_of(house, max_, 2)
    for foreign in (hers, NOBODYS):
        assert await max_.refused("PATCH", "/devices", 404, json={"ids": [his, foreign], "add_tags": ["x"]})
    crowd = {"ids": [his], "add_tags": [f"t{n}" for n in range(15)]}
    await max_.ask("PATCH", "/devices", json=crowd)
    more = {"ids": [his], "add_tags": [f"u{n}" for n in range(15)]}
    assert await max_.refused("PATCH", "/devices", 422, json=more) == "too_many_tags"
    assert len((await max_.ask("GET", f"/devices/{his}"))["tags"]) == 15
    assert (await owner.ask("GET", f"/devices/{hers}"))["tags"] == []
    await max_.refused("PATCH", "/devices", 422, json={"ids": []})
    await max_.refused("PATCH", "/devices", 422, json={"ids": [his] * 501})
    viewer = await house.invited(owner, "vera", "viewer")
    assert await viewer.refused("PATCH", "/devices", 403, json={"ids": [hers], "role_id": None}) == "viewer"
