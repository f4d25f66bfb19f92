"""A whole chain in one switch."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.api_people import ApiHouse
from main_server.forms.engines import fault_of
from main_server.forms.presets import PRESETS

WITH_KEY = {"json": {"secret": "sk-vendor"}}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_is_a_whole_chain_that_its_forms_take(preset: Any) -> None:
    assert sorted(part.kind for part in preset.parts) == ["asr", "llm", "tts"]
    for part in preset.parts:
        assert fault_of(part.kind, part.engine, dict(part.options)) == ""
    local = [part for part in preset.parts if part.engine == "local"]
    assert bool(local) == ("本机" in preset.help.zh)  # what the vendor lacks is said


async def test_a_preset_makes_a_chain_and_makes_it_the_default(house: ApiHouse) -> None:
    told: list[str] = []
    house.parts.changed = told.append
    owner = await house.founder()
    made = (await owner.ask("POST", "/presets/deepseek/apply", **WITH_KEY))["items"]
    assert [(each["kind"], each["engine"], each["has_secret"], each["is_default"]) for each in made] == [
        ("llm", "openai", True, True), ("asr", "local", False, True), ("tts", "local", False, True),
    ]  # fmt: skip
    assert made[0]["options"] == {"url": "https://api.deepseek.com/v1", "model": "deepseek-chat"}
    assert told == [owner.id]
    assert "sk-vendor" not in str([made, await owner.ask("GET", "/audit")])


async def test_applying_again_updates_what_was_made_and_keeps_its_key(house: ApiHouse) -> None:
    owner = await house.founder()
    await owner.ask("POST", "/presets/openai/apply", **WITH_KEY)
    first = (await owner.ask("GET", "/providers"))["items"]
    llm = next(each for each in first if each["kind"] == "llm")
    options = llm["options"] | {"model": "another", "temperature": 0.3}
    await owner.ask("PATCH", f"/providers/{llm['id']}", json={"options": options}, headers={"if-match": "*"})
    await owner.ask("POST", "/presets/all_local/apply", json={})
    await owner.ask("POST", "/presets/openai/apply", json={})
    items = (await owner.ask("GET", "/providers"))["items"]
    assert len(items) == 3 + 3
    chain = [each for each in items if each["is_default"]]
    assert sorted(each["kind"] for each in chain) == ["asr", "llm", "tts"]
    assert all(each["name"] == "OpenAI" and each["has_secret"] for each in chain)
    again = next(each for each in chain if each["kind"] == "llm")
    assert again["options"]["temperature"] == 0.3 and again["options"]["model"] == llm["options"]["model"]


async def test_a_vendor_without_a_key_is_refused_and_nothing_is_made(house: ApiHouse) -> None:
    owner = await house.founder()
    assert await owner.refused("POST", "/presets/grok/apply", 422, json={}) == "key_missing"
    assert await owner.refused("POST", "/presets/none/apply", 404, json={}) == "not_found"
    assert (await owner.ask("GET", "/providers"))["items"] == []
    viewer = await house.invited(owner, "vera", "viewer")
    await viewer.refused("POST", "/presets/all_local/apply", 403, json={})
    listed = (await viewer.ask("GET", "/presets"))["items"]
    assert [each["name"] for each in listed] == [preset.name for preset in PRESETS]
    assert {each["name"]: each["wants_key"] for each in listed}["ollama"] is False


async def test_a_key_is_not_taken_from_a_provider_that_leads_elsewhere(house: ApiHouse) -> None:
    owner = await house.founder()
    mine = {"kind": "llm", "engine": "openai", "name": "DeepSeek", "secret": "sk-other"}
    options = {"url": "https://proxy.example.com/v1", "model": "m"}
    await owner.ask("POST", "/providers", 201, json=mine | {"options": options})
    assert await owner.refused("POST", "/presets/deepseek/apply", 422, json={}) == "key_missing"
