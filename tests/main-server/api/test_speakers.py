"""People whom devices know by voice, and what was heard of them."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.api_people import ApiHouse, Person
from fakes.api_roles import ANY, NOBODYS, device_of
from main_server.store.models import Conversation, Memory, Turn, Utterance, Voiceprint, utc_now

PAYLOAD = "<svg onload=alert(1)>"
VECTOR = b"\x00\x00\x80?" * 192


async def speaker(person: Person, name: str = "Mum", note: str = "") -> dict[str, Any]:
    made: dict[str, Any] = await person.ask("POST", "/speakers", 201, json={"name": name, "note": note})
    return made


async def keep(house: ApiHouse, *rows: Any) -> None:
    async with house.parts.database.writing() as session:
        for row in rows:
            session.add(row)
            await session.flush()


async def heard(house: ApiHouse, account_id: str, device_key: str, text: str = "hello", **more: Any) -> Utterance:
    """An utterance of a turn."""
    talk = Conversation(device_key=device_key, session_id=f"s {text}", started_at=utc_now(), account_id=account_id)
    await keep(house, talk)
    said = dict.fromkeys(("reply_text", "heard_text"), "") | {"trigger": "speech", "outcome": "completed"}
    turn = Turn(conversation_id=talk.id, turn_id="1", started_at=utc_now(), user_text=text, **said)
    await keep(house, turn)
    columns = {"length_ms": 2_400.0, "clarity": 0.8, "audio_key": "u/1", "voiceprint": VECTOR} | more
    utterance = Utterance(
        account_id=account_id, device_key=device_key, turn_key=turn.id, started_at=utc_now(), **columns
    )
    await keep(house, utterance)
    return utterance


async def test_a_speaker_is_named_described_and_forgotten(house: ApiHouse) -> None:
    owner = await house.founder()
    one = await speaker(owner, "Mum", PAYLOAD)
    assert (one["name"], one["note"], one["voiceprints"]) == ("Mum", PAYLOAD, [])
    path = f"/speakers/{one['id']}"
    tag = {"if-match": await owner.etag(path)}
    edited = await owner.ask("PATCH", path, json={"name": "Mother"}, headers=tag)
    assert (edited["name"], edited["note"]) == ("Mother", PAYLOAD)
    assert await owner.refused("PATCH", path, 412, json={"note": "late"}, headers=tag) == "changed_meanwhile"
    assert await owner.refused("PATCH", path, 428, json={"note": "late"}) == "etag_missing"
    answer = await owner.http.get(f"/api{path}")
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("application/json", "nosniff")
    await keep(house, memory := Memory(account_id=owner.id, speaker_id=one["id"], kind="fact", text="Likes tea."))
    await owner.ask("DELETE", path, 204)
    await owner.refused("GET", path, 404)
    await owner.refused("GET", f"/memories/{memory.id}", 404)


async def test_speakers_are_listed_by_name_page_by_page(house: ApiHouse) -> None:
    owner = await house.founder()
    for name in ("Tom", "Ann", "王阿姨"):
        await speaker(owner, name)
    page = await owner.ask("GET", "/speakers?limit=2")
    more = await owner.ask("GET", f"/speakers?limit=2&after={page['next']}")
    assert [one["name"] for one in page["items"] + more["items"]] == ["Ann", "Tom", "王阿姨"]
    assert [one["name"] for one in (await owner.ask("GET", "/speakers?q=王"))["items"]] == ["王阿姨"]


async def test_the_longest_names_have_pages_too(house: ApiHouse) -> None:
    owner = await house.founder()
    names = ["知" * 128, "音" * 128, "𠮷" * 128]
    for name in names:
        await speaker(owner, name)
    seen: list[str] = []
    after = ""
    while after is not None:
        page = await owner.ask("GET", f"/speakers?limit=1&after={after}")
        seen += [one["name"] for one in page["items"]]
        after = page["next"]
    assert sorted(seen) == sorted(names)


async def test_a_voiceprint_is_described_and_never_shown(house: ApiHouse) -> None:
    owner = await house.founder()
    one = await speaker(owner)
    columns = {"encoder": "campplus", "dimension": 192, "vector": VECTOR}
    made = Voiceprint(speaker_id=one["id"], **columns)
    await keep(house, made, Voiceprint(speaker_id=(await speaker(owner, "Tom"))["id"], **columns))
    path = f"/speakers/{one['id']}"
    [mum, _] = (await owner.ask("GET", "/speakers"))["items"]
    assert mum == await owner.ask("GET", path)
    [shown] = mum["voiceprints"]
    assert set(shown) == {"id", "encoder", "dimension", "utterance_id", "created_at"}
    assert (shown["encoder"], shown["dimension"], shown["utterance_id"]) == ("campplus", 192, None)
    await owner.refused("DELETE", f"{path}/voiceprints/{NOBODYS}", 404)
    await owner.ask("DELETE", f"{path}/voiceprints/{made.id}", 204)
    assert (await owner.ask("GET", path))["voiceprints"] == []


async def test_knowing_by_voice_waits_for_an_encoder(house: ApiHouse) -> None:
    owner = await house.founder()
    utterance = await heard(house, owner.id, await device_of(house, owner))
    path = f"/speakers/{(await speaker(owner))['id']}/voiceprints"
    answer = await owner.ask("POST", path, 409, json={"utterance_id": utterance.id})
    assert answer["code"] == "no_encoder"
    assert "needs a speaker encoder" in answer["message"]
    await owner.refused("POST", path, 404, json={"utterance_id": NOBODYS})


async def test_a_speaker_and_what_was_heard_of_another_are_not_there(house: ApiHouse) -> None:
    owner = await house.founder()
    one, key = await speaker(owner), await device_of(house, owner)
    hers = await heard(house, owner.id, key, "hers")
    made = Voiceprint(speaker_id=one["id"], encoder="e", dimension=192, vector=VECTOR)
    await keep(house, made)
    max_ = await house.invited(owner, "max")
    path, mine = f"/speakers/{one['id']}", f"/speakers/{(await speaker(max_, 'Tom'))['id']}"
    assert [each["name"] for each in (await max_.ask("GET", "/speakers"))["items"]] == ["Tom"]
    await max_.refused("GET", path, 404)
    await max_.refused("PATCH", path, 404, json={"name": "mine"}, headers=ANY)
    await max_.refused("DELETE", path, 404)
    await max_.refused("DELETE", f"{path}/voiceprints/{made.id}", 404)
    await max_.refused("DELETE", f"{mine}/voiceprints/{made.id}", 404)
    await max_.refused("POST", f"{path}/voiceprints", 404, json={"utterance_id": hers.id})
    await max_.refused("POST", f"{mine}/voiceprints", 404, json={"utterance_id": hers.id})
    await max_.refused("GET", f"/devices/{key}/utterances", 404)
    viewer = await house.invited(owner, "vera", "viewer")
    assert len((await viewer.ask("GET", f"/devices/{key}/utterances"))["items"]) == 1
    assert await viewer.refused("POST", "/speakers", 403, json={"name": "x"}) == "viewer"
    assert await viewer.refused("PATCH", path, 403, json={"name": "x"}, headers=ANY) == "viewer"
    assert await viewer.refused("DELETE", path, 403) == "viewer"
    assert await viewer.refused("POST", f"{path}/voiceprints", 403, json={"utterance_id": hers.id}) == "viewer"
    assert await viewer.refused("DELETE", f"{path}/voiceprints/{made.id}", 403) == "viewer"
    assert await house.stranger().refused("GET", f"/devices/{key}/utterances", 401) == "not_logged_in"


async def test_who_gets_a_device_later_does_not_hear_who_had_it_before(house: ApiHouse) -> None:
    owner = await house.founder()
    max_ = await house.invited(owner, "max")
    key = await device_of(house, max_)
    await heard(house, owner.id, key, "hers")
    await heard(house, max_.id, key, "his")
    assert [one["text"] for one in (await max_.ask("GET", f"/devices/{key}/utterances"))["items"]] == ["his"]


@pytest.mark.parametrize("bad", [{"name": ""}, {"name": "x" * 129}, {"note": "x" * 2_001}, {"voiceprints": []}])
async def test_a_value_out_of_bounds_is_named(house: ApiHouse, bad: dict[str, Any]) -> None:
    owner = await house.founder()
    assert next(iter(bad)) in (await owner.ask("POST", "/speakers", 422, json={"name": "Mum"} | bad))["message"]


async def test_an_account_has_so_many_speakers_and_no_more(house: ApiHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main_server.api.resources.speakers.MOST_SPEAKERS", 1)
    owner = await house.founder()
    await speaker(owner)
    assert await owner.refused("POST", "/speakers", 409, json={"name": "x"}) == "too_many"
