"""Memories can be read, mended, pinned, and forgotten for good, each account's by itself."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.api_people import ApiHouse, Person
from fakes.api_roles import ANY, NOBODYS, a_template, made
from main_server.store.memories import Memories

PAYLOAD = "<script>alert('remembered')</script>"


async def memory(person: Person, text: str = "Likes tea.", **more: Any) -> dict[str, Any]:
    shown: dict[str, Any] = await person.ask("POST", "/memories", 201, json={"text": text} | more)
    return shown


async def speaker(person: Person, name: str = "Mum") -> str:
    return str((await person.ask("POST", "/speakers", 201, json={"name": name}))["id"])


async def texts(person: Person, query: str = "") -> list[str]:
    return [one["text"] for one in (await person.ask("GET", f"/memories{query}"))["items"]]


async def test_a_memory_is_added_mended_pinned_and_deleted(house: ApiHouse) -> None:
    owner = await house.founder()
    role, mum = (await made(owner))["id"], await speaker(owner)
    one = await memory(owner, f"  {PAYLOAD}\n", role_id=role, speaker_id=mum)
    assert (one["text"], one["kind"], one["pinned"], one["conversation_id"]) == (PAYLOAD, "fact", False, None)
    path = f"/memories/{one['id']}"
    tag = {"if-match": await owner.etag(path)}
    pinned = await owner.ask("PATCH", path, json={"pinned": True}, headers=tag)
    assert (pinned["pinned"], pinned["updated_at"], pinned["role_id"]) == (True, one["updated_at"], role)
    assert await owner.refused("PATCH", path, 412, json={"text": "late"}, headers=tag) == "changed_meanwhile"
    assert await owner.refused("PATCH", path, 428, json={"text": "late"}) == "etag_missing"
    mended = await owner.ask("PATCH", path, json={"text": "Likes coffee.", "speaker_id": None}, headers=ANY)
    assert (mended["text"], mended["speaker_id"], mended["pinned"]) == ("Likes coffee.", None, True)
    assert mended["updated_at"] > one["updated_at"]
    answer = await owner.http.get(f"/api{path}")
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("application/json", "nosniff")
    await owner.ask("DELETE", path, 204)
    await owner.refused("GET", path, 404)


async def test_memories_are_found_by_whom_what_and_words(house: ApiHouse) -> None:
    owner = await house.founder()
    role, mum = (await made(owner))["id"], await speaker(owner)
    await memory(owner, "a", role_id=role)
    await memory(owner, "b", speaker_id=mum, pinned=True)
    await memory(owner, "爱喝茶", role_id=role, speaker_id=mum, kind="summary")
    assert await texts(owner) == ["爱喝茶", "b", "a"]
    assert await texts(owner, f"?role={role}") == ["爱喝茶", "a"]
    assert await texts(owner, f"?speaker={mum}") == ["爱喝茶", "b"]
    assert await texts(owner, f"?role={role}&speaker={mum}") == ["爱喝茶"]
    assert await texts(owner, "?kind=summary") == ["爱喝茶"]
    assert await texts(owner, "?pinned=true") == ["b"]
    assert await texts(owner, "?pinned=false") == ["爱喝茶", "a"]
    assert await texts(owner, "?q=喝") == ["爱喝茶"]
    assert await texts(owner, "?q=%25") == []
    page = await owner.ask("GET", "/memories?limit=2")
    assert page["next"] is not None
    assert await texts(owner, f"?limit=2&after={page['next']}") == ["a"]


async def test_all_of_a_role_or_of_a_speaker_is_forgotten_at_once(house: ApiHouse) -> None:
    owner = await house.founder()
    role, mum = (await made(owner))["id"], await speaker(owner)
    for kind in ("fact", "summary"):
        await memory(owner, f"role {kind}", role_id=role, kind=kind, pinned=True)
        await memory(owner, f"mum {kind}", speaker_id=mum, kind=kind)
    assert await owner.refused("DELETE", "/memories", 422) == "whose_missing"
    assert await owner.refused("DELETE", "/memories?kind=fact", 422) == "whose_missing"
    assert await owner.ask("DELETE", f"/memories?speaker={mum}&kind=fact") == {"count": 1}
    assert sorted(await texts(owner)) == ["mum summary", "role fact", "role summary"]
    assert await owner.ask("DELETE", f"/memories?role={role}") == {"count": 2}
    assert await texts(owner) == ["mum summary"]
    entry = (await owner.ask("GET", "/audit"))["items"][0]
    assert (entry["action"], entry["detail"]["count"], entry["detail"]["role"]) == ("memories_forgotten", 2, role)


async def test_a_memory_of_another_is_not_there(house: ApiHouse) -> None:
    owner = await house.founder()
    template = (await a_template(owner))["id"]
    role, mum = (await made(owner))["id"], await speaker(owner)
    one = await memory(owner, "hers", role_id=template, speaker_id=mum)
    path = f"/memories/{one['id']}"
    max_ = await house.invited(owner, "max")
    for query in ("", f"?role={template}", f"?speaker={mum}", f"?role={role}", "?q=hers"):
        assert await texts(max_, query) == []
    await max_.refused("GET", path, 404)
    await max_.refused("PATCH", path, 404, json={"text": "mine"}, headers=ANY)
    await max_.refused("DELETE", path, 404)
    for query in (f"role={role}", f"speaker={mum}", f"role={template}&speaker={mum}", f"role={NOBODYS}"):
        await max_.refused("DELETE", f"/memories?{query}", 404)
    assert await max_.ask("DELETE", f"/memories?role={template}") == {"count": 0}
    mine = f"/memories/{(await memory(max_, 'his', role_id=template))['id']}"
    for foreign in ({"role_id": role}, {"speaker_id": mum}, {"role_id": NOBODYS}):
        assert await max_.refused("POST", "/memories", 422, json={"text": "x"} | foreign) == "not_yours"
        assert await max_.refused("PATCH", mine, 422, json=foreign, headers=ANY) == "not_yours"
    assert await texts(owner) == ["hers"]
    viewer = await house.invited(owner, "vera", "viewer")
    assert await texts(viewer) == ["hers"]
    assert await viewer.refused("POST", "/memories", 403, json={"text": "x"}) == "viewer"
    assert await viewer.refused("PATCH", path, 403, json={"text": "x"}, headers=ANY) == "viewer"
    assert await viewer.refused("DELETE", path, 403) == "viewer"
    assert await viewer.refused("DELETE", f"/memories?role={template}", 403) == "viewer"


async def test_the_audit_log_quotes_no_memory(house: ApiHouse) -> None:
    owner = await house.founder()
    path = f"/memories/{(await memory(owner, 'a secret wish'))['id']}"
    await owner.ask("PATCH", path, json={"text": "another secret"}, headers=ANY)
    await owner.ask("DELETE", path, 204)
    entries = (await owner.ask("GET", "/audit"))["items"]
    assert [entry["action"] for entry in entries[:3]] == ["memory_deleted", "memory_edited", "memory_made"]
    assert "secret" not in str(entries)


@pytest.mark.parametrize(
    "bad", [{"text": ""}, {"text": " \n"}, {"text": "x" * 4_001}, {"kind": "rumour"}, {"role_id": "x"}, {"id": "x"}]
)
async def test_a_value_out_of_bounds_is_named(house: ApiHouse, bad: dict[str, Any]) -> None:
    owner = await house.founder()
    assert next(iter(bad)) in (await owner.ask("POST", "/memories", 422, json={"text": "x"} | bad))["message"]


async def test_an_account_has_so_many_memories_and_no_more(house: ApiHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main_server.api.resources.memories.MOST_MEMORIES", 1)
    owner = await house.founder()
    await memory(owner)
    assert await owner.refused("POST", "/memories", 409, json={"text": "x"}) == "too_many"


async def test_forgetting_without_a_filter_forgets_one_account(house: ApiHouse) -> None:
    owner = await house.founder()
    max_ = await house.invited(owner, "max")
    await memory(owner, "hers")
    await memory(max_, "his")
    async with house.parts.database.writing() as session:
        assert await Memories(session).forget(max_.id) == 1
    assert (await texts(owner), await texts(max_)) == (["hers"], [])
