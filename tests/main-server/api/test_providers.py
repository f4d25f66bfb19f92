"""Secrets of providers go in and never come out."""

from __future__ import annotations

import pytest

from fakes.api_people import ApiHouse

NEW = {
    "kind": "llm",
    "engine": "openai",
    "name": "Home",
    "options": {"url": "http://192.168.1.9:11434/v1", "temperature": 0.7, "stream": True},
    "secret": "sk-very-secret",
}


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
    gone = await owner.ask("PATCH", path, json={"secret": ""}, headers={"if-match": "*"})
    assert gone["has_secret"] is False


async def test_one_provider_is_the_default_of_its_kind(house: ApiHouse) -> None:
    owner = await house.founder()
    first = await owner.ask("POST", "/providers", 201, json=NEW | {"is_default": True})
    await owner.ask("POST", "/providers", 201, json=NEW | {"is_default": True, "kind": "tts"})
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
    await max_.refused("PATCH", path, 404, json={"options": {"url": "http://evil.test"}}, headers={"if-match": "*"})
    await max_.refused("DELETE", path, 404)
    await owner.ask("DELETE", path, 204)
    await owner.refused("GET", path, 404)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://", "http://a:b@host/", "gopher://x", "http://[", 7])
async def test_an_address_must_be_one_and_hold_no_password(house: ApiHouse, url: object) -> None:
    owner = await house.founder()
    answer = await owner.ask("POST", "/providers", 422, json=NEW | {"options": {"url": url}})
    assert "url must be" in answer["message"]
