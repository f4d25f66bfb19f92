"""Secrets of providers go in and never come out, and options fit the engine's form."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.api_people import ApiHouse

NEW = {
    "kind": "llm",
    "engine": "openai",
    "name": "Home",
    "options": {"url": "http://192.168.1.9:11434/v1", "model": "qwen3", "temperature": 0.7},
    "secret": "sk-very-secret",
}
VOICE = NEW | {"kind": "tts", "options": {"url": "https://api.example.com/v1", "voice": "nova"}}
EDIT: dict[str, Any] = {"headers": {"if-match": "*"}}


async def test_a_secret_is_never_shown_and_never_in_the_audit_log(house: ApiHouse) -> None:
    owner = await house.founder()
    answer = await owner.http.post("/api/providers", json=NEW)
    made = answer.json()
    assert (made["has_secret"], made["options"]) == (True, NEW["options"])
    path = f"/providers/{made['id']}"
    tag = {"if-match": answer.headers["etag"]}
    edited = await owner.ask("PATCH", path, json={"name": "Attic"}, headers=tag)
    assert (edited["name"], edited["has_secret"]) == ("Attic", True)
    everything = [await owner.ask("GET", at) for at in ("/providers", path, "/audit")]
    assert "sk-very-secret" not in str([made, edited, *everything])
    gone = await owner.ask("PATCH", path, json={"secret": ""}, **EDIT)
    assert gone["has_secret"] is False


async def test_one_provider_is_the_default_of_its_kind(house: ApiHouse) -> None:
    owner = await house.founder()
    first = await owner.ask("POST", "/providers", 201, json=NEW | {"is_default": True})
    await owner.ask("POST", "/providers", 201, json=VOICE | {"is_default": True})
    second = await owner.ask("POST", "/providers", 201, json=NEW | {"is_default": True})
    shown = (await owner.ask("GET", "/providers?kind=llm"))["items"]
    assert {item["id"]: item["is_default"] for item in shown} == {first["id"]: False, second["id"]: True}


async def test_a_provider_of_another_is_not_there(house: ApiHouse) -> None:
    owner = await house.founder()
    made = await owner.ask("POST", "/providers", 201, json=NEW)
    max_ = await house.invited(owner, "max")
    path = f"/providers/{made['id']}"
    assert (await max_.ask("GET", "/providers"))["items"] == []
    await max_.refused("GET", path, 404)
    await max_.refused("PATCH", path, 404, json={"options": {"url": "http://evil.test"}}, **EDIT)
    await max_.refused("DELETE", path, 404)
    await max_.refused("POST", f"{path}/test", 404)
    await max_.refused("POST", "/providers/test", 404, json=NEW | {"secret": "", "provider_id": made["id"]})
    await owner.ask("DELETE", path, 204)
    await owner.refused("GET", path, 404)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://", "http://a:b@host/", "gopher://x", "http://[", 7])
async def test_an_address_must_be_one_and_hold_no_password(house: ApiHouse, url: object) -> None:
    owner = await house.founder()
    answer = await owner.ask("POST", "/providers", 422, json=NEW | {"options": {"url": url, "model": "m"}})
    assert "url must be" in answer["message"]


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"temperature": 7}, "temperature must be from 0 to 2."),
    ({"max_tokens": 1.5}, "max_tokens must be a whole number."),
    ({"model": " "}, "model must not be empty."),
    ({"temprature": 1}, "temprature is no option of this engine; there are: url, model,"),
    ({"extra": "[1]"}, "extra must be a JSON object"),
    ({"currency": "gold"}, "currency must be one of USD, CNY"),
])  # fmt: skip
async def test_options_must_fit_the_engines_form(house: ApiHouse, changes: dict[str, Any], sentence: str) -> None:
    owner = await house.founder()
    options = NEW["options"] | changes  # type: ignore[operator]
    told = await owner.ask("POST", "/providers", 422, json=NEW | {"options": options})
    assert sentence in told["message"]
    made = await owner.ask("POST", "/providers", 201, json=NEW)
    await owner.refused("PATCH", f"/providers/{made['id']}", 422, json={"options": options}, **EDIT)


async def test_an_engine_that_does_not_serve_is_told_with_those_that_do(house: ApiHouse) -> None:
    owner = await house.founder()
    told = await owner.ask("POST", "/providers", 422, json=NEW | {"engine": "espresso", "options": {}})
    assert told["message"] == "There is no engine espresso for llm; there are: openai, offline, ollama, llama_cpp."
    told = await owner.ask("POST", "/providers", 422, json=NEW | {"kind": "encoder", "options": {}})
    assert told["message"] == "No engine serves encoder yet."
    missing = await owner.ask("POST", "/providers", 422, json=NEW | {"options": {"model": "m"}})
    assert missing["message"] == "url is missing."


async def test_a_kept_secret_does_not_follow_an_address_to_another_server(house: ApiHouse) -> None:
    owner = await house.founder()
    made = await owner.ask("POST", "/providers", 201, json=NEW)
    path = f"/providers/{made['id']}"
    elsewhere = NEW["options"] | {"url": "https://evil.example.com/v1"}  # type: ignore[operator]
    assert await owner.refused("PATCH", path, 422, json={"options": elsewhere}, **EDIT) == "key_missing"
    draft = {name: NEW[name] for name in ("kind", "engine")} | {"options": elsewhere, "provider_id": made["id"]}
    assert await owner.refused("POST", "/providers/test", 422, json=draft) == "key_missing"
    same = NEW["options"] | {"url": "http://192.168.1.9:11434/v2"}  # type: ignore[operator]
    await owner.ask("PATCH", path, json={"options": same}, **EDIT)
    await owner.ask("PATCH", path, json={"options": elsewhere, "secret": ""}, **EDIT)


async def test_every_form_is_in_both_languages_and_its_defaults_are_good(house: ApiHouse) -> None:
    owner = await house.founder()
    forms = (await owner.ask("GET", "/engines"))["items"]
    assert {(form["kind"], form["engine"]) for form in forms} == {
        ("llm", "openai"), ("llm", "offline"), ("asr", "openai"), ("asr", "local"), ("tts", "openai"),
        ("tts", "local"), ("tts", "zhiyin"), ("asr", "funasr_server"), ("asr", "deepgram"),
            ("tts", "elevenlabs"), ("tts", "edge"), ("llm", "ollama"), ("llm", "llama_cpp"),
    }  # fmt: skip
    for form in forms:
        named = [form, *form["fields"], *form["addresses"], *(c for f in form["fields"] for c in f["choices"])]
        assert all(each["label"]["zh"] and each["label"]["en"] for each in named)
        options = {f["name"]: f["default"] for f in form["fields"] if f["default"] is not None}
        options |= {
            f["name"]: {"url": "https://a.example/v1"}.get(f["name"], "x")
            for f in form["fields"]
            if f["required"] and f["name"] not in options
        }
        body = {"kind": form["kind"], "engine": form["engine"], "name": "x", "options": options}
        await owner.ask("POST", "/providers", 201, json=body)


async def test_who_edits_is_told_to_the_talks_after_the_commit(house: ApiHouse) -> None:
    told: list[str] = []
    house.parts.changed = told.append
    owner = await house.founder()
    made = await owner.ask("POST", "/providers", 201, json=NEW)
    await owner.ask("PATCH", f"/providers/{made['id']}", json={"name": "x"}, **EDIT)
    await owner.refused("PATCH", f"/providers/{made['id']}", 422, json={"options": {}}, **EDIT)
    await owner.ask("DELETE", f"/providers/{made['id']}", 204)
    assert told == [owner.id] * 3
