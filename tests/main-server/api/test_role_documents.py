"""A role travels from one account to another, by names."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.api_people import ApiHouse
from fakes.api_roles import FULL, a_template, made, provider


async def test_a_role_arrives_elsewhere_as_it_left(house: ApiHouse) -> None:
    owner = await house.founder()
    model = await provider(owner, name="Home")
    role = await made(owner, **FULL, model_id=model, small_model_id=await provider(owner, name="Small"))
    document = await owner.ask("GET", f"/roles/{role['id']}/document")
    assert document["format"] == 1
    assert (document["role"]["model"], document["role"]["small_model"], document["role"]["voice"]) == (
        "Home",
        "Small",
        "",
    )
    assert owner.id not in str(document)
    assert model not in str(document)
    max_ = await house.invited(owner, "max")
    theirs = await provider(max_, name="Home")
    await provider(max_, name="Small", kind="asr")
    arrived = await max_.ask("POST", "/roles/import", 201, json=document)
    assert arrived["role"] | FULL == arrived["role"]
    assert (arrived["role"]["model_id"], arrived["role"]["small_model_id"]) == (theirs, None)
    assert arrived["unmatched"] == [{"field": "small_model", "name": "Small"}]
    again = await max_.ask("GET", f"/roles/{arrived['role']['id']}/document")
    assert again["role"] == document["role"] | {"small_model": ""}


async def test_a_template_can_be_taken_along(house: ApiHouse) -> None:
    owner = await house.founder()
    template = await a_template(owner, "zh-cook")
    answer = await owner.http.get(f"/api/roles/{template['id']}/document")
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename*=UTF-8''%E7%81%B6")
    arrived = await owner.ask("POST", "/roles/import", 201, json=answer.json())
    assert arrived["role"]["persona"] == template["persona"]
    assert arrived["unmatched"] == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"format": 2, "role": {"name": "Pip"}}, "unknown_format"),
        ({"format": "x", "role": {"name": "Pip"}}, "invalid"),
        ({"role": {"name": "Pip"}}, "invalid"),
        ({"format": 1}, "invalid"),
        ({"format": 1, "role": {}}, "invalid"),
        ({"format": 1, "role": {"name": "Pip", "speed": 99}}, "invalid"),
        ({"format": 1, "role": {"name": "Pip", "model_id": "0" * 32}}, "invalid"),
        ({"format": 1, "role": {"name": "Pip", "replacements": {"a": "b"}}}, "invalid"),
        ({"format": 1, "role": {"name": "Pip", "account_id": "x"}}, "invalid"),
        ([], "invalid"),
        ("junk", "invalid"),
        (None, "invalid"),
    ],
)
async def test_a_document_that_is_none_makes_no_role(house: ApiHouse, document: Any, code: str) -> None:
    owner = await house.founder()
    assert await owner.refused("POST", "/roles/import", 422, json=document) == code
    assert (await owner.ask("GET", "/roles?templates=false"))["items"] == []


async def test_bytes_that_are_no_json_are_refused(house: ApiHouse) -> None:
    owner = await house.founder()
    for content in (b"", b"{", b"\xff\xfe", b"[" * 50_000, b'{"format":1,"role":{"name":"\\ud800"}}'):
        answer = await owner.http.post(
            "/api/roles/import", content=content, headers={"content-type": "application/json"}
        )
        assert 400 <= answer.status_code < 500, content[:20]
