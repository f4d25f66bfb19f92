"""Voices: names that engines know, kept under names that people know."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from contracts.errors import EngineUnavailable
from contracts.speech import Voice as EngineVoice
from fakes.api_people import ApiHouse, Person
from fakes.api_roles import ANY, NOBODYS, made, provider
from main_server.forms.trial import Trial
from main_server.store.models import Voice, utc_now

PAYLOAD = "<img src=x onerror=alert(1)>"


async def voice(person: Person, **more: Any) -> dict[str, Any]:
    body = {"name": "Nova", "engine_voice": "nova", "language": "en"} | more
    shown: dict[str, Any] = await person.ask("POST", "/voices", 201, json=body)
    return shown


async def test_a_voice_is_made_edited_and_chosen_by_a_role(house: ApiHouse) -> None:
    owner = await house.founder()
    speech = await provider(owner, kind="tts")
    one = await voice(owner, provider_id=speech)
    assert (one["has_clip"], one["transcript"], one["consent_at"], one["provider_id"]) == (False, "", None, speech)
    path = f"/voices/{one['id']}"
    tag = {"if-match": await owner.etag(path)}
    edited = await owner.ask("PATCH", path, json={"name": PAYLOAD, "provider_id": None}, headers=tag)
    assert (edited["name"], edited["engine_voice"], edited["provider_id"]) == (PAYLOAD, "nova", None)
    assert await owner.refused("PATCH", path, 412, json={"name": "late"}, headers=tag) == "changed_meanwhile"
    assert await owner.refused("PATCH", path, 428, json={"name": "late"}) == "etag_missing"
    answer = await owner.http.get(f"/api{path}")
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("application/json", "nosniff")
    role = await made(owner, voice_id=one["id"])
    assert role["voice_id"] == one["id"]
    assert (await owner.ask("GET", f"/roles/{role['id']}/document"))["role"]["voice"] == PAYLOAD
    assert await owner.ask("DELETE", path) == {"role_count": 1}
    assert (await owner.ask("GET", f"/roles/{role['id']}"))["voice_id"] is None


async def test_a_document_finds_its_voice_by_name(house: ApiHouse) -> None:
    owner = await house.founder()
    one = await voice(owner)
    document = {"format": 1, "role": {"name": "Pip", "voice": "Nova"}}
    assert (await owner.ask("POST", "/roles/import", 201, json=document))["role"]["voice_id"] == one["id"]
    max_ = await house.invited(owner, "max")
    arrived = await max_.ask("POST", "/roles/import", 201, json=document)
    assert (arrived["role"]["voice_id"], arrived["unmatched"]) == (None, [{"field": "voice", "name": "Nova"}])


async def test_voices_are_found_by_name_and_provider(house: ApiHouse) -> None:
    owner = await house.founder()
    speech = await provider(owner, kind="tts")
    for name, key in (("Nova", None), ("晓晓", speech)):
        await voice(owner, name=name, provider_id=key)
    assert [one["name"] for one in (await owner.ask("GET", "/voices"))["items"]] == ["晓晓", "Nova"]
    assert [one["name"] for one in (await owner.ask("GET", f"/voices?provider={speech}"))["items"]] == ["晓晓"]
    assert [one["name"] for one in (await owner.ask("GET", "/voices?q=晓"))["items"]] == ["晓晓"]


async def test_a_voice_of_another_is_not_there(house: ApiHouse) -> None:
    owner = await house.founder()
    speech, one = await provider(owner, kind="tts"), await voice(owner)
    max_ = await house.invited(owner, "max")
    path = f"/voices/{one['id']}"
    assert (await max_.ask("GET", "/voices"))["items"] == []
    assert (await max_.ask("GET", f"/voices?provider={speech}"))["items"] == []
    await max_.refused("GET", path, 404)
    await max_.refused("PATCH", path, 404, json={"name": "mine"}, headers=ANY)
    await max_.refused("DELETE", path, 404)
    await max_.refused("GET", f"/providers/{speech}/voices", 404)
    assert await max_.refused("POST", "/roles", 422, json={"name": "Pip", "voice_id": one["id"]}) == "not_yours"
    new = {"name": "x", "engine_voice": "x"}
    assert await max_.refused("POST", "/voices", 422, json=new | {"provider_id": speech}) == "not_yours"
    his = f"/voices/{(await voice(max_))['id']}"
    assert await max_.refused("PATCH", his, 422, json={"provider_id": speech}, headers=ANY) == "not_yours"
    listens = await provider(max_, kind="asr")
    assert await max_.refused("POST", "/voices", 422, json=new | {"provider_id": listens}) == "not_yours"
    viewer = await house.invited(owner, "vera", "viewer")
    assert (await viewer.ask("GET", path)) == one
    assert await viewer.refused("POST", "/voices", 403, json=new) == "viewer"
    assert await viewer.refused("PATCH", path, 403, json={"name": "x"}, headers=ANY) == "viewer"
    assert await viewer.refused("DELETE", path, 403) == "viewer"


async def test_the_clip_of_a_cloned_voice_is_only_shown(house: ApiHouse) -> None:
    owner = await house.founder()
    cloned = Voice(account_id=owner.id, name="Mum", clip_key="clips/1", transcript="Hello.", consent_at=utc_now())
    async with house.parts.database.writing() as session:
        session.add(cloned)
    path = f"/voices/{cloned.id}"
    shown = await owner.ask("GET", path)
    assert (shown["has_clip"], shown["transcript"]) == (True, "Hello.")
    assert "clips/1" not in str(shown)
    assert await owner.refused("PATCH", path, 409, json={"engine_voice": "x"}, headers=ANY) == "cloned"
    for member in ("clip_key", "transcript", "consent_at"):
        assert await owner.refused("PATCH", path, 422, json={member: "x"}, headers=ANY) == "invalid"
    assert (await owner.ask("PATCH", path, json={"name": "Mother"}, headers=ANY))["has_clip"] is True


@pytest.mark.parametrize(
    "bad",
    [{"name": ""}, {"name": "x" * 129}, {"engine_voice": ""}, {"language": "x y"}, {"provider_id": "x"}, {"id": "x"}],
)
async def test_a_value_out_of_bounds_is_named(house: ApiHouse, bad: dict[str, Any]) -> None:
    owner = await house.founder()
    answer = await owner.ask("POST", "/voices", 422, json={"name": "Nova", "engine_voice": "nova"} | bad)
    assert next(iter(bad)) in answer["message"]


async def test_an_account_has_so_many_voices_and_no_more(house: ApiHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main_server.api.resources.voices.MOST_VOICES", 1)
    owner = await house.founder()
    await voice(owner)
    assert await owner.refused("POST", "/voices", 409, json={"name": "x", "engine_voice": "x"}) == "too_many"


async def test_an_engine_is_asked_what_it_offers(house: ApiHouse) -> None:
    owner = await house.founder()
    speech = await provider(owner, kind="tts")
    path = f"/providers/{speech}/voices"
    assert await owner.refused("GET", path, 409) == "voices_unknown"
    assert await owner.refused("GET", "/server/voices", 409) == "voices_unknown"
    asked: list[str] = []

    async def offered(provider: Trial | None) -> Sequence[EngineVoice]:
        asked.append(provider.kind if provider is not None else "")
        return [EngineVoice("xx", "晓晓", ("zh-CN", "en"))]

    house.parts.voices_of = offered
    item = {"id": "xx", "name": "晓晓", "languages": ["zh-CN", "en"]}
    assert await owner.ask("GET", path) == await owner.ask("GET", "/server/voices") == {"items": [item]}
    assert asked == ["tts", ""]
    await owner.refused("GET", f"/providers/{await provider(owner)}/voices", 404)
    await owner.refused("GET", f"/providers/{NOBODYS}/voices", 404)
    await house.stranger().ask("GET", "/server/voices", 401)


async def test_an_engine_that_is_away_or_says_nothing_is_a_sentence(
    house: ApiHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await house.founder()

    async def away(provider: Trial | None) -> Sequence[EngineVoice]:
        raise EngineUnavailable("The voice at 192.168.1.9 does not answer.", engine="openai")

    async def mute(provider: Trial | None) -> Sequence[EngineVoice]:
        await asyncio.Event().wait()
        return []

    house.parts.voices_of = away
    answer = await owner.ask("GET", "/server/voices", 503)
    assert answer == {"code": "engine_unavailable", "message": "The voice at 192.168.1.9 does not answer."}
    monkeypatch.setattr("main_server.api.resources.voices.LISTING_S", 0.01)
    house.parts.voices_of = mute
    assert await owner.refused("GET", "/server/voices", 503) == "engine_timeout"


async def test_whoever_talks_learns_of_another_voice(house: ApiHouse) -> None:
    owner = await house.founder()
    told: list[str] = []
    house.parts.changed = told.append
    path = f"/voices/{(await voice(owner))['id']}"
    await owner.ask("PATCH", path, json={"name": "x"}, headers=ANY)
    await owner.ask("DELETE", path)
    assert told == [owner.id] * 3
