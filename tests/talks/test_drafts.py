"""Drafts in virtual time: a reply begun at a pause is kept, or nobody ever notices that there was one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from contracts.errors import EngineFailed
from contracts.events import DraftEnded, DraftResult, Outcome, Stage, StageReached
from contracts.hearing import HearingFailed, ListenMode, NothingHeard
from contracts.language_model import Author, ToolCall, Words
from fakes.conversation_actors import Scene, ScriptedModel, ScriptedVoice, Tools, ToyChannel
from fakes.virtual_time import run_virtual
from main_server.conversation.draft import DraftRoom
from main_server.conversation.ports import Abort, CloseReason, Detect, ListenStart

AUTO = ListenStart(ListenMode.AUTO)
REALTIME = ListenStart(ListenMode.REALTIME)
STORY = "Once there was a toy. It could talk to everybody. That is all."


def results(scene: Scene) -> list[DraftResult]:
    return [event.result for event in scene.events if isinstance(event, DraftEnded)]


def test_a_draft_is_the_turn_s_reply_without_a_lost_or_doubled_word() -> None:
    async def talk(pause_s: float) -> None:
        model = ScriptedModel([STORY])
        async with Scene(model) as scene:
            scene.session.device_event(AUTO)
            scene.ears.begins()
            scene.ears.pauses("Tell me a story.")
            await asyncio.sleep(pause_s)
            assert scene.toy.kinds() == []  # nothing leaves before the commit
            scene.ears.hears("tell me a story")
            await asyncio.sleep(20)
        assert len(model.histories) == 1 and results(scene) == [DraftResult.ADOPTED]
        assert scene.voice.spoken == scene.toy.said("sentence")
        if pause_s >= 0.2:  # its voice was asked while nothing was certain
            assert scene.voice.drafted == scene.voice.spoken[:1]
        [turn] = scene.turns
        assert turn.reply_text == turn.heard_text == STORY
        assert scene.toy.kinds().count("tts start") == scene.toy.kinds().count("tts stop") == 1
        assert model.histories[0][-1].text == "Tell me a story."
        assert turn.timings.draft_lead_ms == pytest.approx(pause_s * 1000)

    for pause_s in (0.0, 0.05, 0.12, 0.16, 0.2, 0.3, 0.35, 0.5, 2.0, 10.0):
        run_virtual(talk(pause_s))


def test_an_adopted_draft_does_not_swallow_the_notice_that_only_the_first_minute_was_heard() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([STORY])) as scene:
            scene.session.device_event(AUTO)
            scene.ears.begins()
            scene.ears.pauses("once upon a time")
            await asyncio.sleep(1)
            scene.ears.hears("once upon a time", truncated=True)
            await asyncio.sleep(20)
        notice = "That was long, so I only took in the first minute."
        said = scene.toy.said("sentence")
        assert results(scene) == [DraftResult.ADOPTED]
        assert said[0] == notice and " ".join(map(str, said[1:])) == STORY
        assert sorted(scene.voice.spoken) == sorted(map(str, said))  # the opening is made once, and said behind it
        [turn] = scene.turns
        assert turn.reply_text == turn.heard_text == f"{notice} {STORY}"

    run_virtual(talk())


def test_the_silence_is_spent_on_the_answer() -> None:
    async def talk(pauses: bool) -> float:
        async with Scene(ScriptedModel([STORY])) as scene:
            scene.session.device_event(AUTO)
            scene.ears.begins()
            if pauses:
                scene.ears.pauses("tell me a story")
            await asyncio.sleep(0.1)
            scene.ears.hears("tell me a story")
            await asyncio.sleep(10)
        [turn] = scene.turns
        assert turn.timings.first_sound_ms is not None
        won_ms = sum(event.won_ms for event in scene.events if isinstance(event, DraftEnded))
        assert won_ms == pytest.approx(100 if pauses else 0)
        return turn.timings.first_sound_ms

    assert run_virtual(talk(False)) - run_virtual(talk(True)) == pytest.approx(100)


def test_what_a_draft_had_reached_is_told_as_before_the_commit() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([STORY])) as scene:
            scene.ears.begins()
            scene.ears.pauses("tell me a story")
            await asyncio.sleep(1)
            scene.ears.hears("tell me a story")
            await asyncio.sleep(10)
        stages = [event for event in scene.events if isinstance(event, StageReached) and event.turn_id]
        assert stages[0].stage is Stage.HEARD
        [first_speech] = [event for event in stages if event.stage is Stage.FIRST_SPEECH]
        assert first_speech.since_heard_ms is not None and first_speech.since_heard_ms < -600
        [turn] = scene.turns
        assert turn.timings.first_token_ms == pytest.approx(-900)

    run_virtual(talk())


def test_a_draft_for_other_words_is_thrown_away_and_the_turn_asks_anew() -> None:
    async def talk() -> None:
        model = ScriptedModel(["Never said. Not at all.", "The right answer."])
        async with Scene(model) as scene:
            scene.ears.begins()
            scene.ears.pauses("turn it")
            await asyncio.sleep(0.3)
            scene.ears.hears("turn it off")
            await asyncio.sleep(5)
        assert results(scene) == [DraftResult.CHANGED]
        assert model.closed == 2 and scene.voice.closed == len(scene.voice.spoken)
        assert [turn.heard_text for turn in scene.turns] == ["The right answer."]
        assert [message.text for message in model.histories[1] if message.author is Author.USER] == ["turn it off"]

    run_virtual(talk())


def test_resumed_speech_closes_the_draft_s_requests_at_once() -> None:
    async def talk() -> None:
        model = ScriptedModel(["Never said. Not at all.", "Both halves."])
        async with Scene(model) as scene:
            scene.ears.begins()
            scene.ears.pauses("turn the light")
            await asyncio.sleep(0.2)
            scene.ears.resumes()
            await asyncio.sleep(0.001)
            assert model.closed == 1 and scene.voice.closed == len(scene.voice.spoken)
            scene.ears.pauses("turn the light off")
            await asyncio.sleep(0.2)
            scene.ears.hears("turn the light off")
            await asyncio.sleep(5)
        assert results(scene) == [DraftResult.RESUMED, DraftResult.ADOPTED]
        assert [turn.heard_text for turn in scene.turns] == ["Both halves."]

    run_virtual(talk())


def test_at_most_two_drafts_are_begun_for_an_utterance() -> None:
    async def talk() -> None:
        model = ScriptedModel(["one.", "two.", "The answer."])
        async with Scene(model) as scene:
            scene.ears.begins()
            for text in ("a b c", "a b c d", "a b c d e"):
                scene.ears.pauses(text)
                await asyncio.sleep(0.05)
                scene.ears.resumes()
            scene.ears.hears("a b c d e")
            await asyncio.sleep(5)
        assert len(model.histories) == 3
        assert scene.turns[0].heard_text == "The answer."

    run_virtual(talk())


def test_a_tool_waits_for_the_commit_and_runs_once() -> None:
    async def talk(commits: bool) -> list[ToolCall]:
        toy = ToyChannel(tools=Tools({"lamp": "it is on"}))
        model = ScriptedModel([[Words("I will. "), ToolCall("1", "lamp", {})], "The lamp is on."])
        async with Scene(model, toy=toy) as scene:
            scene.ears.begins()
            scene.ears.pauses("lamp on")
            await asyncio.sleep(2)
            assert toy.tools.calls == [] and len(model.histories) == 1
            if commits:
                scene.ears.hears("lamp on")
                await asyncio.sleep(5)
                assert scene.turns[0].heard_text == "I will. The lamp is on."
                assert [message.author for message in model.histories[1]][-2:] == [Author.ASSISTANT, Author.TOOL]
        return toy.tools.calls

    assert len(run_virtual(talk(True))) == 1
    assert run_virtual(talk(False)) == []


@pytest.mark.parametrize(
    "answer", [EngineFailed("full", engine="m"), [Words("Half a"), EngineFailed("cut", engine="m")], []]
)
def test_a_model_that_fails_in_a_draft_is_asked_anew_and_nobody_apologises(answer: object) -> None:
    async def talk() -> None:
        model = ScriptedModel([answer, "All is well."])  # type: ignore[list-item]
        async with Scene(model) as scene:
            scene.ears.begins()
            scene.ears.pauses("how are you")
            await asyncio.sleep(0.3)
            scene.ears.hears("how are you")
            await asyncio.sleep(5)
        [turn] = scene.turns
        assert (turn.outcome, turn.heard_text) == (Outcome.COMPLETED, "All is well.")
        assert results(scene) == [DraftResult.FAILED]

    run_virtual(talk())


def test_a_voice_that_failed_in_a_draft_is_asked_anew() -> None:
    async def talk() -> None:
        voice = ScriptedVoice(fails_on="", error=EngineFailed("dumb", engine="v"))
        async with Scene(ScriptedModel(["All is well. Really."]), voice) as scene:
            scene.ears.begins()
            scene.ears.pauses("how are you")
            await asyncio.sleep(1)
            voice.error = None
            scene.ears.hears("how are you")
            await asyncio.sleep(5)
        [turn] = scene.turns
        assert (turn.outcome, turn.heard_text) == (Outcome.COMPLETED, "All is well. Really.")

    run_virtual(talk())


ENDS: dict[str, Callable[[Scene], None]] = {
    "abort": lambda scene: scene.session.device_event(Abort()),
    "button": lambda scene: scene.session.device_event(ListenStart(ListenMode.MANUAL)),
    "typed": lambda scene: scene.session.device_event(Detect("something else")),
    "nothing": lambda scene: scene.ears.deliver(NothingHeard("no_words", 0)),
    "ears": lambda scene: scene.ears.deliver(HearingFailed("engine_failed", "no", "r")),
    "gone": lambda scene: scene.session.closed(CloseReason.PEER_CLOSED),
    "resumed": lambda scene: scene.ears.resumes(),
    "changed": lambda scene: scene.ears.hears("quite another thing"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("after_s", [0.001, 0.05, 0.1, 0.15, 0.27, 0.4, 1.0])
def test_whatever_ends_a_draft_leaves_nothing_of_it(end: str, after_s: float) -> None:
    async def talk() -> None:
        model = ScriptedModel(["A drafted answer. With two sentences.", "Something new."])
        async with Scene(model) as scene:
            scene.session.device_event(AUTO)
            scene.ears.begins()
            scene.ears.pauses("what is it")
            await asyncio.sleep(after_s)
            ENDS[end](scene)
            await asyncio.sleep(5)
            assert scene.session.draft_room.under_way == 0
            heard = " ".join(turn.heard_text for turn in scene.turns)
            assert "drafted" not in heard
            assert model.closed == len(model.histories) and scene.voice.closed == len(scene.voice.spoken)
            assert len(results(scene)) == 1

    run_virtual(talk())


@pytest.mark.parametrize("after_ms", range(0, 1500, 90))
def test_a_turn_with_a_draft_is_interrupted_like_any_other(after_ms: int) -> None:
    async def talk() -> None:
        model = ScriptedModel([STORY, "Fine."])
        async with Scene(model, ScriptedVoice(characters_per_packet=2)) as scene:
            scene.session.device_event(AUTO)
            scene.ears.begins()
            scene.ears.pauses("tell me a story")
            await asyncio.sleep(0.12)
            scene.ears.hears("tell me a story")
            await asyncio.sleep(after_ms / 1000)
            scene.session.device_event(Abort())
            aborted_s = asyncio.get_running_loop().time()
            await asyncio.sleep(1)
            assert all(at_s <= aborted_s for at_s in scene.toy.times("audio"))
            assert model.closed == 1 and scene.voice.closed == len(scene.voice.spoken)
            [turn] = scene.turns
            assert turn.outcome is Outcome.INTERRUPTED and STORY.startswith(turn.heard_text)
            assert turn.timings.stop_heard_ms == pytest.approx(after_ms, abs=1)
            scene.ears.begins()
            scene.ears.hears("thanks")
            await asyncio.sleep(3)
        replies = [message.text for message in model.histories[-1] if message.author is Author.ASSISTANT]
        assert replies == [f"{turn.heard_text} <interrupted/>".lstrip()]

    run_virtual(talk())


def test_no_draft_while_the_toy_still_speaks() -> None:
    async def talk() -> None:
        model = ScriptedModel([STORY, "Fine."])
        async with Scene(model) as scene:
            scene.session.device_event(REALTIME)
            scene.ears.hears("tell me a story")
            await asyncio.sleep(0.6)
            scene.ears.begins()
            scene.ears.pauses("uh-huh")
            await asyncio.sleep(0.2)
            assert len(model.histories) == 1

    run_virtual(talk())


def test_a_pause_whose_words_stop_the_toy_is_drafted() -> None:
    async def talk() -> None:
        model = ScriptedModel([STORY, "Fine."])
        async with Scene(model) as scene:
            scene.session.device_event(REALTIME)
            scene.ears.hears("tell me a story")
            await asyncio.sleep(0.6)
            scene.ears.begins()
            scene.ears.pauses("what time is it")
            await asyncio.sleep(0.2)
            assert len(model.histories) == 2
            scene.ears.hears("what time is it?")
            await asyncio.sleep(2)
        assert [turn.user_text for turn in scene.turns] == ["tell me a story", "what time is it?"]
        assert len(model.histories) == 2

    run_virtual(talk())


def test_what_is_plainly_unfinished_is_not_drafted() -> None:
    async def talk() -> None:
        model = ScriptedModel([])
        async with Scene(model) as scene:
            scene.ears.begins()
            scene.ears.pauses("I am here because", unfinished=True)
            await asyncio.sleep(0.5)
        assert model.histories == []

    run_virtual(talk())


def test_a_farewell_is_not_drafted() -> None:
    async def talk() -> None:
        model = ScriptedModel([])
        async with Scene(model) as scene:
            scene.ears.begins()
            scene.ears.pauses("goodbye")
            await asyncio.sleep(0.3)
            scene.ears.hears("goodbye")
            await asyncio.sleep(5)
        assert model.histories == [] and scene.toy.closed_for is CloseReason.GOODBYE

    run_virtual(talk())


def test_no_draft_is_begun_where_there_is_no_room() -> None:
    async def talk(room: DraftRoom) -> int:
        model = ScriptedModel(["The answer.", "The answer."])
        async with Scene(model) as scene:
            scene.session.draft_room = scene.session._drafts.room = room
            scene.ears.begins()
            scene.ears.pauses("what is it")
            await asyncio.sleep(0.3)
            asked = len(model.histories)
            scene.ears.hears("what is it")
            await asyncio.sleep(5)
            assert scene.turns[0].heard_text == "The answer."
        return asked

    late, full = DraftRoom(), DraftRoom(1)
    late.observe_lag(0.2)
    assert full.enter()
    assert run_virtual(talk(DraftRoom())) == 1
    assert [run_virtual(talk(room)) for room in (DraftRoom(0), late, full)] == [0, 0, 0]
