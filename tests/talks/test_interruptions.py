"""Speech over the reply in realtime mode, in virtual time: what holds the toy, what stops it, what it says after."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from contracts.events import Outcome, Stage, StageReached
from contracts.hearing import HearingFailed, ListenMode, NothingHeard, Partial, Pause, SpeechStarted
from contracts.language_model import Author
from fakes.conversation_actors import Scene, ScriptedModel, ScriptedVoice, ToyChannel
from fakes.virtual_time import run_virtual
from main_server.conversation.ports import Abort, DeviceTraits, ListenStart

REALTIME = ListenStart(ListenMode.REALTIME)
STORY = "Once upon a time there was a fox who lived deep in the dark green woods behind the old mill."
MS = 16  # samples
FRAME_S = 0.060


def now() -> float:
    return asyncio.get_running_loop().time()


def story(*further: str, lead_frames: int = 3) -> Scene:
    toy = ToyChannel(traits=DeviceTraits(lead_frames=lead_frames))
    return Scene(ScriptedModel([STORY, *further]), ScriptedVoice(characters_per_packet=1), toy=toy)


async def telling(scene: Scene, for_s: float = 1.5) -> None:
    """The toy is in the middle of its story."""
    scene.session.device_event(REALTIME)
    scene.ears.hears("tell me a story")
    await asyncio.sleep(for_s)


def stages(scene: Scene, *wanted: Stage) -> list[Stage]:
    reached = [event.stage for event in scene.events if isinstance(event, StageReached)]
    return [stage for stage in reached if stage in (wanted or (Stage.HELD, Stage.RESUMED, Stage.CONFIRMED))]


def sent(scene: Scene) -> str:
    return b"".join(line.what for line in scene.toy.lines if line.kind == "audio").decode()  # type: ignore[misc]


def test_speech_over_the_reply_holds_it_at_once_and_words_stop_it() -> None:
    async def talk() -> None:
        async with story("It is noon.") as scene:
            await telling(scene)
            scene.ears.deliver(SpeechStarted(0))
            held_s = now()
            await asyncio.sleep(0.25)
            assert not [at_s for at_s in scene.toy.times("audio") if at_s > held_s]
            scene.ears.deliver(Partial("what time", 1, 250 * MS))
            await asyncio.sleep(0.01)
            assert scene.toy.times("tts stop") == [pytest.approx(held_s + 0.25)]
            assert scene.model.closed == 1 and scene.voice.closed == len(scene.voice.spoken)
            scene.ears.deliver(Pause("what time is it", 1, 900 * MS))
            scene.ears.hears("what time is it")
            await asyncio.sleep(5)
        first, second = scene.turns
        assert (first.outcome, second.outcome) == (Outcome.INTERRUPTED, Outcome.COMPLETED)
        assert second.user_text == "what time is it" and second.heard_text == "It is noon."
        assert stages(scene) == [Stage.HELD, Stage.CONFIRMED]
        said = [message.text for message in scene.model.histories[1] if message.author is Author.ASSISTANT]
        assert said and said[0].startswith(first.heard_text)

    run_virtual(talk())


@pytest.mark.parametrize("lead_frames", [0, 1, 3])
@pytest.mark.parametrize("for_s", [0.01, 0.2, 0.33, 1.5, 3.0])
def test_a_cough_costs_no_word_and_doubles_none(for_s: float, lead_frames: int) -> None:
    async def talk() -> None:
        async with story(lead_frames=lead_frames) as scene:
            await telling(scene, for_s)
            scene.ears.deliver(SpeechStarted(0))
            held_s = now()
            await asyncio.sleep(0.2)
            scene.ears.deliver(NothingHeard("no_words", 0))
            resumed_s = now()
            await asyncio.sleep(20)
        assert sent(scene) == STORY
        timestamps_ms = scene.toy.timestamps_ms
        assert timestamps_ms == [60 * number for number in range(1, len(timestamps_ms) + 1)]
        assert not [at_s for at_s in scene.toy.times("audio") if held_s < at_s < resumed_s]
        after = [at_s for at_s in scene.toy.times("audio") if at_s >= resumed_s]
        assert len([at_s for at_s in after if at_s < resumed_s + 0.05]) <= lead_frames + 1
        [turn] = scene.turns
        assert turn.outcome is Outcome.COMPLETED and turn.heard_text == STORY
        assert stages(scene) == [Stage.HELD, Stage.RESUMED]

    run_virtual(talk())


def test_the_resumed_stream_never_runs_further_ahead_of_the_device_than_its_lead() -> None:
    async def talk() -> None:
        async with story() as scene:
            await telling(scene)
            for number in range(3):
                scene.ears.deliver(SpeechStarted(0))
                await asyncio.sleep(0.05 + 0.1 * number)
                scene.ears.deliver(NothingHeard("no_words", 0))
                await asyncio.sleep(0.4)
            await asyncio.sleep(20)
        plays_until_s = 0.0
        for at_s in scene.toy.times("audio"):
            assert plays_until_s - at_s <= 3 * FRAME_S + 1e-6
            plays_until_s = max(plays_until_s, at_s) + FRAME_S
        assert sent(scene) == STORY

    run_virtual(talk())


def test_silence_after_the_onset_resumes_by_itself() -> None:
    async def talk() -> None:
        async with story() as scene:
            await telling(scene)
            scene.ears.deliver(SpeechStarted(0))
            held_s = now()
            await asyncio.sleep(20)
        gap_s = max(b - a for a, b in itertools.pairwise(scene.toy.times("audio")))
        assert gap_s <= 0.5 + FRAME_S
        resumed = next(at_s for at_s in scene.toy.times("audio") if at_s > held_s)
        assert resumed - held_s <= 0.5
        assert sent(scene) == STORY

    run_virtual(talk())


@pytest.mark.parametrize("heard", ["uh-huh", "yeah", "right", "嗯", "好的", "once a pond a time there was a box"])
def test_a_nod_and_an_echo_do_not_stop_the_toy_and_begin_no_turn(heard: str) -> None:
    async def talk() -> None:
        async with story() as scene:
            await telling(scene, 2.5)
            scene.ears.deliver(SpeechStarted(0))
            await asyncio.sleep(0.3)
            scene.ears.deliver(Partial(heard, 1, 300 * MS))
            await asyncio.sleep(0.1)
            scene.ears.deliver(Pause(heard, 1, 350 * MS))
            await asyncio.sleep(0.3)
            scene.ears.hears(heard)
            await asyncio.sleep(20)
        [turn] = scene.turns
        assert turn.outcome is Outcome.COMPLETED and sent(scene) == STORY == turn.heard_text
        assert Stage.DISREGARDED in stages(scene, Stage.DISREGARDED)

    run_virtual(talk())


def test_a_stop_word_stops_at_the_first_look() -> None:
    async def talk() -> None:
        async with story("All right.") as scene:
            await telling(scene)
            scene.ears.deliver(SpeechStarted(0))
            await asyncio.sleep(0.25)
            scene.ears.deliver(Partial("stop", 1, 250 * MS))
            await asyncio.sleep(0.01)
            assert len(scene.toy.times("tts stop")) == 1
        assert stages(scene) == [Stage.HELD, Stage.CONFIRMED]

    run_virtual(talk())


def test_words_that_come_after_the_reply_has_resumed_still_stop_it() -> None:
    async def talk() -> None:
        async with story("It is noon.") as scene:
            await telling(scene)
            scene.ears.deliver(SpeechStarted(0))
            await asyncio.sleep(0.9)
            scene.ears.deliver(Partial("what time is it", 1, 900 * MS))
            await asyncio.sleep(0.01)
            assert stages(scene) == [Stage.HELD, Stage.RESUMED, Stage.CONFIRMED]
            assert len(scene.toy.times("tts stop")) == 1

    run_virtual(talk())


def test_an_echo_is_held_for_once_and_then_only_words_count() -> None:
    async def talk() -> None:
        async with story() as scene:
            await telling(scene)
            for _ in range(5):
                scene.ears.deliver(SpeechStarted(0))
                await asyncio.sleep(0.3)
                scene.ears.deliver(Partial("there was a fox who lived", 1, 300 * MS))
                await asyncio.sleep(0.3)
                scene.ears.hears("there was a fox who lived")
            await asyncio.sleep(20)
        assert stages(scene) == [Stage.HELD, Stage.RESUMED]
        assert len(scene.turns) == 1 and sent(scene) == STORY

    run_virtual(talk())


def test_the_echo_of_the_last_words_is_no_answer_and_an_answer_is() -> None:
    async def talk(heard: str, after_s: float) -> list[str]:
        async with Scene(ScriptedModel(["Do you like tea?", "Good."])) as scene:
            scene.session.device_event(REALTIME)
            scene.ears.hears("hello")
            while not scene.turns:
                await asyncio.sleep(0.01)
            await asyncio.sleep(after_s)
            scene.ears.deliver(SpeechStarted(0))
            await asyncio.sleep(0.6)
            scene.ears.hears(heard)
            await asyncio.sleep(5)
        return [turn.user_text for turn in scene.turns]

    assert run_virtual(talk("do you like tea", 0.1)) == ["hello"]
    assert run_virtual(talk("yes", 0.1)) == ["hello", "yes"]
    assert run_virtual(talk("i like tea", 2.0)) == ["hello", "i like tea"]


def test_an_echo_of_the_last_words_that_is_not_understood_is_not_apologised_for() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["Do you like tea?"])) as scene:
            scene.session.device_event(REALTIME)
            scene.ears.hears("hello")
            while not scene.turns:
                await asyncio.sleep(0.01)
            scene.ears.deliver(SpeechStarted(0))
            await asyncio.sleep(0.6)
            scene.ears.deliver(NothingHeard("rejected", 0))
            await asyncio.sleep(5)
            assert len(scene.turns) == 1
            scene.ears.deliver(SpeechStarted(0))
            scene.ears.deliver(NothingHeard("rejected", 0))
            await asyncio.sleep(5)
            assert len(scene.turns) == 2

    run_virtual(talk())


def test_an_onset_before_the_first_sound_keeps_the_toy_from_beginning() -> None:
    async def talk() -> None:
        async with story("Noon.") as scene:
            await telling(scene, 0.05)
            scene.ears.deliver(SpeechStarted(0))
            await asyncio.sleep(0.35)
            assert scene.toy.times("audio") == []
            scene.ears.deliver(Partial("and what time", 1, 300 * MS))
            await asyncio.sleep(0.01)
            assert scene.toy.times("audio") == [] and len(scene.toy.times("tts stop")) == 1
        assert scene.turns[0].heard_text == ""

    run_virtual(talk())


def test_ears_that_fail_over_the_reply_do_not_stop_it() -> None:
    async def talk() -> None:
        async with story() as scene:
            await telling(scene)
            scene.ears.deliver(SpeechStarted(0))
            await asyncio.sleep(0.1)
            scene.ears.deliver(HearingFailed("engine_timeout", "no answer", "scripted"))
            await asyncio.sleep(20)
        assert [turn.outcome for turn in scene.turns] == [Outcome.COMPLETED] and sent(scene) == STORY

    run_virtual(talk())


def test_a_button_during_a_hold_stops_at_once() -> None:
    async def talk() -> None:
        async with story() as scene:
            await telling(scene)
            scene.ears.deliver(SpeechStarted(0))
            await asyncio.sleep(0.1)
            scene.session.device_event(Abort())
            aborted_s = now()
            await asyncio.sleep(2)
            assert scene.toy.times("tts stop") == [aborted_s]
            assert max(scene.toy.times("audio")) < aborted_s
        assert stages(scene) == [Stage.HELD]

    run_virtual(talk())


def test_outside_realtime_mode_an_onset_holds_nothing() -> None:
    async def talk() -> None:
        async with story() as scene:
            scene.session.device_event(ListenStart(ListenMode.AUTO))
            scene.ears.hears("tell me a story")
            await asyncio.sleep(1)
            scene.ears.deliver(SpeechStarted(0))
            await asyncio.sleep(20)
        assert stages(scene) == [] and scene.ears.toy_says == []
        gap_s = max(b - a for a, b in itertools.pairwise(scene.toy.times("audio")))
        assert gap_s <= FRAME_S + 0.001

    run_virtual(talk())


def test_the_ears_are_told_what_the_toy_says_and_when_it_has_finished() -> None:
    async def talk() -> None:
        async with Scene(ScriptedModel(["First sentence here. Second sentence here."])) as scene:
            scene.session.device_event(REALTIME)
            scene.ears.hears("hello")
            await asyncio.sleep(20)
            assert [text.strip() for text in scene.ears.toy_says] == [
                "",
                "First sentence here.",
                "Second sentence here.",
                "",
            ]

    run_virtual(talk())
