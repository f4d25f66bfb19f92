"""Model and voice are connected to while the person still speaks, and a talk never waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.errors import EngineUnavailable
from contracts.hearing import ListenMode
from contracts.language_model import Author, Message, ToolSpec
from fakes.conversation_actors import Scene, ScriptedModel
from fakes.virtual_time import run_virtual
from main_server.conversation.ports import Detect, ListenStart
from main_server.conversation.role import Role

AUTO = ListenStart(ListenMode.AUTO)


@dataclass
class FarModel(ScriptedModel):
    """A model behind a network: connecting takes `connect_s`, or fails."""

    connect_s: float = 0.5
    fails: bool = False
    attempts: int = 0
    open: int = 0

    async def connect(self) -> None:
        self.attempts += 1
        await asyncio.sleep(self.connect_s)
        if self.fails:
            raise EngineUnavailable("nobody there", engine=self.name)
        self.open += 1


def test_the_connection_is_opened_with_the_hello_and_at_each_onset_of_speech() -> None:
    async def talk() -> None:
        model = FarModel(["Yes."])
        async with Scene(model) as scene:
            await asyncio.sleep(1)
            assert model.open == 1
            scene.session.device_event(AUTO)
            scene.ears.begins()
            scene.ears.resumes()
            await asyncio.sleep(1)
            assert model.open == 2

    run_virtual(talk())


def test_a_connection_that_hangs_or_fails_costs_the_talk_nothing() -> None:
    async def talk(model: FarModel) -> float:
        async with Scene(model) as scene:
            for _ in range(5):
                scene.ears.begins()
            scene.ears.hears("are you there")
            await asyncio.sleep(20)
            assert model.attempts == 1
        sound_ms = scene.turns[0].timings.first_sound_ms
        assert sound_ms is not None
        return sound_ms

    plain, hangs, fails = FarModel(["Yes."]), FarModel(["Yes."], connect_s=60), FarModel(["Yes."], fails=True)
    assert run_virtual(talk(plain)) == run_virtual(talk(hangs)) == run_virtual(talk(fails))


def test_a_session_that_ends_gives_up_connecting() -> None:
    async def talk() -> None:
        model = FarModel([], connect_s=60)
        async with Scene(model) as scene:
            scene.ears.begins()
            await asyncio.sleep(0.1)
        assert model.open == 0

    run_virtual(talk())  # which fails when a task outlives it


@dataclass
class ReadingModel(ScriptedModel):
    """A model that keeps what it has read; `hangs` never comes back from it."""

    hangs: bool = False
    beginnings: list[list[Message]] = field(default_factory=list)

    async def prepare(self, beginning: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        self.beginnings.append(list(beginning))
        if self.hangs:
            await asyncio.Event().wait()


def test_the_model_reads_once_what_every_request_of_the_talk_begins_with() -> None:
    async def talk() -> None:
        model = ReadingModel(["Yes.", "Indeed."])
        async with Scene(model, role=Role(persona="You are Lulu.")) as scene:
            scene.session.device_event(Detect("你好小智"))
            scene.session.device_event(AUTO)
            await asyncio.sleep(10)
            scene.ears.hears("are you there")
            await asyncio.sleep(10)
            scene.session.device_event(AUTO)
            await asyncio.sleep(1)
        assert model.beginnings == [[Message(Author.SYSTEM, "You are Lulu.")]]
        assert model.histories[0][:1] == model.beginnings[0]

    run_virtual(talk())


def test_a_model_that_never_finishes_reading_keeps_nobody_waiting() -> None:
    async def talk() -> None:
        model = ReadingModel(["Yes."], hangs=True)
        async with Scene(model) as scene:
            scene.session.device_event(AUTO)
            await asyncio.sleep(1)
            scene.ears.hears("are you there")
            await asyncio.sleep(10)
            assert scene.turns[0].heard_text == "Yes."
        # and leaving the scene while it still reads leaves no task behind: run_virtual would say so

    run_virtual(talk())
