"""Engines of accounts are shared, bounded, and closed when nobody needs them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from contracts.errors import EngineBusy
from main_server.casting.making import EngineMaker, Made
from main_server.casting.pool import EnginePool
from main_server.casting.spec import Spec


@dataclass(eq=False)
class Engine:
    name: str = "openai"
    closed: int = 0

    async def close(self) -> None:
        self.closed += 1


@dataclass
class Maker(EngineMaker):
    made: list[Engine] = field(default_factory=list)
    takes_s: float = 0.0

    async def make(self, spec: Spec) -> Made:
        await asyncio.sleep(self.takes_s)
        self.made.append(Engine())
        return Made(self.made[-1], shared=spec.engine == "local")


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


ONE = Spec("p1", "llm", "openai", (("model", "m"), ("url", "https://a/v1")), "sk")


def pool(**more: Any) -> tuple[EnginePool, Maker, Clock]:
    maker, clock = Maker(), Clock()
    return EnginePool(maker, clock=clock, **more), maker, clock


async def test_equal_specs_share_an_engine_and_another_key_is_another_engine() -> None:
    engines, maker, _ = pool()
    one, same = await engines.take(ONE), await engines.take(replace(ONE, name="renamed"))
    other = await engines.take(replace(ONE, secret="sk-2"))
    assert one is same and other is not one and len(maker.made) == 2
    assert "sk" not in repr(one.spec).replace("sk-", "")


async def test_two_who_ask_at_once_get_one() -> None:
    engines, maker, _ = pool()
    maker.takes_s = 0.01
    one, two = await asyncio.gather(engines.take(ONE), engines.take(ONE))
    assert one is two and one.users == 2


async def test_an_engine_is_closed_when_long_unused_and_not_while_a_turn_may_use_it() -> None:
    engines, maker, clock = pool(idle_s=600)
    held = await engines.take(ONE)
    clock.now_s = 10_000
    await engines.sweep()
    assert len(engines) == 1
    engines.give_back(held)
    clock.now_s += 599
    await engines.sweep()
    assert maker.made[0].closed == 0
    clock.now_s += 1
    await engines.sweep()
    assert maker.made[0].closed == 1 and len(engines) == 0
    assert engines.recogniser(held.reference) is None


async def test_a_full_pool_lets_the_longest_unused_go_and_refuses_when_all_are_used() -> None:
    engines, maker, clock = pool(most=2)
    specs = [replace(ONE, provider_id=f"p{number}") for number in range(4)]
    first, second = await engines.take(specs[0]), await engines.take(specs[1])
    with pytest.raises(EngineBusy):
        await engines.take(specs[2])
    engines.give_back(second)
    clock.now_s = 5
    engines.give_back(first)
    await engines.take(specs[2])
    assert [engine.closed for engine in maker.made] == [0, 1, 0]


async def test_what_others_own_is_not_closed() -> None:
    engines, maker, _ = pool()
    await engines.take(replace(ONE, engine="local"))
    await engines.take(ONE)
    await engines.close()
    assert [engine.closed for engine in maker.made] == [0, 1]


async def test_a_line_is_one_for_all_until_one_of_its_engines_goes() -> None:
    engines, _, _ = pool()
    held, houses = await engines.take(ONE), Engine("house")
    line = engines.line("model", [held.engine, houses])
    assert engines.line("model", [held.engine, houses]) is line
    assert engines.line("model", [houses, held.engine]) is not line
    await engines.close()
    assert engines.line("model", [held.engine, houses]) is not line
