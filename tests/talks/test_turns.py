"""Whole turns in virtual time: what a device receives, in which order, at what moment."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from contracts.audio import OpusFormat
from contracts.errors import EngineFailed, EngineTimeout
from contracts.events import Outcome, SessionClosed, SessionOpened, TurnEnded
from contracts.hearing import HearingFailed, ListenMode, NothingHeard, SpeechStarted
from contracts.language_model import Author, Message, ModelEvent, ToolCall, ToolSpec, Words
from fakes.conversation_actors import Scene, ScriptedModel, ScriptedVoice, Tools, ToyChannel
from fakes.virtual_time import run_virtual
from main_server.conversation.ports import Abort, CloseReason, Detect, DeviceTraits, ListenStart, ListenStop
from main_server.conversation.role import Role
from main_server.conversation.session import SessionLimits

AUTO = ListenStart(ListenMode.AUTO)
REALTIME = ListenStart(ListenMode.REALTIME)


def test_a_turn_is_heard_shown_spoken_and_stopped_once() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["It is noon. Time for lunch."])) as scene:
            scene.session.device_event(AUTO)
            await asyncio.sleep(1)
            scene.ears.hears("what time is it")
            await asyncio.sleep(10)
        assert scene.toy.kinds() == ["stt", "tts start", "sentence", "audio", "sentence", "audio", "tts stop"]
        assert scene.toy.said("sentence") == ["It is noon.", "Time for lunch."]
        [turn] = scene.turns
        assert turn.outcome is Outcome.COMPLETED
        assert turn.reply_text == turn.heard_text == "It is noon. Time for lunch."
        assert turn.user_text == "what time is it"
        assert turn.timings.silence_ms == 240
        assert turn.timings.first_sound_ms is not None and turn.timings.first_sound_ms >= 250

    run_virtual(talk())


def test_the_first_frame_waits_until_the_device_has_settled_after_tts_start() -> None:
    async def talk() -> None:
        scene = Scene(ScriptedModel(["Yes."], first_s=0.001, pace_s=0), ScriptedVoice(first_s=0.001))
        async with scene:
            scene.ears.hears("are you there")
            await asyncio.sleep(5)
        [started] = scene.toy.times("tts start")
        assert scene.toy.times("audio")[0] - started >= 0.080

    run_virtual(talk())


def test_frames_follow_the_absolute_clock_with_the_lead_of_the_chip() -> None:
    async def talk(lead_frames: int) -> list[float]:
        toy = ToyChannel(traits=DeviceTraits(downlink=OpusFormat(24_000, 60), lead_frames=lead_frames))
        async with Scene(ScriptedModel(["x" * 48]), toy=toy) as scene:
            scene.ears.hears("hello")
            await asyncio.sleep(10)
        times = toy.times("audio")
        return [round((at_s - times[0]) * 1000) for at_s in times]

    assert run_virtual(talk(3))[:12] == [0, 0, 0, 0, 60, 120, 180, 240, 300, 360, 420, 480]
    assert run_virtual(talk(0))[:12] == [0, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 660]


def test_a_congested_socket_holds_the_clock_and_does_not_burst_afterwards() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["y" * 160])) as scene:
            scene.ears.hears("hello")
            await asyncio.sleep(1)
            scene.toy.congested = True
            await asyncio.sleep(2)
            scene.toy.congested = False
            resumed_s = asyncio.get_running_loop().time()
            await asyncio.sleep(10)
        after = [at_s for at_s in scene.toy.times("audio") if resumed_s <= at_s < resumed_s + 0.05]
        assert len(after) <= 4 + 1  # the lead, and one that was due
        assert len(scene.toy.times("audio")) == 40

    run_virtual(talk())


def test_abort_stops_the_sound_at_once_and_history_keeps_what_was_heard() -> None:
    async def talk() -> None:
        model = ScriptedModel(["one two three four five six seven eight nine ten eleven twelve.", "Fine."])
        async with Scene(model, ScriptedVoice(characters_per_packet=2)) as scene:
            scene.session.device_event(AUTO)
            scene.ears.hears("count")
            await asyncio.sleep(1.2)
            scene.session.device_event(Abort())
            aborted_s = asyncio.get_running_loop().time()
            await asyncio.sleep(1)
            assert scene.toy.times("tts stop") == [aborted_s]
            assert all(at_s <= aborted_s for at_s in scene.toy.times("audio"))
            assert model.closed == 1 and scene.voice.closed == len(scene.voice.spoken)
            [turn] = scene.turns
            assert turn.outcome is Outcome.INTERRUPTED
            assert turn.reply_text.startswith(turn.heard_text) and 0 < len(turn.heard_text) < len(turn.reply_text)
            scene.session.device_event(AUTO)
            scene.ears.hears("thanks")
            await asyncio.sleep(3)
        heard = [message.text for message in model.histories[1] if message.author is Author.ASSISTANT]
        assert len(heard) == 1 and heard[0].startswith(turn.heard_text) and "twelve" not in heard[0]

    run_virtual(talk())


def test_fifty_aborts_are_one_stop() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["A long story about nothing at all, really."])) as scene:
            scene.ears.hears("tell me")
            await asyncio.sleep(0.5)
            for _ in range(50):
                scene.session.device_event(Abort())
            await asyncio.sleep(1)
        assert len(scene.toy.times("tts stop")) == 1
        assert len(scene.turns) == 1

    run_virtual(talk())


def test_abort_while_the_model_still_thinks_closes_its_request_and_answers_stop() -> None:
    async def talk() -> None:
        model = ScriptedModel(["late"], first_s=30)
        async with Scene(model) as scene:
            scene.ears.hears("hello")
            await asyncio.sleep(0.2)
            scene.session.device_event(Abort("wake_word_detected"))
            await asyncio.sleep(0.1)
            assert model.closed == 1
            assert scene.toy.kinds() == ["stt", "tts start", "tts stop"]

    run_virtual(talk())


def test_in_realtime_mode_speech_during_the_reply_becomes_the_next_turn() -> None:
    async def talk() -> None:
        model = ScriptedModel(["A very long answer that goes on and on and on and on.", "All right."])
        async with Scene(model) as scene:
            scene.session.device_event(REALTIME)
            scene.ears.hears("tell me everything")
            await asyncio.sleep(0.8)
            scene.ears.hears("stop that")
            await asyncio.sleep(5)
        assert [turn.outcome for turn in scene.turns] == [Outcome.INTERRUPTED, Outcome.COMPLETED]
        kinds = [kind for kind in scene.toy.kinds() if kind.startswith("tts")]
        assert kinds == ["tts start", "tts stop", "tts start", "tts stop"]
        assert scene.ears.commands.count("listen realtime") == 1

    run_virtual(talk())


def test_tools_run_inside_the_turn_and_the_model_sees_their_answer() -> None:
    async def talk() -> None:
        call = ToolCall("1", "set_volume", {"volume": 50})
        model = ScriptedModel([[Words("One moment. "), call], "The volume is fifty."])
        scene = Scene(model)
        scene.toy.tools.answers["set_volume"] = "true"
        async with scene:
            scene.ears.hears("set the volume to fifty")
            await asyncio.sleep(10)
        assert scene.toy.tools.calls == [call]
        assert [message.author for message in model.histories[1]][-2:] == [Author.ASSISTANT, Author.TOOL] or any(
            message.author is Author.TOOL and message.text == "true" for message in model.histories[1]
        )
        [turn] = scene.turns
        assert turn.tools == ("set_volume",)
        assert turn.heard_text == "One moment. The volume is fifty."
        assert len(scene.toy.times("tts start")) == len(scene.toy.times("tts stop")) == 1

    run_virtual(talk())


def test_a_failing_model_is_a_spoken_apology_and_the_next_turn_works() -> None:
    async def talk() -> None:
        model = ScriptedModel([EngineTimeout("no answer", engine="scripted"), "Hello again."])
        async with Scene(model) as scene:
            scene.ears.hears("hello")
            await asyncio.sleep(10)
            scene.ears.hears("hello")
            await asyncio.sleep(10)
        first, second = scene.turns
        assert (first.outcome, first.error_code) == (Outcome.FAILED, "engine_timeout")
        assert first.reply_text and scene.voice.spoken[0] == first.reply_text
        assert second.outcome is Outcome.COMPLETED and second.heard_text == "Hello again."
        assert len(scene.toy.times("tts start")) == len(scene.toy.times("tts stop")) == 2

    run_virtual(talk())


def test_a_failing_voice_apologises_in_the_spare_voice_after_what_was_already_said() -> None:
    async def talk() -> None:
        voice = ScriptedVoice(fails_on="Second", error=EngineFailed("status 500", engine="x"))
        async with Scene(ScriptedModel(["First sentence here. Second sentence here."]), voice) as scene:
            scene.ears.hears("hello")
            await asyncio.sleep(10)
        [turn] = scene.turns
        assert turn.outcome is Outcome.FAILED
        assert turn.heard_text == "First sentence here."
        assert len(scene.spare_voice.spoken) == 1
        assert scene.toy.kinds()[-1] == "tts stop"

    run_virtual(talk())


def test_when_no_voice_works_the_apology_is_shown() -> None:
    async def talk() -> None:
        dumb = EngineFailed("status 500", engine="x")
        voice, spare = ScriptedVoice(fails_on="", error=dumb), ScriptedVoice(fails_on="", error=dumb)
        async with Scene(ScriptedModel(["Hello."]), voice, spare) as scene:
            scene.ears.hears("hello")
            await asyncio.sleep(5)
        assert scene.toy.kinds() == ["stt", "tts start", "alert", "tts stop"]

    run_virtual(talk())


def test_failed_ears_are_apologised_for() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([])) as scene:
            scene.session.device_event(AUTO)
            await asyncio.sleep(0.1)
            scene.ears.deliver(HearingFailed("engine_unavailable", "nobody at http://x", "openai"))
            await asyncio.sleep(5)
        [turn] = scene.turns
        assert (turn.outcome, turn.error_code) == (Outcome.FAILED, "engine_unavailable")
        assert scene.voice.spoken

    run_virtual(talk())


def test_a_wake_word_is_greeted_once_the_device_listens_and_typed_text_is_answered() -> None:
    async def talk() -> None:
        model = ScriptedModel(["It is noon."])
        async with Scene(model) as scene:
            scene.session.device_event(Detect("你好小智"))
            scene.session.device_event(AUTO)
            await asyncio.sleep(5)
            scene.session.device_event(Detect("what time is it"))
            scene.session.device_event(AUTO)
            await asyncio.sleep(5)
        assert [turn.trigger for turn in scene.turns] == ["wake", "text"]
        greeted, answered = ["tts start", "sentence", "audio", "tts stop"], ["stt", "tts start", "sentence", "audio"]
        assert scene.toy.kinds() == [*greeted, *answered, "tts stop"]
        assert scene.turns[1].heard_text == "It is noon."

    run_virtual(talk())


def test_listen_start_during_a_spoken_reply_interrupts_it_and_listens() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["A long answer that takes its time to be said."])) as scene:
            scene.session.device_event(AUTO)
            scene.ears.hears("hello")
            await asyncio.sleep(0.8)
            scene.session.device_event(ListenStart(ListenMode.MANUAL))
            await asyncio.sleep(0.1)
            scene.session.device_event(ListenStop())
            await asyncio.sleep(0.1)
        assert scene.turns[0].outcome is Outcome.INTERRUPTED
        assert scene.ears.commands[-3:] == ["listen manual", "stop", "close"]

    run_virtual(talk())


def test_an_exit_phrase_ends_with_a_goodbye_and_a_closed_channel_instead_of_a_stop() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([])) as scene:
            scene.session.device_event(AUTO)
            scene.ears.hears("Goodbye!")
            await asyncio.sleep(5)
            assert scene.toy.closed_for is CloseReason.GOODBYE
        assert scene.toy.kinds() == ["stt", "tts start", "sentence", "audio", "close"]
        frames = scene.toy.times("audio")
        assert scene.toy.times("close")[0] >= frames[0] + len(frames) * 0.060

    run_virtual(talk())


def test_a_quiet_device_is_told_goodbye_and_closed_before_its_own_two_minutes() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([]), limits=SessionLimits(idle_s=100)) as scene:
            scene.session.device_event(AUTO)
            began_s = asyncio.get_running_loop().time()
            await asyncio.sleep(60)
            scene.ears.deliver(NothingHeard("no_words", 0))
            await asyncio.sleep(110)
            assert scene.toy.closed_for is CloseReason.IDLE
        silences = [began_s, *(line.at_s for line in scene.toy.lines)]
        assert max(b - a for a, b in itertools.pairwise(silences)) < 110

    run_virtual(talk())


def test_a_quiet_push_to_talk_device_is_closed_without_a_word() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([])) as scene:
            scene.session.device_event(ListenStart(ListenMode.MANUAL))
            scene.session.device_event(ListenStop())
            scene.ears.deliver(NothingHeard("no_speech", 0))
            await asyncio.sleep(110)
            assert scene.toy.closed_for is CloseReason.IDLE
        assert scene.toy.times("audio") == []

    run_virtual(talk())


def test_a_device_that_leaves_in_mid_reply_leaves_nothing_running() -> None:
    async def talk() -> None:
        model = ScriptedModel(["Never finished because the toy was switched off in the middle."])
        async with Scene(model) as scene:
            scene.ears.deliver(SpeechStarted(0))
            scene.ears.hears("hello")
            await asyncio.sleep(0.6)
        assert model.closed == 1
        assert scene.turns[0].outcome is Outcome.INTERRUPTED
        assert scene.ears.commands[-1] == "close"

    run_virtual(talk())


def test_a_session_tells_when_it_opened_and_why_it_closed() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([])) as scene:
            await asyncio.sleep(1)
        opened, closed = scene.events[0], scene.events[-1]
        assert isinstance(opened, SessionOpened) and (opened.board, opened.firmware) == ("bread-compact-wifi", "2.4.2")
        assert isinstance(closed, SessionClosed) and closed.reason == CloseReason.PEER_CLOSED

    run_virtual(talk())


def test_whoever_speaks_for_longer_than_a_minute_is_told_that_only_the_first_was_heard() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["Quite a story.", "And then?"])) as scene:
            scene.session.device_event(AUTO)
            scene.ears.hears("once upon a time", truncated=True)
            await asyncio.sleep(10)
            scene.ears.hears("and then")
            await asyncio.sleep(10)
        notice = "That was long, so I only took in the first minute."
        assert scene.toy.said("sentence") == [notice, "Quite a story.", "And then?"]
        assert scene.turns[0].outcome is Outcome.COMPLETED

    run_virtual(talk())


def test_speech_that_was_not_understood_is_told_so_once_until_something_was() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["Yes."])) as scene:
            scene.session.device_event(AUTO)
            for _ in range(3):
                scene.ears.deliver(NothingHeard("rejected", 0))
                await asyncio.sleep(5)
            assert len(scene.turns) == 1
            scene.ears.deliver(NothingHeard("no_speech", 0))
            scene.ears.hears("are you there")
            await asyncio.sleep(5)
            scene.ears.deliver(NothingHeard("rejected", 0))
            await asyncio.sleep(5)
        assert len(scene.turns) == 3

    run_virtual(talk())


def test_a_model_that_stalls_behind_a_comma_is_spoken_to_there() -> None:
    async def talk() -> None:
        class Hesitant(ScriptedModel):
            async def reply(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> AsyncIterator[ModelEvent]:
                yield Words("Well, I")
                await asyncio.sleep(2)
                yield Words(" do not know.")

        async with Scene(Hesitant([])) as scene:
            scene.ears.hears("what is it")
            await asyncio.sleep(6)
        assert scene.toy.said("sentence") == ["Well,", "I do not know."]
        assert scene.turns[0].timings.first_clause_ms == pytest.approx(150)
        assert scene.turns[0].heard_text == "Well, I do not know."

    run_virtual(talk())


def test_a_slow_answer_is_filled_once_and_the_filler_is_no_part_of_it() -> None:
    async def talk(first_s: float, tool: bool = False) -> tuple[list[object], TurnEnded]:
        answers: list[Any] = [[ToolCall("1", "lamp", {})], "It is on."] if tool else ["It is on."]
        toy = ToyChannel(tools=Tools({"lamp": "on"}, takes_s=2.0))
        model = ScriptedModel([*answers, "Fine."], first_s=first_s)
        async with Scene(model, toy=toy, role=Role(filler_ms=1000)) as scene:
            scene.ears.hears("what is it")
            await asyncio.sleep(10)
            scene.ears.hears("thanks")
            await asyncio.sleep(0.5)
        assert [m.text for m in model.histories[-1] if m.author is Author.ASSISTANT][-1] == "It is on."
        return scene.toy.said("sentence"), scene.turns[0]

    filled, turn = run_virtual(talk(3.0))
    assert filled == ["One moment.", "It is on."]
    assert turn.heard_text == turn.reply_text == "It is on."
    assert turn.timings.filler_ms == pytest.approx(1150) and turn.timings.first_sound_ms == pytest.approx(3160, abs=20)
    assert run_virtual(talk(0.5, tool=True))[0] == ["One moment.", "It is on."]
    unfilled, turn = run_virtual(talk(0.9))
    assert unfilled == ["It is on."] and turn.timings.filler_ms is None


def test_a_filler_never_comes_before_the_commit_or_after_an_abort() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["late"], first_s=9), role=Role(filler_ms=300)) as scene:
            scene.ears.begins()
            scene.ears.pauses("what is it")
            await asyncio.sleep(2)
            assert scene.toy.kinds() == []
            scene.ears.hears("what is it")
            await asyncio.sleep(0.2)
            scene.session.device_event(Abort())
            await asyncio.sleep(2)
        assert scene.toy.said("sentence") == []

    run_virtual(talk())


def test_a_stall_while_there_is_enough_to_play_cuts_no_sentence() -> None:
    async def talk() -> None:
        class Hesitant(ScriptedModel):
            async def reply(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> AsyncIterator[ModelEvent]:
                yield Words("x" * 400 + ". Well, I")
                await asyncio.sleep(1)
                yield Words(" do not know.")

        async with Scene(Hesitant([])) as scene:
            scene.ears.hears("what is it")
            await asyncio.sleep(20)
        assert scene.toy.said("sentence")[1:] == ["Well, I do not know."]

    run_virtual(talk())


def test_the_ears_know_what_the_toy_has_just_asked_for() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["Shall I turn the light off?", "Good night."])) as scene:
            scene.ears.hears("I am going to bed")
            await asyncio.sleep(10)
            assert scene.ears.expecting == "yes_no"
            scene.ears.hears("yes")
            await asyncio.sleep(10)
            assert scene.ears.expecting == ""

    run_virtual(talk())
