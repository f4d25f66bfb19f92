"""A role in the talk: its words, its manners, its engines, from the next turn on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from contracts.errors import EngineFailed
from contracts.events import DraftEnded, DraftResult, Outcome
from contracts.hearing import ListenMode, Patience
from contracts.language_model import Author, ToolCall, Usage, Words
from fakes.conversation_actors import Scene, ScriptedModel, ScriptedVoice, Tools, ToyChannel
from fakes.virtual_time import run_virtual
from main_server.conversation.cast import Cast, Engines, Price
from main_server.conversation.ports import CloseReason, Detect, ListenStart
from main_server.conversation.role import Role

AUTO, REALTIME = ListenStart(ListenMode.AUTO), ListenStart(ListenMode.REALTIME)
LULU = Role(id="lulu", name="Lulu", persona="You are Lulu.")


def system_of(model: ScriptedModel, request: int = -1) -> str:
    first = model.histories[request][0]
    assert first.author is Author.SYSTEM
    return first.text


def asked(model: ScriptedModel, request: int = -1) -> str:
    return model.histories[request][-1].text


def test_a_role_greets_with_its_own_words() -> None:
    async def talk() -> list[object]:
        async with Scene(ScriptedModel([]), role=replace(LULU, greeting="Lulu is here!")) as scene:
            scene.session.device_event(Detect("hi lily"))
            scene.session.device_event(AUTO)
            await asyncio.sleep(5)
        return scene.toy.said("sentence")

    assert run_virtual(talk()) == ["Lulu is here!"]


def test_a_roles_exit_phrases_take_the_place_of_the_houses() -> None:
    async def talk(said: str) -> CloseReason | None:
        scene = Scene(ScriptedModel(["Where to?"]), role=replace(LULU, exit_phrases=("mischief managed",)))
        async with scene:
            scene.session.device_event(AUTO)
            await asyncio.sleep(0.1)
            scene.ears.hears(said)
            await asyncio.sleep(10)
        return scene.toy.closed_for

    assert run_virtual(talk("Mischief managed!")) is CloseReason.GOODBYE
    assert run_virtual(talk("bye bye")) is None


def test_what_was_heard_is_replaced_by_what_was_meant_drafts_included() -> None:
    async def talk() -> None:
        model = ScriptedModel(["A brand of tea."])
        role = replace(LULU, heard_replacements=(("杰恩", "Zhiyin"), ("tea shirt", "T-shirt")))
        async with Scene(model, role=role) as scene:
            scene.session.device_event(AUTO)
            await asyncio.sleep(0.1)
            scene.ears.begins()
            scene.ears.pauses("what is a Tea Shirt of 杰恩")
            await asyncio.sleep(0.2)
            scene.ears.hears("what is a tea shirt of 杰恩")
            await asyncio.sleep(10)
        assert [asked(model)] == ["what is a T-shirt of Zhiyin"]  # one request: the draft was for the same
        assert scene.toy.said("stt") == ["what is a T-shirt of Zhiyin"] == [scene.turns[0].user_text]
        [draft] = [event for event in scene.events if isinstance(event, DraftEnded)]
        assert draft.result is DraftResult.ADOPTED

    run_virtual(talk())


def test_what_is_said_differs_from_what_is_shown_and_remembered() -> None:
    async def talk() -> None:
        model = ScriptedModel(["Ask SQL about cats.", "Yes."])
        voice = ScriptedVoice()
        role = replace(LULU, spoken_replacements=(("SQL", "sequel"), ("cat", "feline")))
        async with Scene(model, voice, role=role) as scene:
            for text in ("how", "really"):
                scene.ears.hears(text)
                await asyncio.sleep(10)
        assert voice.spoken == ["Ask sequel about cats.", "Yes."]  # whole words only
        assert scene.toy.said("sentence")[0] == "Ask SQL about cats." == scene.turns[0].heard_text
        assert model.histories[1][-3].text == "Ask SQL about cats."

    run_virtual(talk())


def test_an_apology_in_the_spare_voice_is_reworded_too() -> None:
    async def talk() -> None:
        failed = ScriptedVoice(fails_on="", error=EngineFailed("no", engine="x"))
        role = replace(LULU, spoken_replacements=(("sorry", "oh dear"),))
        async with Scene(ScriptedModel(["Hm."]), failed, role=role) as scene:
            scene.ears.hears("how")
            await asyncio.sleep(10)
        assert scene.spare_voice.spoken[0].startswith("oh dear,")

    run_virtual(talk())


def test_an_edited_role_answers_the_next_turn_with_its_own_engines() -> None:
    async def talk() -> None:
        before, after = ScriptedModel(["I am Zhiyin."]), ScriptedModel(["I am Lulu."])
        voice = ScriptedVoice(name="lulu's")
        async with Scene(before) as scene:
            stage = scene.stage
            scene.session.device_event(AUTO)
            await asyncio.sleep(0.1)
            scene.ears.hears("who are you")
            await asyncio.sleep(0.05)
            stage.cast = Cast(Engines(after, voice, scene.spare_voice), LULU)  # in the middle of the turn
            await asyncio.sleep(10)
            scene.ears.hears("and now")
            await asyncio.sleep(10)
        first, second = scene.turns
        assert (first.reply_text, first.role_id) == ("I am Zhiyin.", "")
        assert (second.reply_text, second.role_id, second.voice) == ("I am Lulu.", "lulu", "lulu's")
        assert system_of(after) == "You are Lulu."
        assert [m.text for m in after.histories[0]][1:3] == ["who are you", "I am Zhiyin."]  # what was said stays

    run_virtual(talk())


def test_a_draft_begun_by_the_role_before_the_edit_is_not_the_answer() -> None:
    async def talk() -> None:
        before, after = ScriptedModel(["I am Zhiyin."]), ScriptedModel(["I am Lulu."])
        async with Scene(before) as scene:
            stage = scene.stage
            scene.session.device_event(AUTO)
            await asyncio.sleep(0.1)
            scene.ears.begins()
            scene.ears.pauses("who are you")
            await asyncio.sleep(0.2)
            stage.cast = Cast(replace(stage.cast.engines, model=after), LULU)
            scene.ears.hears("who are you")
            await asyncio.sleep(10)
        assert [turn.reply_text for turn in scene.turns] == ["I am Lulu."]

    run_virtual(talk())


@pytest.mark.parametrize("mode", [AUTO, REALTIME])
def test_patience_and_language_reach_the_ears_in_every_mode(mode: ListenStart) -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["One.", "Two."])) as scene:
            stage = scene.stage
            scene.session.device_event(mode)
            await asyncio.sleep(0.1)
            stage.cast = replace(stage.cast, role=replace(LULU, patience=Patience.PATIENT, language="en-GB"))
            scene.ears.hears("one")
            await asyncio.sleep(10)
            if mode is AUTO:  # such a device begins each listen itself
                scene.session.device_event(mode)
                await asyncio.sleep(0.1)
            request = scene.ears.request
            assert request is not None
            assert (request.patience, request.language) == (Patience.PATIENT, "en-GB")
            assert scene.ears.commands[-1] != "close"
            scene.ears.hears("two")
            await asyncio.sleep(10)
        assert [turn.reply_text for turn in scene.turns] == ["One.", "Two."]
        assert f"listen {mode.mode}" in scene.ears.commands[scene.ears.commands.index("close") :]

    run_virtual(talk())


def test_a_turn_costs_what_its_tokens_cost_tools_included() -> None:
    async def talk(price: Price | None) -> tuple[float | None, str]:
        call = ToolCall("1", "light", {})
        model = ScriptedModel([[call, Usage(1000, 10)], [Words("It is on."), Usage(2000, 90)]])
        toy = ToyChannel(tools=Tools({"light": "on"}))
        async with Scene(model, toy=toy) as scene:
            stage = scene.stage
            prices = {"scripted": price} if price else {}
            stage.cast = replace(stage.cast, engines=replace(stage.cast.engines, prices=prices))
            scene.ears.hears("light please")
            await asyncio.sleep(10)
        [turn] = scene.turns
        return turn.cost, turn.currency

    assert run_virtual(talk(Price("CNY", 2.0, 8.0))) == (pytest.approx((3000 * 2 + 100 * 8) / 1e6), "CNY")
    assert run_virtual(talk(None)) == (None, "")


def test_a_turn_that_others_answered_says_why_to_its_owner() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["Fine."])) as scene:
            stage = scene.stage
            stage.cast = replace(stage.cast, problem="The key is lost.")
            scene.ears.hears("how are you")
            await asyncio.sleep(10)
        [turn] = scene.turns
        assert (turn.outcome, turn.error_code) == (Outcome.COMPLETED, "provider_unusable")
        assert turn.error_sentence == "The key is lost."

    run_virtual(talk())


def test_a_casting_begins_and_ends_with_its_session() -> None:
    async def talk() -> None:
        model = ScriptedModel(["Hm."])
        async with Scene(model, role=LULU) as scene:
            scene.ears.hears("who are you")
            await asyncio.sleep(10)
        assert (scene.stage.begun, scene.stage.closed) == (1, 1)
        assert system_of(model) == "You are Lulu."

    run_virtual(talk())
