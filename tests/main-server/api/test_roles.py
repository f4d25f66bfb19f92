"""Roles of an account, and templates that belong to everybody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fakes.api_people import ApiHouse
from fakes.api_roles import ANY, FULL, NOBODYS, a_template, device_of, made, provider

PAYLOAD = "<script>alert(1)</script>\n<img src=x onerror=alert(2)>"


async def test_a_role_holds_everything_that_was_said_about_it(house: ApiHouse) -> None:
    owner = await house.founder()
    model, spare, small = [await provider(owner, name=name) for name in ("a", "b", "c")]
    models = {"model_id": model, "second_model_id": spare, "small_model_id": small}
    role = await made(owner, **FULL, **models)
    shown = await owner.ask("GET", f"/roles/{role['id']}")
    assert shown == role
    assert shown | FULL | models == shown
    assert (shown["template"], shown["version"], shown["device_count"], shown["voice_id"]) == (None, 1, 0, None)


async def test_a_new_role_is_as_plain_as_can_be(house: ApiHouse) -> None:
    role = await made(await house.founder())
    assert (role["persona"], role["patience"], role["memory_policy"], role["retention_days"]) == ("", "", "", 0)
    assert (role["speed"], role["greets"], role["replacements"], role["exit_phrases"]) == (1, True, [], [])


async def test_what_an_edit_does_not_name_stays_and_null_takes_a_model_away(house: ApiHouse) -> None:
    owner = await house.founder()
    role = await made(owner, **FULL, model_id=await provider(owner))
    path = f"/roles/{role['id']}"
    tag = {"if-match": await owner.etag(path)}
    edited = await owner.ask("PATCH", path, json={"persona": "You are old.", "speed": None}, headers=tag)
    assert edited | {"persona": FULL["persona"], "version": 1, "updated_at": role["updated_at"]} == role
    edited = await owner.ask("PATCH", path, json={"model_id": None, "patience": ""}, headers=ANY)
    assert (edited["model_id"], edited["patience"], edited["version"]) == (None, "", 3)


async def test_of_two_editors_the_second_is_told(house: ApiHouse) -> None:
    owner = await house.founder()
    path = f"/roles/{(await made(owner))['id']}"
    tag = {"if-match": await owner.etag(path)}
    await owner.ask("PATCH", path, json={"persona": "first"}, headers=tag)
    assert await owner.refused("PATCH", path, 412, json={"persona": "second"}, headers=tag) == "changed_meanwhile"
    assert await owner.refused("PATCH", path, 428, json={"persona": "third"}) == "etag_missing"
    edits = [owner.http.patch(f"/api{path}", json={"persona": f"n{n}"}, headers=ANY) for n in range(6)]
    answers = [answer.status_code for answer in await asyncio.gather(*edits)]
    assert set(answers) <= {200, 412}
    versions = (await owner.ask("GET", f"{path}/versions"))["items"]
    assert [kept["version"] for kept in versions] == list(range(2 + answers.count(200), 0, -1))


async def test_what_people_write_comes_back_as_text(house: ApiHouse) -> None:
    owner = await house.founder()
    role = await made(owner, name=PAYLOAD.split("\n")[0], persona=PAYLOAD, greeting=PAYLOAD)
    for path in (f"/roles/{role['id']}", f"/roles/{role['id']}/versions/1", f"/roles/{role['id']}/document"):
        answer = await owner.http.get(f"/api{path}")
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert PAYLOAD in (answer.json().get("persona") or str(answer.json()).replace("\\n", "\n"))
    missing = await owner.http.get("/api/roles/<script>")
    assert missing.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 129},
        {"persona": "x" * 20_001},
        {"persona": "nul \0"},
        {"greeting": "x" * 501},
        {"language": "chinese please"},
        {"speed": 0.4},
        {"speed": 2.1},
        {"pitch": 0},
        {"volume": -0.1},
        {"volume": 2.5},
        {"retention_days": -1},
        {"retention_days": 3651},
        {"patience": "endless"},
        {"memory_policy": "everything"},
        {"recording_policy": "video"},
        {"model_id": "home"},
        {"replacements": [{"kind": "seen", "from": "a", "to": "b"}]},
        {"replacements": [{"kind": "heard", "from": "", "to": "b"}]},
        {"replacements": [{"kind": "heard", "from": "a", "to": "b"}] * 201},
        {"exit_phrases": ["bye"] * 41},
        {"exit_phrases": [""]},
        {"unknown": 1},
    ],
)
async def test_a_value_out_of_bounds_is_named(house: ApiHouse, bad: dict[str, Any]) -> None:
    owner = await house.founder()
    role = await made(owner)
    answer = await owner.ask("POST", "/roles", 422, json={"name": "Pip"} | bad)
    assert next(iter(bad)) in answer["message"]
    await owner.refused("PATCH", f"/roles/{role['id']}", 422, json=bad, headers=ANY)
    assert (await owner.ask("GET", f"/roles/{role['id']}"))["version"] == 1


async def test_numbers_that_are_none_are_refused(house: ApiHouse) -> None:
    owner = await house.founder()
    for number in ("NaN", "Infinity"):
        body = f'{{"name": "Pip", "speed": {number}}}'
        answer = await owner.http.post("/api/roles", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422


async def test_a_role_thinks_and_speaks_with_what_is_its_accounts_own(house: ApiHouse) -> None:
    owner = await house.founder()
    max_ = await house.invited(owner, "max")
    theirs, deaf = await provider(owner), await provider(max_, kind="asr")
    for field, key in (("model_id", theirs), ("second_model_id", deaf), ("small_model_id", NOBODYS)):
        answer = await max_.ask("POST", "/roles", 422, json={"name": "Pip", field: key})
        assert answer == {"code": "not_yours", "message": f"{field} names no language model of this account."}
    path = f"/roles/{(await made(max_))['id']}"
    assert await max_.refused("PATCH", path, 422, json={"model_id": theirs}, headers=ANY) == "not_yours"
    assert await max_.refused("PATCH", path, 422, json={"voice_id": NOBODYS}, headers=ANY) == "not_yours"


async def test_a_role_of_another_is_not_there(house: ApiHouse) -> None:
    owner = await house.founder()
    role = await made(owner)
    path = f"/roles/{role['id']}"
    second = await house.invited(owner, "second", "owner")
    for person in (await house.invited(owner, "max"), second):
        assert (await person.ask("GET", "/roles?templates=false"))["items"] == []
        assert (await person.ask("GET", "/roles?q=Pip"))["items"] == []
        for below in ("", "/versions", "/versions/1", "/diff?before=1&after=1", "/document", "/devices"):
            await person.refused("GET", path + below, 404)
        await person.refused("PATCH", path, 404, json={"name": "mine"}, headers=ANY)
        await person.refused("DELETE", path, 404)
        await person.refused("POST", f"{path}/versions/1/restore", 404, headers=ANY)
        await person.refused("POST", "/roles", 404, json={"copy_of": role["id"]})
        key = await device_of(house, person, 1 if person is second else 2)
        await person.refused("PATCH", f"/devices/{key}", 422, json={"role_id": role["id"]}, headers=ANY)
        await person.refused("PATCH", "/devices", 422, json={"ids": [key], "role_id": role["id"]})
        assert (await person.ask("GET", f"/devices?role={role['id']}"))["items"] == []
    assert (await owner.ask("GET", path)) == role


async def test_a_viewer_looks_at_roles_and_changes_none(house: ApiHouse) -> None:
    owner = await house.founder()
    role = await made(owner)
    path = f"/roles/{role['id']}"
    viewer = await house.invited(owner, "vera", "viewer")
    for below in ("", "/versions", "/versions/1", "/diff?before=1&after=1", "/document", "/devices"):
        await viewer.ask("GET", path + below)
    document = await viewer.ask("GET", f"{path}/document")
    assert await viewer.refused("POST", "/roles", 403, json={"name": "x"}) == "viewer"
    assert await viewer.refused("POST", "/roles/import", 403, json=document) == "viewer"
    assert await viewer.refused("PATCH", path, 403, json={"name": "x"}, headers=ANY) == "viewer"
    assert await viewer.refused("POST", f"{path}/versions/1/restore", 403, headers=ANY) == "viewer"
    assert await viewer.refused("DELETE", path, 403) == "viewer"
    reader = await house.with_token(owner, "read")
    assert await reader.refused("DELETE", path, 403) == "scope_missing"


async def test_a_template_can_be_used_and_copied_and_not_changed(house: ApiHouse) -> None:
    owner = await house.founder()
    template = await a_template(owner)
    assert template["template"] | {"description": "", "tag": ""} == {
        "key": "en-butler",
        "audience": "en",
        "description": "",
        "tag": "",
    }
    path = f"/roles/{template['id']}"
    for person in (owner, await house.invited(owner, "max")):
        assert (await person.ask("GET", path))["name"] == template["name"]
        assert await person.refused("PATCH", path, 403, json={"name": "mine"}, headers=ANY) == "template"
        assert await person.refused("DELETE", path, 403) == "template"
        assert await person.refused("POST", f"{path}/versions/1/restore", 403, headers=ANY) == "template"
        copy = await person.ask("POST", "/roles", 201, json={"copy_of": template["id"], "name": "James"})
        assert (copy["persona"], copy["name"], copy["template"]) == (template["persona"], "James", None)
        await person.ask("PATCH", f"/roles/{copy['id']}", json={"persona": "Mine."}, headers=ANY)
    assert await a_template(owner) == template


async def test_a_copy_of_ones_own_role_keeps_its_model(house: ApiHouse) -> None:
    owner = await house.founder()
    role = await made(owner, **FULL, model_id=await provider(owner))
    copy = await owner.ask("POST", "/roles", 201, json={"copy_of": role["id"], "speed": 1.5})
    own = ("id", "created_at", "updated_at")
    assert {name: copy[name] for name in copy if name not in own} == {
        name: role[name] for name in role if name not in own
    } | {"speed": 1.5}
    assert await owner.refused("POST", "/roles", 422, json={"speed": 1}) == "name_missing"


async def test_roles_are_found_by_name_language_and_kind(house: ApiHouse) -> None:
    owner = await house.founder()
    await made(owner, name="Pip", language="en-GB")
    await made(owner, name="皮皮", language="zh-CN")
    mine = await owner.ask("GET", "/roles?templates=false")
    assert [role["name"] for role in mine["items"]] == ["皮皮", "Pip"]
    assert [r["name"] for r in (await owner.ask("GET", "/roles?templates=false&language=zh"))["items"]] == ["皮皮"]
    assert [r["name"] for r in (await owner.ask("GET", "/roles?q=pi"))["items"]] == ["Pip"]
    assert (await owner.ask("GET", "/roles?q=%25"))["items"] == []
    everything = (await owner.ask("GET", "/roles?limit=100"))["items"]
    assert [role["name"] for role in everything[:2]] == ["皮皮", "Pip"]
    assert len([role for role in everything if role["template"]]) >= 10


async def test_pages_of_roles_hold_each_once(house: ApiHouse) -> None:
    owner = await house.founder()
    for number in range(5):
        await made(owner, name=f"Pip {number}")
    seen: list[str] = []
    after = ""
    while after is not None:
        page = await owner.ask("GET", f"/roles?limit=4&after={after}")
        seen += [role["id"] for role in page["items"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == 5 + len((await owner.ask("GET", "/roles?templates=true"))["items"])


async def test_a_deleted_role_leaves_its_devices_with_none_and_says_how_many(house: ApiHouse) -> None:
    owner = await house.founder()
    role = await made(owner)
    keys = [await device_of(house, owner, number, role_id=role["id"]) for number in range(3)]
    path = f"/roles/{role['id']}"
    assert (await owner.ask("GET", path))["device_count"] == 3
    page = await owner.ask("GET", f"{path}/devices?limit=2")
    more = await owner.ask("GET", f"{path}/devices?limit=2&after={page['next']}")
    assert sorted(device["id"] for device in page["items"] + more["items"]) == sorted(keys)
    assert await owner.ask("DELETE", path) == {"device_count": 3}
    await owner.refused("GET", path, 404)
    assert (await owner.ask("GET", f"/devices/{keys[0]}"))["role_id"] is None


async def test_an_account_has_so_many_roles_and_no_more(house: ApiHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main_server.api.resources.roles.MOST_ROLES", 2)
    owner = await house.founder()
    await made(owner)
    await made(owner)
    assert await owner.refused("POST", "/roles", 409, json={"name": "one more"}) == "too_many"


async def test_the_audit_log_names_what_was_changed_and_quotes_nothing(house: ApiHouse) -> None:
    owner = await house.founder()
    role = await made(owner, persona="hush hush")
    path = f"/roles/{role['id']}"
    await owner.ask("PATCH", path, json={"persona": "hush again", "name": "Hush"}, headers=ANY)
    await owner.ask("DELETE", path)
    entries = (await owner.ask("GET", "/audit"))["items"][:3]
    assert [entry["action"] for entry in entries] == ["role_deleted", "role_edited", "role_made"]
    assert entries[1]["detail"] == {"fields": ["name", "persona"]}
    assert "ush" not in str([entry["detail"] for entry in entries])


async def test_whoever_talks_learns_of_a_change_after_it_was_committed(house: ApiHouse) -> None:
    owner = await house.founder()
    told: list[str] = []
    house.parts.changed = told.append
    path = f"/roles/{(await made(owner))['id']}"
    await owner.ask("PATCH", path, json={"persona": "new"}, headers=ANY)
    await owner.refused("PATCH", path, 412, json={"persona": "late"}, headers={"if-match": '"1"'})
    await owner.refused("PATCH", path, 422, json={"speed": 9}, headers=ANY)
    await owner.ask("GET", path)
    assert told == [owner.id, owner.id]
    key = await device_of(house, owner)
    await owner.ask("PATCH", f"/devices/{key}", json={"name": "toy"}, headers=ANY)
    await owner.ask("PATCH", "/devices", json={"ids": [key], "role_id": None})
    await owner.ask("DELETE", path)
    assert told == [owner.id] * 5
