"""Every edit of a role can be looked at, compared and taken back."""

from __future__ import annotations

import pytest

from fakes.api_people import ApiHouse
from fakes.api_roles import ANY, NOBODYS, made, provider
from main_server.store import roles as store_roles


async def test_each_edit_leaves_a_version_with_who_made_it(house: ApiHouse) -> None:
    owner = await house.founder("olga")
    role = await made(owner, persona="one")
    path = f"/roles/{role['id']}"
    await owner.ask("PATCH", path, json={"persona": "two"}, headers=ANY)
    unchanged = await owner.ask("PATCH", path, json={"persona": "two", "name": "Pip"}, headers=ANY)
    assert unchanged["version"] == 2
    kept = (await owner.ask("GET", f"{path}/versions"))["items"]
    assert [(each["version"], each["editor"]) for each in kept] == [(2, "olga"), (1, "olga")]
    first = await owner.ask("GET", f"{path}/versions/1")
    assert (first["body"]["persona"], first["body"]["name"]) == ("one", "Pip")
    await owner.refused("GET", f"{path}/versions/3", 404)
    await owner.refused("GET", f"{path}/versions/0", 422)


async def test_two_versions_are_compared_field_by_field_and_texts_line_by_line(house: ApiHouse) -> None:
    owner = await house.founder()
    role = await made(owner, persona="You are Pip.\nYou like tea.\nYou hum.")
    path = f"/roles/{role['id']}"
    replacements = [{"kind": "heard", "from": "peep", "to": "Pip"}]
    edit = {"persona": "You are Pip.\nYou like rain.\nYou hum.", "speed": 1.5, "replacements": replacements}
    await owner.ask("PATCH", path, json=edit | {"retention_days": 7, "greets": False}, headers=ANY)
    diff = (await owner.ask("GET", f"{path}/diff?before=1&after=2"))["fields"]
    fields = {each["field"]: (each["before"], each["after"]) for each in diff}
    assert fields.pop("persona")[1] == edit["persona"]
    assert fields == {
        "speed": (1, 1.5),
        "replacements": ([], replacements),
        "retention_days": (0, 7),
        "greets": (True, False),
    }
    [persona] = [each for each in diff if each["field"] == "persona"]
    assert [(line["change"], line["text"]) for line in persona["lines"]] == [
        ("same", "You are Pip."),
        ("gone", "You like tea."),
        ("new", "You like rain."),
        ("same", "You hum."),
    ]
    assert (await owner.ask("GET", f"{path}/diff?before=2&after=2"))["fields"] == []
    await owner.refused("GET", f"{path}/diff?before=1&after=9", 404)


async def test_texts_of_very_many_lines_are_compared_as_a_whole(house: ApiHouse) -> None:
    owner = await house.founder()
    path = f"/roles/{(await made(owner, persona='a' + chr(10) * 19_000))['id']}"
    await owner.ask("PATCH", path, json={"persona": "b\na"}, headers=ANY)
    [persona] = (await owner.ask("GET", f"{path}/diff?before=1&after=2"))["fields"]
    assert {line["change"] for line in persona["lines"]} == {"gone", "new"}


async def test_a_restored_version_is_one_more_version(house: ApiHouse) -> None:
    owner = await house.founder()
    role = await made(owner, persona="one", model_id=await provider(owner))
    path = f"/roles/{role['id']}"
    await owner.ask("PATCH", path, json={"persona": "two", "model_id": None}, headers=ANY)
    restore = f"{path}/versions/1/restore"
    assert await owner.refused("POST", restore, 428) == "etag_missing"
    assert await owner.refused("POST", restore, 412, headers={"if-match": '"1"'}) == "changed_meanwhile"
    restored = await owner.ask("POST", restore, headers={"if-match": '"2"'})
    assert (restored["persona"], restored["model_id"], restored["version"]) == ("one", role["model_id"], 3)
    assert len((await owner.ask("GET", f"{path}/versions"))["items"]) == 3
    await owner.refused("POST", f"{path}/versions/9/restore", 404, headers=ANY)
    assert NOBODYS not in str(restored)


async def test_a_restored_role_does_without_a_model_that_is_gone(house: ApiHouse) -> None:
    owner = await house.founder()
    model = await provider(owner)
    path = f"/roles/{(await made(owner, persona='one', model_id=model))['id']}"
    await owner.ask("DELETE", f"/providers/{model}", 204)
    await owner.ask("PATCH", path, json={"persona": "two"}, headers=ANY)
    restored = await owner.ask("POST", f"{path}/versions/1/restore", headers=ANY)
    assert (restored["persona"], restored["model_id"]) == ("one", None)


async def test_the_oldest_versions_go(house: ApiHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_roles, "MOST_VERSIONS", 3)
    owner = await house.founder()
    path = f"/roles/{(await made(owner))['id']}"
    for number in range(5):
        await owner.ask("PATCH", path, json={"persona": str(number)}, headers=ANY)
    kept = (await owner.ask("GET", f"{path}/versions"))["items"]
    assert [each["version"] for each in kept] == [6, 5, 4]
    await owner.refused("GET", f"{path}/versions/1", 404)
