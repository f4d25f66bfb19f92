"""An edit reaches the talks under way: at once from this process, soon from another, and none is made for nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fakes.troupe import Troupe
from main_server.casting.watch import Watch
from main_server.store.casts import Casts
from main_server.store.models import Rank
from main_server.store.providers import Providers
from main_server.store.server_settings import ServerSettings

TOY = "aa:bb:cc:dd:ee:01"
AWAY = {"url": "https://api.example.com/v1", "model": "m"}


async def test_each_kind_of_edit_is_seen(house: Troupe) -> None:
    mine = await house.rows.account()
    tts = await mine.provider("tts", "openai", AWAY)
    voice = await mine.voice(provider_id=tts.id, engine_voice="one")
    role = await mine.role(voice_id=voice.id)
    device = await mine.device(TOY, role)
    casting = await house.begun(TOY)

    async def seen(edit: Any) -> bool:
        before = casting.now()
        await edit
        await house.company.watch.look()
        return casting.now() is not before

    assert await seen(mine.edit(role, persona="You are Lulu."))
    assert await seen(mine.edit(voice, engine_voice="two"))
    assert await seen(mine.edit(tts, options=AWAY | {"model": "n"}))
    default = await mine.provider("llm", "offline", name="default")
    assert await seen(make_default(house, default.id, mine.account_id))
    assert await seen(mine.delete(default))
    assert await seen(mine.edit(device, role_id=None))
    assert casting.now().role.name == "Zhiyin"
    assert await seen(mine.edit(device, role_id=role.id))
    assert await seen(mine.delete(role))
    await casting.close()


async def test_private_engines_and_rank_are_seen(house: Troupe) -> None:
    mine = await house.rows.account(Rank.OWNER)
    await mine.provider("llm", "openai", AWAY, is_default=True)
    await mine.device(TOY)
    casting = await house.begun(TOY)
    before = casting.now()
    async with house.database.writing() as session:
        await ServerSettings(session).set_private_engines(False)
    await house.company.watch.look()
    assert casting.now() is not before


async def test_an_edit_that_changes_nothing_of_the_talk_leaves_the_cast_alone(house: Troupe) -> None:
    mine = await house.rows.account()
    llm = await mine.provider("llm", "openai", AWAY, is_default=True)
    await mine.device(TOY)
    casting = await house.begun(TOY)
    before = casting.now()
    await mine.edit(llm, name="Another name")
    await mine.provider("asr", "local", {"engine": "auto"}, name="not used")
    await house.company.watch.look()
    assert casting.now() is before


async def test_a_notice_looks_at_once_and_at_that_accounts_toys_only(
    house: Troupe, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    ask = Casts.versions

    async def noted(self: Casts, device_ids: list[str]) -> Any:
        asked.append(list(device_ids))
        return await ask(self, device_ids)

    mine, theirs = await house.rows.account(), await house.rows.account()
    role = await mine.role()
    await mine.device(TOY, role)
    await theirs.device("theirs")
    castings = [await house.begun(TOY), await house.begun("theirs")]
    monkeypatch.setattr(Casts, "versions", noted)
    monkeypatch.setattr("main_server.casting.watch.PERIOD_S", 3600)
    house.company.watch._period_s = 3600
    house.company.start()
    await mine.edit(role, name="Lola")
    house.company.changed(mine.account_id)
    async with asyncio.timeout(10):
        while castings[0].now().role.name != "Lola":
            await asyncio.sleep(0.005)
    assert asked[0] == [TOY] and ["theirs"] not in asked


async def test_another_process_edit_is_seen_within_the_period(house: Troupe) -> None:
    mine = await house.rows.account()
    role = await mine.role()
    await mine.device(TOY, role)
    casting = await house.begun(TOY)
    house.company.watch._period_s = 0.02
    house.company.start()
    await mine.edit(role, name="Lola")
    async with asyncio.timeout(10):
        while casting.now().role.name != "Lola":
            await asyncio.sleep(0.005)


async def test_a_hundred_toys_cost_one_query_and_none_costs_none(
    house: Troupe, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import event

    mine = await house.rows.account()
    toys = [f"toy {number}" for number in range(100)]
    for toy in toys:
        await mine.device(toy)
    statements: list[str] = []
    event.listen(house.database.engine.sync_engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    await house.company.watch.look()
    assert statements == []
    castings = [await house.begun(toy) for toy in toys]
    statements.clear()
    await house.company.watch.look()
    assert len([each for each in statements if each.lstrip().upper().startswith("SELECT")]) == 1
    for casting in castings:
        await casting.close()


async def test_the_watch_goes_on_after_a_failure(house: Troupe, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = await house.rows.account()
    role = await mine.role()
    await mine.device(TOY, role)
    casting = await house.begun(TOY)
    failures = 0
    ask = Casts.versions

    async def fails_twice(self: Casts, device_ids: list[str]) -> Any:
        nonlocal failures
        failures += 1
        if failures < 3:
            raise OSError("the disk is away")
        return await ask(self, device_ids)

    monkeypatch.setattr(Casts, "versions", fails_twice)
    watch: Watch = house.company.watch
    watch._period_s = 0.01
    await mine.edit(role, name="Lola")
    house.company.start()
    async with asyncio.timeout(10):
        while casting.now().role.name != "Lola":
            await asyncio.sleep(0.005)


async def make_default(house: Troupe, provider_id: str, account_id: str) -> None:
    async with house.database.writing() as session:
        providers = Providers(session, house.rows.seal)
        row = await providers.of_account(account_id, provider_id)
        assert row is not None
        await providers.make_default(row)
