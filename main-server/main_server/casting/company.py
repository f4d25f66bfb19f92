"""What all castings of a process share: the house's engines, the pool of accounts' engines, and news from the store."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from contracts.audio import OpusFormat
from contracts.errors import EngineError
from contracts.language_model import LanguageModel
from contracts.speech import Synthesizer, VoiceChoice
from main_server.casting.making import LocalEngines
from main_server.casting.pool import EnginePool, Held
from main_server.casting.recipe import Cook, OpenSecret, Recipe
from main_server.casting.role_drafts import RoleDrafts
from main_server.casting.spec import Spec
from main_server.casting.store_casting import StoreCasting
from main_server.casting.watch import Watch
from main_server.conversation.cast import Cast, Engines
from main_server.conversation.ports import Voice
from main_server.conversation.role import Role
from main_server.failover.streams import FailoverModel, FailoverSynthesizer
from main_server.store.engine import Database

log = logging.getLogger(__name__)


class VoiceAt(Protocol):
    """A synthesizer in a device's format; `cache_as` tells apart voices that have the same name."""

    def __call__(
        self, synthesizer: Synthesizer, choice: VoiceChoice, downlink: OpusFormat, *, cache_as: str = ""
    ) -> Voice: ...


@dataclass(frozen=True, slots=True)
class HouseEngines:
    """What the house plays with where an account has chosen nothing. `hears_here`: its ears take other recognisers."""

    model: LanguageModel
    voice: Synthesizer
    voice_name: str
    spare_voice: Synthesizer
    recogniser: Any
    role: Role
    hears_here: bool = True


@dataclass(frozen=True, slots=True)
class Staged:
    """A cast, and the engines that are taken from the pool for it."""

    cast: Cast
    held: tuple[Held, ...] = ()


class Company:
    """`start` on the event loop, `close` before the house's engines are closed."""

    def __init__(
        self,
        database: Database,
        house: HouseEngines,
        pool: EnginePool,
        local: LocalEngines,
        voice_at: VoiceAt,
        open_secret: OpenSecret,
    ) -> None:
        self.database = database
        self.pool = pool
        self.watch = Watch(database, pool.sweep)
        self.role_drafts = RoleDrafts()
        self.cook = Cook(house.role, house.voice_name, open_secret)
        self._house = house
        self._local = local
        self._voice_at = voice_at

    def casting(self, device_id: str, downlink: OpusFormat, role_id: str = "") -> StoreCasting:
        """Of one session; `role_id` "" = with its device's own role."""
        return StoreCasting(self, device_id, downlink, role_id)

    def changed(self, account_id: str) -> None:
        """An account's roles, voices, providers or devices were edited: its sessions look at once."""
        self.watch.notice(account_id)

    def start(self) -> None:
        self.watch.start()

    async def close(self) -> None:
        await self.watch.close()
        await self.pool.close()
        await self._local.close()

    def houses(self, downlink: OpusFormat) -> Cast:
        """The house's own cast."""
        house, choice = self._house, VoiceChoice(voice=self._house.voice_name)
        return Cast(
            Engines(
                model=for_session(house.model),
                voice=self._voice_at(for_session(house.voice), choice, downlink),
                spare_voice=self._voice_at(house.spare_voice, VoiceChoice(), downlink),
                recogniser=house.recogniser.name,
                ears=house.recogniser,
                small=for_session(house.model),
            ),
            house.role,
        )

    @asynccontextmanager
    async def small_model(self, recipe: Recipe) -> AsyncIterator[LanguageModel]:
        """What writes summaries and titles by a recipe, while the block lasts."""
        work = _Staging(self.pool, [])
        try:
            small = await work.take(recipe.small)
            model = small.engine if small else (await self._model(recipe, work))[0]
            yield for_session(model)
        finally:
            work.give_back()

    async def stage(self, recipe: Recipe, downlink: OpusFormat) -> Staged:
        """Casts by a recipe. What cannot be had is a sentence in the cast's `problem`, and the house's serves."""
        work = _Staging(self.pool, list(recipe.problems))
        try:
            return await self._stage(recipe, work, downlink)
        except BaseException:
            work.give_back()  # cancelled half-way, mostly
            raise

    async def _stage(self, recipe: Recipe, work: _Staging, downlink: OpusFormat) -> Staged:
        cast = self.houses(downlink)
        model, prices = await self._model(recipe, work)
        small = await work.take(recipe.small)
        voice = await self._voice(recipe, work, downlink)
        recogniser = await work.take(recipe.recogniser) if self._house.hears_here else None
        engines = replace(
            cast.engines, model=model, voice=voice, prices=prices, small=small.engine if small else for_session(model)
        )
        role = recipe.role
        if recogniser is not None:
            engines = replace(engines, recogniser=recogniser.engine.name, ears=recogniser.engine)
            role = replace(role, recogniser=recogniser.reference)
        return Staged(Cast(engines, role, " ".join(work.problems)), tuple(work.held))

    async def _model(self, recipe: Recipe, work: _Staging) -> tuple[LanguageModel, dict[str, Any]]:
        found = []
        for spec, price in zip(recipe.models, recipe.prices, strict=True):
            held = await work.take(spec)
            if held is not None:
                found.append((held.engine, price))
            elif spec is None:
                found.append((self._house.model, None))
        if not found:
            return for_session(self._house.model), {}
        if len(found) == 1:
            [(engine, price)] = found
            return for_session(engine), {engine.name: price} if price else {}
        line = self.pool.line("model", [engine for engine, _ in found])
        prices = {entry.name: price for entry, (_, price) in zip(line.entries, found, strict=True) if price}
        return FailoverModel(line), prices

    async def _voice(self, recipe: Recipe, work: _Staging, downlink: OpusFormat) -> Voice:
        found: list[tuple[Synthesizer, str]] = []
        cache_as = ""
        for spec, name in recipe.voices:
            held = await work.take(spec)
            if held is not None:
                found.append((held.engine, name))
                cache_as = "" if held.made.shared else held.reference
            elif spec is None:
                found.append((self._house.voice, name))
        if len(found) == 1:
            [(engine, name)] = found
            choice = replace(recipe.choice, voice=name)
            return self._voice_at(for_session(engine), choice, downlink, cache_as=cache_as)
        line = self.pool.line("voice", [engine for engine, _ in found])
        several = FailoverSynthesizer(line, [name for _, name in found])
        return self._voice_at(several, recipe.choice, downlink, cache_as=cache_as)


class _Staging:
    """Engines taken for one cast, and what was wrong with the others."""

    def __init__(self, pool: EnginePool, problems: list[str]) -> None:
        self._pool = pool
        self.held: list[Held] = []
        self.problems = problems

    async def take(self, spec: Spec | None) -> Held | None:
        """None for the house's own, and for what cannot be had."""
        if spec is None:
            return None
        try:
            held = await self._pool.take(spec)
        except EngineError as error:
            self.problems.append(f"The provider “{spec.name}” cannot be used, another serves: {error}")
            return None
        self.held.append(held)
        if held.made.problem:
            self.problems.append(held.made.problem)
        return held

    def give_back(self) -> None:
        for held in self.held:
            self._pool.give_back(held)


def for_session(engine: Any) -> Any:
    """A view of a failing-over engine whose `name` tells of one session only; any other engine as it is."""
    return engine.for_session() if isinstance(engine, FailoverModel | FailoverSynthesizer) else engine
