"""The second model or voice serves while the first one is out, and never in the middle of what was begun."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.language_model import Words
from contracts.speech import VoiceChoice, one
from fakes.engines_in_line import LineModel, LineVoice
from fakes.virtual_time import run_virtual
from main_server.failover.breaker import State
from main_server.failover.line import Line
from main_server.failover.streams import FailoverModel, FailoverSynthesizer

DOWN = EngineUnavailable("The server at a:1 cannot be reached.", engine="openai")
HANGS = EngineTimeout("The server at a:1 did not begin.", engine="openai")


async def said(model: FailoverModel) -> str:
    return "".join([event.text async for event in model.reply([], []) if isinstance(event, Words)])


def pair(**first: object) -> tuple[LineModel, LineModel, FailoverModel]:
    models = LineModel("openai", **first), LineModel("openai")  # type: ignore[arg-type]
    return *models, FailoverModel(Line("model", models))


def test_the_next_model_answers_in_the_same_turn_and_its_name_is_told() -> None:
    async def talk() -> None:
        first, second, model = pair(error=DOWN)
        assert model.name == "openai"
        assert await said(model) == "I am openai"
        assert (first.closed, second.asked, model.name) == (1, 1, "openai_2")

    run_virtual(talk())


def test_a_model_that_has_begun_to_talk_is_not_begun_again() -> None:
    async def talk() -> None:
        first, second, model = pair(error=EngineFailed("cut", engine="openai"), after=1)
        heard: list[str] = []
        with pytest.raises(EngineFailed, match="cut"):
            async for event in model.reply([], []):
                assert isinstance(event, Words)
                heard.append(event.text)
        assert (heard, second.asked, model.name) == (["I am "], 0, "openai")
        for _ in range(2):
            with pytest.raises(EngineFailed):
                await said(model)
        assert await said(model) == "I am openai"  # three in a row: it goes elsewhere
        assert (first.asked, second.asked) == (3, 1)

    run_virtual(talk())


def test_an_engine_left_alone_is_not_waited_for_until_its_time_comes_and_then_returns() -> None:
    async def talk() -> None:
        first, second, model = pair(error=HANGS)
        changes: list[str] = []
        model.line.watch(lambda: changes.append(model.line.notes()["openai"]))
        for _ in range(4):
            await said(model)
        assert (first.asked, second.asked) == (2, 4)
        assert changes == [f"model: openai is out, openai_2 serves instead. {HANGS}"]
        await asyncio.sleep(5)
        await said(model)
        assert first.asked == 3
        await asyncio.sleep(5)
        await said(model)
        assert first.asked == 3  # the wait has doubled
        first.error = None
        await asyncio.sleep(5)
        await said(model)
        assert (first.asked, model.name, changes[-1]) == (4, "openai", "")
        assert model.line.notes() == {"openai": "", "openai_2": ""}

    run_virtual(talk())


def test_only_one_of_many_tries_an_engine_that_was_left_alone() -> None:
    async def talk() -> None:
        first, second, model = pair(error=HANGS, first_s=4.0)
        await said(model)
        await said(model)
        await asyncio.sleep(5)
        await asyncio.gather(*(said(model.for_session()) for _ in range(20)))
        assert (first.asked, second.asked) == (3, 22)

    run_virtual(talk())


def test_when_all_are_out_one_is_asked_all_the_same_and_its_failure_is_told() -> None:
    async def talk() -> None:
        models = LineModel("openai", DOWN), LineModel("openai", EngineFailed("B answered 500.", engine="openai"))
        model = FailoverModel(Line("model", models))
        for _ in range(3):
            with pytest.raises(EngineError):
                await said(model)
        assert {entry.breaker.state for entry in model.line.entries} == {State.OPEN}
        before = [each.asked for each in models]
        with pytest.raises(EngineError):
            await said(model)
        assert sum(each.asked for each in models) == sum(before) + 1
        assert all("no other left" in sentence for sentence in model.line.notes().values())

    run_virtual(talk())


def test_a_reply_nobody_waits_for_is_closed_and_blames_only_an_engine_that_kept_people_waiting() -> None:
    async def talk() -> None:
        first, _, model = pair(first_s=30.0)
        for patience_s, state in ((1.0, State.CLOSED),) * 5 + ((6.0, State.CLOSED), (6.0, State.CLOSED)):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await said(model)
            assert model.line.entries[0].breaker.state is state
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(6.0):
                await said(model)
        assert model.line.entries[0].breaker.state is State.OPEN
        assert first.closed == first.asked == 8

    run_virtual(talk())


def test_leaving_a_reply_at_a_word_closes_the_engines_stream() -> None:
    async def talk() -> None:
        first, _, model = pair()
        async with aclosing(model.reply([], [])) as events:  # type: ignore[type-var]
            await anext(events)
        assert first.closed == 1
        assert model.line.entries[0].breaker.state is State.CLOSED

    run_virtual(talk())


def test_what_a_provider_withholds_is_not_asked_of_the_next_one() -> None:
    async def talk() -> None:
        _, second, model = pair(error=EngineFailed("withheld", engine="openai", code="engine_withheld"))
        with pytest.raises(EngineFailed, match="withheld"):
            await said(model)
        assert second.asked == 0

    run_virtual(talk())


def test_an_engine_that_is_down_at_start_keeps_nobody_waiting() -> None:
    async def talk() -> None:
        first, second, model = pair(error=DOWN, warm_error=DOWN)
        await model.warm()
        await said(model)
        assert (first.asked, second.asked) == (0, 1)
        second.warm_error = HANGS
        with pytest.raises(EngineUnavailable, match="a:1"):
            await model.warm()

    run_virtual(talk())


def test_a_sessions_own_view_tells_of_its_own_turns() -> None:
    async def talk() -> None:
        first, _, model = pair(error=DOWN)
        mine, other = model.for_session(), model.for_session()
        await said(mine)
        first.error = None
        await said(other)
        assert (mine.name, other.name) == ("openai_2", "openai")

    run_virtual(talk())


async def words() -> AsyncIterator[str]:
    for piece in ("Good ", "evening."):
        yield piece


def voices(**first: object) -> tuple[LineVoice, LineVoice, FailoverSynthesizer]:
    both = LineVoice("openai", **first), LineVoice("espeak")  # type: ignore[arg-type]
    return *both, FailoverSynthesizer(Line("voice", both), ("nova", "en-gb"))


def test_the_next_voice_speaks_the_whole_text_under_its_own_voice_name() -> None:
    async def talk() -> None:
        first, second, voice = voices(error=DOWN)
        pieces = [piece async for piece in voice.speak(words(), VoiceChoice("nova", speed=1.2))]
        assert len(pieces) == 2
        assert (first.spoken, second.spoken) == (["Good "], ["Good ", "evening."])
        assert second.choices == [VoiceChoice("en-gb", speed=1.2)]
        assert voice.name == "espeak"

    run_virtual(talk())


def test_a_voice_that_has_made_sound_is_not_followed_in_mid_sentence() -> None:
    async def talk() -> None:
        _, second, voice = voices(error=EngineFailed("cut", engine="openai"), after=1)
        with pytest.raises(EngineFailed, match="cut"):
            async for _ in voice.speak(words(), VoiceChoice()):
                pass
        assert second.spoken == []

    run_virtual(talk())


def test_a_draft_that_is_refused_is_not_spoken_by_another_voice() -> None:
    async def talk() -> None:
        _, second, voice = voices(error=EngineBusy("full", engine="openai"))
        with pytest.raises(EngineBusy):
            async for _ in voice.speak(words(), VoiceChoice(draft=True)):
                pass
        assert second.spoken == []
        assert len([piece async for piece in voice.speak(words(), VoiceChoice())]) == 2

    run_virtual(talk())


def test_nothing_to_say_says_nothing_about_the_engine() -> None:
    async def talk() -> None:
        first, second, voice = voices()

        async def nothing() -> AsyncIterator[str]:
            for piece in ():
                yield piece

        assert [piece async for piece in voice.speak(nothing(), VoiceChoice())] == []
        assert second.choices == []
        assert [piece async for piece in voice.speak(one("Hello."), VoiceChoice())]
        assert first.spoken == ["Hello."]

    run_virtual(talk())
