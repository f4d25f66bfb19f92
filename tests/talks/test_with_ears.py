"""Talks in virtual time with real sound and real ears (Opus, Silero, endpointing); only the recogniser is scripted."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence

import numpy as np
import pytest

from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.voice_activity import SileroModel
from contracts.audio import OpusPacket
from contracts.events import Outcome, Stage, StageReached
from contracts.hearing import ListenMode
from fakes.conversation_actors import Scene, ScriptedModel, ScriptedVoice
from fakes.device_sound import packets
from fakes.spoken import Samples, noise, say, silence
from fakes.transcriber import Line, ScriptedTranscriber
from fakes.virtual_time import run_virtual
from main_server.conversation.ports import ListenStart

MODEL = functools.cache(SileroModel)
FRAME_S = 0.060
RECOGNISER_S = 0.1
STORY = "Once upon a time there was a fox who lived deep in the dark green woods behind the old mill. One day it left."
QUESTION = np.concatenate([silence(300), say("tell me a story", "en-us"), silence(900)])
QUIET = packets(silence(60_000))


class Recogniser(ScriptedTranscriber):
    """Understands the first utterance as a question, all later ones as `text`."""

    def __init__(self, text: str) -> None:
        super().__init__(shared=True)
        self._later = text

    def next_line(self) -> Line:
        return Line("tell me a story" if len(self.opened) == 1 else self._later, after_s=RECOGNISER_S)


def scene(understood: str) -> Scene:
    hearing = LocalHearing(Dispatch(Recogniser(understood)), MODEL())
    voice = ScriptedVoice(characters_per_packet=1)
    return Scene(ScriptedModel([STORY] * 9), voice, ears=hearing)  # type: ignore[arg-type]


async def send(scene: Scene, sound: Sequence[OpusPacket]) -> None:
    """The device's microphone, in real time."""
    for packet in sound:
        await asyncio.sleep(FRAME_S)
        scene.session.audio(packet)


async def ask(scene: Scene) -> None:
    scene.session.device_event(ListenStart(ListenMode.REALTIME))
    await send(scene, packets(QUESTION))
    while not scene.toy.times("audio"):
        await send(scene, QUIET[:1])


async def over_the_reply(scene: Scene, sound: Samples, after_frames: int) -> float:
    """Makes a sound into the reply; when its first sample was captured."""
    await ask(scene)
    await send(scene, QUIET[:after_frames])
    began_s = asyncio.get_running_loop().time()
    await send(scene, packets(sound))
    await send(scene, QUIET[:40])
    return began_s


def sent(scene: Scene) -> str:
    return b"".join(line.what for line in scene.toy.lines if line.kind == "audio").decode()  # type: ignore[misc]


def stages(scene: Scene) -> list[Stage]:
    kinds = (Stage.HELD, Stage.RESUMED, Stage.CONFIRMED)
    return [event.stage for event in scene.events if isinstance(event, StageReached) and event.stage in kinds]


@pytest.mark.parametrize("after_frames", range(0, 60, 5))
def test_a_sentence_at_any_moment_of_the_reply_stops_it_before_the_person_has_finished(after_frames: int) -> None:
    async def talk() -> None:
        async with scene("what time is it") as talking:
            began_s = await over_the_reply(talking, say("what time is it now please", "en-us"), after_frames)
        stop_s = talking.toy.times("tts stop")[0]
        assert stop_s - began_s <= 0.45 + 0.001
        frames_s = [at_s for at_s in talking.toy.times("audio") if began_s < at_s < stop_s]
        assert not frames_s or max(frames_s) - began_s <= 0.18
        assert stages(talking)[:2] == [Stage.HELD, Stage.CONFIRMED]
        assert talking.turns[0].outcome is Outcome.INTERRUPTED
        assert talking.turns[1].user_text == "what time is it"

    run_virtual(talk())


@pytest.mark.parametrize("after_frames", range(0, 60, 10))
@pytest.mark.parametrize("sound", ["uh huh", "cough"])
def test_a_sound_without_words_at_any_moment_of_the_reply_costs_none_of_it(sound: str, after_frames: int) -> None:
    cough = np.concatenate([noise(80, -12, seed=1), silence(60), noise(120, -15, seed=2, pink=True)])

    async def talk() -> None:
        async with scene("") as talking:
            await over_the_reply(talking, cough if sound == "cough" else say(sound, "en-us"), after_frames)
            await send(talking, QUIET[:150])
        [turn] = talking.turns
        assert turn.outcome is Outcome.COMPLETED
        assert sent(talking).replace(" ", "") == STORY.replace(" ", "")
        assert turn.heard_text == turn.reply_text == STORY
        assert stages(talking) in ([], [Stage.HELD, Stage.RESUMED]) and (sound == "cough" or stages(talking))

    run_virtual(talk())


@pytest.mark.parametrize("at_packet", range(3, 30, 3))
def test_a_stall_of_300_ms_changes_no_turn(at_packet: int) -> None:
    async def talk(stalled: int) -> tuple[str, float | None]:
        async with scene("") as talking:
            talking.session.device_event(ListenStart(ListenMode.AUTO))
            sound = packets(QUESTION)
            await send(talking, sound[:at_packet])
            await asyncio.sleep(stalled * FRAME_S)
            for packet in sound[at_packet : at_packet + stalled]:
                talking.session.audio(packet)
            await send(talking, sound[at_packet + stalled :])
            await asyncio.sleep(20)
        [turn] = talking.turns
        return turn.user_text, turn.timings.speech_ms

    assert run_virtual(talk(5)) == run_virtual(talk(0))


@pytest.mark.parametrize("at_packet", range(3, 30, 3))
def test_two_lost_packets_do_not_make_two_turns_of_one(at_packet: int) -> None:
    async def talk() -> None:
        async with scene("") as talking:
            talking.session.device_event(ListenStart(ListenMode.AUTO))
            sound = packets(QUESTION)
            await send(talking, sound[:at_packet] + sound[at_packet + 2 :] + QUIET[:10])
            await asyncio.sleep(20)
        assert [turn.user_text for turn in talking.turns] == ["tell me a story"]

    run_virtual(talk())
