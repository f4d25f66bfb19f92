"""Whole turns in virtual time whose first engine is out: what the device receives all the same."""

from __future__ import annotations

import asyncio

from contracts.errors import EngineFailed, EngineTimeout
from contracts.events import Outcome
from contracts.hearing import ListenMode
from contracts.language_model import Words
from fakes.conversation_actors import Scene, ScriptedModel
from fakes.virtual_time import run_virtual
from main_server.conversation.ports import ListenStart
from main_server.failover.line import Line
from main_server.failover.streams import FailoverModel

HANGS = EngineTimeout("The language model server at a:1 did not begin to answer in time.", engine="openai")
CUT = EngineFailed("The language model server at a:1 broke off its answer.", engine="openai", code="engine_cut_off")


def test_a_model_that_hangs_costs_two_people_its_deadline_and_then_nobody() -> None:
    async def talk() -> None:
        first = ScriptedModel([HANGS] * 9, first_s=8.0, name="openai")
        second = ScriptedModel(["It is noon."] * 4, name="offline")
        async with Scene(FailoverModel(Line("model", [first, second]))) as scene:  # type: ignore[arg-type]
            for _ in range(4):
                scene.session.device_event(ListenStart(ListenMode.AUTO))
                await asyncio.sleep(0.5)
                scene.ears.hears("what time is it")
                await asyncio.sleep(8.5 if len(first.histories) < 2 else 0.5)
                while len(scene.turns) < scene.toy.kinds().count("stt"):
                    await asyncio.sleep(0.1)
        waits_ms = [turn.timings.first_token_ms or 0 for turn in scene.turns]
        assert [turn.outcome for turn in scene.turns] == [Outcome.COMPLETED] * 4
        assert [turn.model for turn in scene.turns] == ["offline"] * 4
        assert all(wait_ms > 8000 for wait_ms in waits_ms[:2]) and all(wait_ms < 200 for wait_ms in waits_ms[2:])
        assert scene.toy.said("sentence") == ["It is noon."] * 4
        assert scene.toy.kinds().count("tts stop") == 4
        assert first.closed == len(first.histories) == 2

    run_virtual(talk())


def test_a_model_cut_off_in_mid_reply_is_an_apology_and_no_second_beginning() -> None:
    async def talk() -> None:
        first = ScriptedModel([[Words("Once upon a time. "), Words("There"), CUT]], name="openai")
        second = ScriptedModel(["Something else."], name="offline")
        async with Scene(FailoverModel(Line("model", [first, second]))) as scene:  # type: ignore[arg-type]
            scene.ears.hears("tell me a story")
            await asyncio.sleep(20)
        [turn] = scene.turns
        assert (turn.outcome, turn.error_code, turn.model) == (Outcome.FAILED, "engine_cut_off", "openai")
        assert scene.toy.said("sentence")[0] == "Once upon a time."
        assert len(scene.toy.said("sentence")) > 1 and "Something else." not in scene.toy.said("sentence")
        assert second.histories == []

    run_virtual(talk())
