"""Templates come with a release, follow it, and leave alone what people made of them."""

from __future__ import annotations

import dataclasses
import re

import pytest
from sqlalchemy import select

from contracts.hearing import Patience
from main_server.store import role_templates
from main_server.store.engine import open_database
from main_server.store.migrate import migrate
from main_server.store.models import Account, Role, RoleVersion
from main_server.store.role_templates import Template, templates
from main_server.store.roles import BODY, Roles, body_of

EVERY = list(templates().values())


@pytest.mark.parametrize("template", EVERY, ids=[template.key for template in EVERY])
def test_a_template_is_written_to_be_listened_to(template: Template) -> None:
    body = template.body
    assert set(body) <= set(BODY)
    assert template.audience in ("zh", "en")
    assert all((body["name"], body["greeting"], template.description, template.tag))
    assert body["patience"] in set(Patience)
    assert all(0.75 <= body[name] <= 1.2 for name in ("speed", "pitch", "volume"))
    assert 300 < len(body["persona"]) + (900 if template.audience == "zh" else 0) < 4_000
    assert not re.search(r"^\s*([-*#]|\d+\.)|https?:|\*", body["persona"], re.MULTILINE), "a list or a heading"
    assert not re.search(r"[^\n]\n[^\n]", body["persona"]), "a paragraph is one line"
    goodbye = {"zh": "再见", "en": "goodbye"}[template.audience]
    assert goodbye in body["exit_phrases"]
    assert len(body["greeting"]) < 90


def test_there_are_five_and_more_in_each_language_none_like_another() -> None:
    for audience in ("zh", "en"):
        of_one = [template for template in EVERY if template.audience == audience]
        assert len(of_one) >= 5
        assert len({template.body["name"] for template in of_one}) == len(of_one)


async def test_a_migrated_database_holds_every_template_with_its_version(any_url: str) -> None:
    await migrate(any_url)
    await migrate(any_url)
    database = open_database(any_url)
    async with database.reading() as session:
        roles = list(await session.scalars(select(Role)))
        versions = list(await session.scalars(select(RoleVersion)))
    await database.close()
    assert {role.template for role in roles} == set(templates())
    assert {(kept.role_id, kept.version, kept.editor) for kept in versions} == {(r.id, 1, "Zhiyin") for r in roles}
    bodies = {kept.role_id: kept.body for kept in versions}
    assert all(bodies[role.id] == body_of(role) for role in roles)
    assert all(role.account_id is None for role in roles)


async def test_a_release_that_rewrites_a_template_leaves_copies_alone(
    any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(any_url)
    database = open_database(any_url)
    async with database.writing() as session:
        ana = Account(name="ana", rank="member", password_hash="-", language="")
        session.add(ana)
        await session.flush()
        first = (await session.scalars(select(Role).where(Role.template == "zh-cook"))).one()
        copy = await Roles(session).add(ana.id, body_of(first), "ana")
    rewritten = dict(templates())
    cook = rewritten["zh-cook"]
    rewritten["zh-cook"] = dataclasses.replace(cook, body=cook.body | {"persona": "新的"})
    monkeypatch.setattr(role_templates, "templates", lambda: rewritten)
    await migrate(any_url)
    async with database.reading() as session:
        now = await session.get_one(Role, first.id)
        kept = await session.get_one(Role, copy.id)
        numbers = await session.scalars(select(RoleVersion.version).where(RoleVersion.role_id == first.id))
        assert (now.persona, now.version, sorted(numbers)) == ("新的", 2, [1, 2])
        assert (now.updated_at, kept.persona, kept.version) == (first.updated_at, cook.body["persona"], 1)
    await database.close()
