"""What is kept of a talk: the packets that were heard and those that were sent, or not even the words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from contracts.audio import OpusPacket
from contracts.events import Outcome, TurnEnded
from contracts.hearing import CommitReason, ListenMode, Utterance
from contracts.roles import RecordingPolicy
from fakes.conversation_actors import Ears, Scene, ScriptedModel
from fakes.virtual_time import run_virtual
from main_server.conversation.ports import Abort, Detect, ListenStart
from main_server.conversation.role import Role
from main_server.conversation.tape import NEITHER, Sides, Take

FRAME = 960
STORY = "Once upon a time there was a fox who lived deep in the dark green woods behind the old mill. " * 3


@dataclass
class CountingEars(Ears):
    """Ears that count a packet of 60 ms while they listen."""

    sample: int = 0
    asked: int = 0

    def packets(self, packets: object) -> None:
        self.sample += FRAME

    def __getattribute__(self, name: str) -> object:
        if name == "sample":
            object.__setattr__(self, "asked", object.__getattribute__(self, "asked") + 1)
        return object.__getattribute__(self, name)


@dataclass
class Shelf:
    """A tape that keeps everything its policy allows; `device` = the device's own switch."""

    device: bool = False
    kept: list[tuple[TurnEnded, Take]] = field(default_factory=list)
    begun: int = 0

    async def begin(self) -> None:
        self.begun += 1

    def sides(self, recording: RecordingPolicy) -> Sides:
        if recording is RecordingPolicy.NONE:
            return NEITHER
        audio = recording is RecordingPolicy.AUDIO
        return Sides(audio or self.device, audio)

    def keep(self, ended: TurnEnded, take: Take) -> None:
        self.kept.append((ended, take))


def recorded(recording: RecordingPolicy, shelf: Shelf, ears: Ears | None = None) -> Scene:
    """A talk whose role records so much."""
    ears = ears or CountingEars()
    return Scene(ScriptedModel([STORY] * 9), ears=ears, role=Role(recording=recording), tape=shelf)


async def ask(scene: Scene, packets: int = 60, text: str = "tell me a story") -> None:
    """The device sends numbered packets; the ears take the twentieth to the fortieth for an utterance."""
    scene.session.device_event(ListenStart(ListenMode.AUTO))
    await asyncio.sleep(0.01)
    for number in range(packets):
        scene.session.audio(OpusPacket(bytes([number])))
    scene.ears.deliver(Utterance(text, 1, 20 * FRAME, 40 * FRAME, CommitReason.SILENCE))


def sent(scene: Scene) -> list[object]:
    return [line.what for line in scene.toy.lines if line.kind == "audio"]


def test_both_sides_of_a_turn_are_kept_as_they_were_heard_and_sent() -> None:
    async def talk() -> None:
        async with recorded(RecordingPolicy.AUDIO, shelf := Shelf()) as scene:
            await ask(scene)
            await asyncio.sleep(20)
        [(ended, take)] = shelf.kept
        assert ended == scene.turns[0] and take.utterance is not None
        assert take.heard == tuple(bytes([number]) for number in range(18, 42))
        assert take.said == sent(scene) != []
        assert shelf.begun == 1

    run_virtual(talk())


def test_of_an_interrupted_reply_only_what_was_sent_is_kept() -> None:
    async def talk() -> None:
        async with recorded(RecordingPolicy.AUDIO, shelf := Shelf()) as scene:
            await ask(scene)
            await asyncio.sleep(1)
            scene.session.device_event(Abort())
            await asyncio.sleep(5)
        [(ended, take)] = shelf.kept
        assert ended.outcome is Outcome.INTERRUPTED
        assert take.said == sent(scene)
        assert 0 < len(take.said) < len(STORY) / 4 - 2

    run_virtual(talk())


def test_what_was_typed_has_a_reply_only() -> None:
    async def talk() -> None:
        async with recorded(RecordingPolicy.AUDIO, shelf := Shelf()) as scene:
            scene.session.device_event(Detect("tell me a story"))
            await asyncio.sleep(20)
        [(_, take)] = shelf.kept
        assert (take.heard, take.utterance) == ((), None) and take.said == sent(scene)

    run_virtual(talk())


def test_a_device_that_keeps_its_utterances_keeps_no_reply() -> None:
    async def talk() -> None:
        async with recorded(RecordingPolicy.TEXT, shelf := Shelf(device=True)) as scene:
            await ask(scene)
            await asyncio.sleep(20)
        [(_, take)] = shelf.kept
        assert len(take.heard) == 24 and take.said == []

    run_virtual(talk())


@pytest.mark.parametrize("recording", [RecordingPolicy.TEXT, RecordingPolicy.NONE])
def test_where_nothing_is_kept_no_packet_is_looked_at(recording: RecordingPolicy) -> None:
    async def talk() -> None:
        ears = CountingEars()
        async with recorded(recording, shelf := Shelf(), ears) as scene:
            await ask(scene)
            await asyncio.sleep(20)
        assert shelf.kept == [] and len(scene.turns) == 1
        assert ears.asked == 60  # its own counting, and nobody else's

    run_virtual(talk())


@pytest.mark.parametrize("device", [True, False])
def test_a_role_that_records_nothing_lets_no_word_out_of_the_talk(device: bool) -> None:
    async def talk() -> None:
        async with recorded(RecordingPolicy.NONE, shelf := Shelf(device)) as scene:
            await ask(scene, text="tell me a marmalade story")
            await asyncio.sleep(2)
            scene.session.device_event(Abort())
            await asyncio.sleep(20)
        [turn] = scene.turns
        assert (turn.user_text, turn.reply_text, turn.heard_text) == ("", "", "")
        assert turn.timings.total_ms and turn.timings.first_sound_ms is not None and turn.model == "scripted"
        assert "marmalade" not in repr(scene.events) and "fox" not in repr(scene.events)
        assert shelf.kept == []
        heard = repr(scene.model.histories)
        assert "tell me a marmalade story" in heard  # the talk itself goes on as ever

    run_virtual(talk())
