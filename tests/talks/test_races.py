"""What happens when everything comes at once, breaks in the middle, or comes in an order nobody drew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from contracts.audio import OpusPacket
from contracts.errors import EngineFailed
from contracts.events import Outcome
from contracts.hearing import ListenMode, SpeechStarted
from contracts.language_model import Author, Words
from fakes.conversation_actors import Scene, ScriptedModel, ScriptedVoice
from fakes.virtual_time import run_virtual
from main_server.conversation.inbox import AUDIO_PACKETS, Inbox
from main_server.conversation.ports import Abort, CloseReason, Detect, ListenStart, ListenStop
from main_server.conversation.session import SessionLimits

AUTO, MANUAL, REALTIME = (ListenStart(ListenMode(mode)) for mode in ("auto", "manual", "realtime"))
PACKET = OpusPacket(b"\x58sound")


def test_a_press_speech_and_release_in_one_burst_reach_the_ears_in_order() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([])) as scene:
            scene.session.device_event(MANUAL)
            for _ in range(5):
                scene.session.audio(PACKET)
            scene.session.device_event(ListenStop())
            await asyncio.sleep(0.1)
            scene.session.audio(PACKET)
            assert scene.ears.commands == ["listen manual", *["packet"] * 5, "stop", "packet"]

    run_virtual(talk())


def test_sound_that_comes_while_a_turn_is_being_stopped_is_heard() -> None:
    async def talk() -> None:
        voice = ScriptedVoice(closing_s=0.5)
        async with Scene(ScriptedModel(["A long answer that is going to be interrupted."]), voice) as scene:
            scene.session.device_event(AUTO)
            scene.ears.hears("hello")
            await asyncio.sleep(0.5)
            scene.session.device_event(Abort())
            scene.session.device_event(MANUAL)
            scene.session.audio(PACKET)
            assert scene.ears.commands[-1] != "packet"
            await asyncio.sleep(2)
            assert scene.ears.commands[-2:] == ["listen manual", "packet"]

    run_virtual(talk())


async def test_a_full_inbox_drops_the_oldest_sound_and_no_control() -> None:
    inbox: Inbox[object] = Inbox()
    inbox.put(AUTO)
    for number in range(AUDIO_PACKETS + 10):
        inbox.put(OpusPacket(b"x", number))
    inbox.put(Abort())
    inbox.put(Abort())
    kept = [await inbox.get() for _ in range(len(inbox))]
    assert kept[0] == AUTO and kept[-1] == Abort() and kept.count(Abort()) == 1
    assert [entry.timestamp_ms for entry in kept if isinstance(entry, OpusPacket)] == list(
        range(10, AUDIO_PACKETS + 10)
    )


def test_an_engine_that_fails_while_it_is_cancelled_says_nothing_more() -> None:
    async def talk() -> None:
        voice = ScriptedVoice(pace_s=0.05, fails_when_cancelled=EngineFailed("gone", engine="x"))
        async with Scene(ScriptedModel(["One two three four five six seven."]), voice) as scene:
            scene.ears.hears("count")
            await asyncio.sleep(0.5)
            scene.session.device_event(Abort())
            await asyncio.sleep(5)
        assert scene.toy.kinds()[-1] == "tts stop" and scene.toy.kinds().count("tts stop") == 1
        assert [turn.outcome for turn in scene.turns] == [Outcome.INTERRUPTED]
        assert scene.spare_voice.spoken == []

    run_virtual(talk())


def test_a_goodbye_that_is_interrupted_keeps_the_channel_even_when_its_voice_fails_over_it() -> None:
    async def talk() -> None:
        voice = ScriptedVoice(pace_s=0.05, fails_when_cancelled=EngineFailed("gone", engine="x"))
        async with Scene(ScriptedModel(["Yes."]), voice) as scene:
            scene.session.device_event(AUTO)
            scene.ears.hears("goodbye")
            await asyncio.sleep(0.22)  # in the middle of its sound being made
            scene.session.device_event(Abort())
            await asyncio.sleep(5)
            assert [turn.outcome for turn in scene.turns] == [Outcome.INTERRUPTED]
            assert scene.toy.closed_for is None
            scene.session.device_event(AUTO)
            scene.ears.hears("are you still there")
            await asyncio.sleep(5)
            assert scene.turns[-1].user_text == "are you still there"

    run_virtual(talk())


def test_a_turn_aborted_before_its_first_step_is_still_told_and_remembered() -> None:
    async def talk() -> None:
        model = ScriptedModel(["never", "Yes."])
        async with Scene(model) as scene:
            scene.session.device_event(Detect("what time is it"))
            scene.session.device_event(Abort())
            await asyncio.sleep(1)
            assert scene.toy.kinds() == ["stt", "tts start", "tts stop"]
            assert [(turn.user_text, turn.outcome) for turn in scene.turns] == [
                ("what time is it", Outcome.INTERRUPTED)
            ]
            scene.session.device_event(Detect("are you there"))
            await asyncio.sleep(5)
        assert any("what time is it" in message.text for message in model.histories[-1])

    run_virtual(talk())


def test_typed_text_leaves_a_realtime_device_heard() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["Yes."])) as scene:
            scene.session.device_event(REALTIME)
            await asyncio.sleep(0.1)
            scene.session.device_event(Detect("are you there"))
            await asyncio.sleep(5)
            assert scene.ears.commands[-1] == "listen realtime"

    run_virtual(talk())


def test_abort_drops_what_was_being_heard() -> None:
    async def talk(start: ListenStart) -> list[str]:
        async with Scene(ScriptedModel([])) as scene:
            scene.session.device_event(start)
            scene.session.device_event(Abort("wake_word_detected"))
            await asyncio.sleep(1)
            return list(scene.ears.commands)

    assert run_virtual(talk(AUTO)) == ["listen auto", "reset"]
    assert run_virtual(talk(REALTIME)) == ["listen realtime", "listen realtime"]


def test_an_aborted_wake_is_not_greeted() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([])) as scene:
            scene.session.device_event(Detect("你好小智"))
            scene.session.device_event(Abort())
            await asyncio.sleep(2)
        assert scene.toy.kinds() == []

    run_virtual(talk())


def test_a_pressed_button_interrupts_even_the_answer_to_typed_text() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["late"], first_s=5)) as scene:
            scene.session.device_event(Detect("hello"))
            await asyncio.sleep(0.1)
            scene.session.device_event(MANUAL)
            await asyncio.sleep(0.1)
            assert scene.ears.commands[-1] == "listen manual"
        assert scene.turns[0].outcome is Outcome.INTERRUPTED

    run_virtual(talk())


def test_a_model_that_breaks_off_is_heard_to_where_it_came_and_then_apologised_for() -> None:
    async def talk() -> None:
        broken = EngineFailed("cut", engine="m", code="engine_cut_off")
        model = ScriptedModel([[Words("First sentence. "), Words("Second one. "), broken]], pace_s=0.001)
        async with Scene(model) as scene:
            scene.ears.hears("tell me")
            await asyncio.sleep(20)
        [turn] = scene.turns
        assert turn.heard_text == "First sentence. Second one."
        assert (turn.outcome, turn.error_code) == (Outcome.FAILED, "engine_cut_off")
        assert len(scene.toy.said("sentence")) == 3
        assert len(set(scene.toy.timestamps_ms)) == len(scene.toy.timestamps_ms)  # unique within the turn

    run_virtual(talk())


def test_a_model_that_says_nothing_is_apologised_for() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([[]])) as scene:
            scene.ears.hears("hello")
            await asyncio.sleep(5)
        assert (scene.turns[0].outcome, scene.turns[0].error_code) == (Outcome.FAILED, "engine_empty")
        assert scene.voice.spoken

    run_virtual(talk())


def test_when_model_and_both_voices_fail_the_apology_is_shown() -> None:
    async def talk() -> None:
        dumb = EngineFailed("status 500", engine="x")
        voices = ScriptedVoice(fails_on="", error=dumb), ScriptedVoice(fails_on="", error=dumb)
        async with Scene(ScriptedModel([dumb]), *voices) as scene:
            scene.ears.hears("hello")
            await asyncio.sleep(5)
        assert scene.toy.kinds() == ["stt", "tts start", "alert", "tts stop"]

    run_virtual(talk())


def test_a_fault_of_ours_is_a_failed_turn_with_a_spoken_apology() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([KeyError("a bug"), "Fine."])) as scene:
            scene.ears.hears("hello")
            await asyncio.sleep(5)
            scene.ears.hears("hello")
            await asyncio.sleep(5)
        first, second = scene.turns
        assert (first.outcome, first.error_code) == (Outcome.FAILED, "internal") and first.reply_text
        assert second.outcome is Outcome.COMPLETED

    run_virtual(talk())


def test_a_turn_that_ends_slowly_does_not_write_into_the_next_ones_history() -> None:
    async def talk() -> None:
        model = ScriptedModel(["one two three four five six seven eight nine ten.", "Second.", "Third."])
        async with Scene(model, ScriptedVoice(closing_s=4, characters_per_packet=2)) as scene:
            scene.ears.hears("first")
            await asyncio.sleep(1)
            scene.session.device_event(REALTIME)
            scene.ears.hears("second")
            await asyncio.sleep(30)
            scene.ears.hears("third")
            await asyncio.sleep(30)
        said = [message.text for message in model.histories[-1] if message.author is not Author.SYSTEM]
        assert said[0] == "first" and said[1].startswith("one") and said[2] == "second"

    run_virtual(talk())


class StubbornVoice(ScriptedVoice):
    """Its second text is never made, and takes four seconds to be given up."""

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        if len(self.spoken) != 1:
            async with aclosing(super().speak(text)) as packets:  # type: ignore[type-var]  # a generator
                async for packet in packets:
                    yield packet
            return
        self.spoken.append(text)
        try:
            await asyncio.sleep(60)
        finally:
            self.closed += 1
            await asyncio.sleep(4)


def test_a_turn_that_ends_slowly_does_not_tell_the_ears_what_it_had_asked() -> None:
    async def talk() -> None:
        model = ScriptedModel(["Do you like dogs? I do not know what else to say.", "Gone."])
        async with Scene(model, StubbornVoice()) as scene:
            scene.session.device_event(AUTO)
            scene.ears.hears("first")
            await asyncio.sleep(1.5)
            scene.session.device_event(AUTO)
            scene.ears.hears("second")
            await asyncio.sleep(30)
            assert [turn.heard_text for turn in scene.turns] == ["Gone.", "Do you like dogs?"]  # as they ended
            assert scene.ears.expecting == ""

    run_virtual(talk())


def test_a_device_that_goes_silent_in_mid_word_is_closed_in_the_end() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel([]), limits=SessionLimits(idle_s=100)) as scene:
            scene.session.device_event(AUTO)
            scene.ears.deliver(SpeechStarted(0))
            await asyncio.sleep(400)
            assert scene.toy.closed_for is CloseReason.IDLE

    run_virtual(talk())
