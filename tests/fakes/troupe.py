"""A company of castings on a real store, with scripted engines for the house's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from contracts.audio import OpusFormat, Pcm
from contracts.errors import EngineUnavailable
from contracts.speech import Synthesizer, VoiceChoice
from engine_choice.local import Chosen
from fakes.account_rows import KEY, AccountRows
from fakes.conversation_actors import ScriptedModel
from main_server.casting.company import Company, HouseEngines
from main_server.casting.making import EngineMaker, LocalEngines
from main_server.casting.pool import EnginePool
from main_server.casting.store_casting import StoreCasting
from main_server.conversation.role import Role
from main_server.store.engine import Database, open_database
from main_server.store.migrate import migrate
from main_server.store.providers import opener
from main_server.store.sealing import Seal

DOWNLINK = OpusFormat(24_000, 60)


@dataclass
class NamedVoice:
    """A synthesizer of which only the name counts; it says one piece."""

    name: str
    closed: int = 0
    choices: list[VoiceChoice] = field(default_factory=list)

    async def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        self.choices.append(choice)
        yield Pcm(b"\1\0" * 100, 16_000)

    async def warm(self) -> None: ...

    async def close(self) -> None:
        self.closed += 1


@dataclass
class ShownVoice:
    """A device's voice whose parts a test can look at."""

    synthesizer: Synthesizer
    choice: VoiceChoice
    downlink: OpusFormat
    cache_as: str = ""

    @property
    def name(self) -> str:
        return self.synthesizer.name

    async def speak(self, text: str, *, draft: bool = False) -> AsyncIterator[bytes]:
        yield text.encode()


class NoRecogniser(NamedVoice):
    """A recogniser that nobody asks."""

    speak = None  # type: ignore[assignment]


def _voice_at(synthesizer: Synthesizer, choice: VoiceChoice, downlink: OpusFormat, *, cache_as: str = "") -> ShownVoice:
    return ShownVoice(synthesizer, choice, downlink, cache_as)


def _no_recogniser(address: str) -> Chosen[object]:
    raise EngineUnavailable(f"There is no {address} here.", engine=address)


@dataclass
class Troupe:
    """The company and its house. `loaded` are the local voices that were looked for."""

    company: Company
    rows: AccountRows
    house: HouseEngines
    pool: EnginePool
    loaded: list[str]

    @property
    def database(self) -> Database:
        return self.company.database

    def casting(self, device_id: str) -> StoreCasting:
        return self.company.casting(device_id, DOWNLINK)

    async def begun(self, device_id: str) -> StoreCasting:
        casting = self.casting(device_id)
        await casting.begin()
        return casting


@asynccontextmanager
async def troupe(url: str, *, hears_here: bool = True, idle_s: float = 600.0, most: int = 256) -> AsyncIterator[Troupe]:
    """A company on the database at `url`, migrated. Its watch is not started: tests look themselves."""
    await migrate(url)
    database = open_database(url)
    seal = Seal([KEY])
    house = HouseEngines(
        model=ScriptedModel([], name="house model"),
        voice=NamedVoice("house voice"),
        voice_name="alloy",
        spare_voice=NamedVoice("espeak"),
        recogniser=NoRecogniser("house ears"),
        role=Role(),
        hears_here=hears_here,
    )
    loaded: list[str] = []

    def local_voice(address: str, voice: str) -> Chosen[Synthesizer]:
        loaded.append(address)
        return Chosen(NamedVoice(address.rpartition(":")[2]), "")

    local = LocalEngines(local_voice, _no_recogniser)  # type: ignore[arg-type]
    local.share(house.spare_voice, house.recogniser)
    pool = EnginePool(EngineMaker(local), idle_s=idle_s, most=most)
    company = Company(database, house, pool, local, _voice_at, opener(seal))
    try:
        yield Troupe(company, AccountRows(database, seal), house, pool, loaded)
    finally:
        await company.close()
        await database.close()
