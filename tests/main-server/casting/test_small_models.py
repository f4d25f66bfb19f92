"""Who writes a role's summaries: its small model, else its model, else what the account or the house has."""

from __future__ import annotations

from typing import Any

from fakes.troupe import Troupe
from main_server.brain.openai_model import OpenAIModel
from main_server.casting.small_models import SmallModels

AT_HOME = {"url": "http://192.168.1.9:11434/v1"}


def model_named(engine: Any) -> str:
    assert isinstance(engine, OpenAIModel)
    return engine._model  # type: ignore[no-any-return]


async def test_a_role_sums_up_with_its_small_model_and_else_with_its_own(house: Troupe) -> None:
    mine = await house.rows.account()
    small = await mine.provider("llm", "openai", AT_HOME | {"model": "tiny"})
    big = await mine.provider("llm", "openai", AT_HOME | {"model": "big"})
    both, one = await mine.role(model_id=big.id, small_model_id=small.id), await mine.role(model_id=big.id)
    models = SmallModels(house.company)
    async with models.of(both.id, mine.account_id) as model:
        assert model_named(model) == "tiny"
    async with models.of(one.id, mine.account_id) as model:
        assert model_named(model) == "big"


async def test_without_a_role_the_accounts_default_sums_up_and_else_the_houses(house: Troupe) -> None:
    mine, theirs = await house.rows.account(), await house.rows.account()
    default = await mine.provider("llm", "openai", AT_HOME | {"model": "usual"}, is_default=True)
    role = await mine.role(model_id=default.id)
    models = SmallModels(house.company)
    async with models.of("", mine.account_id) as model:
        assert model_named(model) == "usual"
    async with models.of(role.id, theirs.account_id) as model:  # another's role is none of theirs
        assert model is house.house.model


async def test_a_device_plays_with_the_small_model_of_its_role(house: Troupe) -> None:
    mine = await house.rows.account()
    small = await mine.provider("llm", "openai", AT_HOME | {"model": "tiny"})
    await mine.device("aa:bb", await mine.role(small_model_id=small.id))
    cast = (await house.begun("aa:bb")).now()
    assert model_named(cast.engines.small) == "tiny" and cast.engines.model is house.house.model
