"""Whatever comes whenever: talks drawn by Hypothesis, in virtual time, and what must be true of every one of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.audio import OpusPacket
from contracts.errors import EngineFailed, EngineTimeout
from contracts.events import Outcome, Stage, StageReached, TurnEnded
from contracts.hearing import HearingFailed, ListenMode, NothingHeard, Partial, Pause, SpeechResumed, SpeechStarted
from contracts.language_model import Author, ModelEvent, Words
from fakes.conversation_actors import Line, Scene, ScriptedModel, ScriptedVoice, ToyChannel
from fakes.virtual_time import run_virtual
from main_server.conversation.history import INTERRUPTED
from main_server.conversation.ports import Abort, Detect, DeviceTraits, ListenStart, ListenStop

STORY = "Once upon a time there was a fox. It lived deep in the dark green woods, behind the old mill. One day it left."
FRAME_S = 0.060
MS = 16  # samples
SOUND = OpusPacket(b"\x58sound")
MOST_WORDS_HELD_BACK = 14  # characters: a word that was not heard to its end is not counted as heard

Answer = str | list[ModelEvent | Exception] | Exception
ANSWERS: list[Answer] = [
    STORY,
    "Yes.",
    [Words("A beginning. "), EngineFailed("cut", engine="m", code="engine_cut_off")],
    EngineTimeout("no answer", engine="m"),
    [],
]


def _device(event: ListenStart | ListenStop | Abort | Detect) -> Callable[[Scene, int], None]:
    return lambda scene, number: scene.session.device_event(event)


def _congest(scene: Scene, number: int) -> None:
    scene.toy.congested = not scene.toy.congested


ACTIONS: dict[str, Callable[[Scene, int], None]] = {
    "listen realtime": _device(ListenStart(ListenMode.REALTIME)),
    "listen auto": _device(ListenStart(ListenMode.AUTO)),
    "listen manual": _device(ListenStart(ListenMode.MANUAL)),
    "release": _device(ListenStop()),
    "abort": _device(Abort()),
    "wake": _device(Detect("你好小智")),
    "type": lambda scene, number: scene.session.device_event(Detect(f"typed question {number}")),
    "sound": lambda scene, number: scene.session.audio(SOUND),
    "onset": lambda scene, number: scene.ears.deliver(SpeechStarted(number * MS)),
    "resumed": lambda scene, number: scene.ears.deliver(SpeechResumed(2, number * MS)),
    "words": lambda scene, number: scene.ears.deliver(Partial("what time", 1, (number + 300) * MS)),
    "stop word": lambda scene, number: scene.ears.deliver(Partial("stop", 1, (number + 300) * MS)),
    "one word": lambda scene, number: scene.ears.deliver(Partial("what", 1, (number + 300) * MS)),
    "echo": lambda scene, number: scene.ears.deliver(Partial("there was a box", 1, (number + 300) * MS)),
    "pause": lambda scene, number: scene.ears.deliver(Pause("uh-huh", 1, (number + 500) * MS)),
    "question": lambda scene, number: scene.ears.hears(f"spoken question {number}"),
    "nod": lambda scene, number: scene.ears.hears("uh-huh"),
    "echoed": lambda scene, number: scene.ears.hears("there was a box"),
    "nothing": lambda scene, number: scene.ears.deliver(NothingHeard("no_words", number)),
    "puzzling": lambda scene, number: scene.ears.deliver(NothingHeard("rejected", number)),
    "ears fail": lambda scene, number: scene.ears.deliver(HearingFailed("engine_timeout", "no answer", "r")),
    "congestion": _congest,
}
"""What may happen next; the number makes what is asked tell apart."""


@dataclass(frozen=True)
class Drawn:
    """A talk: what happens and how long after the thing before (ms), and the engines it happens to."""

    happens: list[tuple[int, str]]
    answers: list[int]
    first_token_s: float
    voice_first_s: float
    voice_pace_s: float
    closing_s: float
    lead_frames: int
    realtime: bool


TALKS = st.builds(
    Drawn,
    happens=st.lists(
        st.tuples(st.sampled_from([0, 1, 20, 60, 250, 450, 900, 2500]), st.sampled_from([*ACTIONS])), max_size=25
    ),
    answers=st.lists(st.integers(0, len(ANSWERS) - 1), max_size=6),
    first_token_s=st.sampled_from([0.0, 0.1, 2.0]),
    voice_first_s=st.sampled_from([0.0, 0.15, 1.0]),
    voice_pace_s=st.sampled_from([0.0, 0.02, 0.09]),
    closing_s=st.sampled_from([0.0, 0.5]),
    lead_frames=st.integers(0, 3),
    realtime=st.booleans(),
)


async def play(drawn: Drawn) -> Scene:
    """The talk, and behind it one typed question that must be answered whatever went before."""
    answers = [ANSWERS[number] for number in drawn.answers] + [STORY] * 60
    scene = Scene(
        ScriptedModel(answers, first_s=drawn.first_token_s),
        ScriptedVoice(
            first_s=drawn.voice_first_s,
            pace_s=drawn.voice_pace_s,
            closing_s=drawn.closing_s,
            characters_per_packet=1,
        ),
        toy=ToyChannel(traits=DeviceTraits(lead_frames=drawn.lead_frames)),
    )
    async with scene:
        if drawn.realtime:
            ACTIONS["listen realtime"](scene, 0)
            ACTIONS["question"](scene, 0)
        for number, (after_ms, action) in enumerate(drawn.happens, 1):
            await asyncio.sleep(after_ms / 1000)
            ACTIONS[action](scene, number)
        scene.toy.congested = False
        await asyncio.sleep(1)
        scene.session.device_event(Abort())
        await asyncio.sleep(5)
        scene.model.answers = ["The end."]
        scene.session.device_event(Detect("last question"))
        await asyncio.sleep(20)
    return scene


def replies(scene: Scene) -> Iterator[list[Line]]:
    """What was sent between each `tts start` and its `tts stop`; fails when they do not alternate."""
    under_way: list[Line] | None = None
    for line in scene.toy.lines:
        if line.kind == "tts start":
            assert under_way is None, "two starts without a stop between them"
            under_way = []
        elif line.kind == "tts stop":
            assert under_way is not None, "a stop without a start"
            yield under_way
            under_way = None
        elif line.kind in ("audio", "sentence"):
            assert under_way is not None, f"{line.kind} outside a reply"
            under_way.append(line)
    assert under_way is None, "a reply without an end"


def sent_text(reply: list[Line]) -> str:
    return b"".join(line.what for line in reply if line.kind == "audio").decode()  # type: ignore[misc]


def squeezed(text: str) -> str:
    return "".join(text.split())


def check_ledger(turn: TurnEnded, reply: list[Line]) -> None:
    """What counts as heard is what was sent, but for a last word that was cut."""
    sent, heard, written = squeezed(sent_text(reply)), squeezed(turn.heard_text), squeezed(turn.reply_text)
    if turn.outcome is Outcome.FAILED:  # an apology was sent behind it
        assert sent.startswith(heard)
        return
    assert written.startswith(heard) and written.startswith(sent)
    if turn.outcome is Outcome.COMPLETED:
        assert heard == written == sent
    else:
        assert len(sent) - MOST_WORDS_HELD_BACK <= len(heard) <= len(sent) + 1


def check_pace(reply: list[Line], lead_frames: int) -> None:
    """The device never holds more than the lead and the frame it plays."""
    plays_until_s = 0.0
    for line in (line for line in reply if line.kind == "audio"):
        assert plays_until_s - line.at_s <= (lead_frames + 1) * FRAME_S + 1e-6
        plays_until_s = max(plays_until_s, line.at_s) + FRAME_S


def check_holds(scene: Scene) -> None:
    """No frame leaves while a reply is held."""
    held_s: float | None = None
    holds: list[tuple[float, float]] = []
    for event in scene.events:
        stage = event.stage if isinstance(event, StageReached) else None
        if stage is Stage.HELD:
            assert held_s is None, "held twice"
            held_s = event.at_s
        elif held_s is not None and (stage in (Stage.RESUMED, Stage.CONFIRMED) or isinstance(event, TurnEnded)):
            holds.append((held_s, event.at_s))
            held_s = None
    for (began_s, ended_s), frame_s in itertools.product(holds, scene.toy.times("audio")):
        assert not began_s < frame_s < ended_s


def check_history(scene: Scene) -> None:
    """The model is shown what was heard of each reply, and nothing else as the toy's words."""
    shown = [message.text for message in scene.model.histories[-1] if message.author is Author.ASSISTANT]
    said = [text for text in (squeezed(text.replace(INTERRUPTED, "")) for text in shown) if text]
    asked = [turn for turn in scene.turns[:-1] if turn.user_text and turn.trigger in ("speech", "text")]
    heard = [squeezed(turn.heard_text) for turn in asked if turn.heard_text or turn.outcome is Outcome.FAILED]
    assert len(said) <= len(heard)
    for text, expected in zip(reversed(said), reversed(heard), strict=False):
        assert text.startswith(expected)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(TALKS)
def test_of_every_talk_the_same_is_true(drawn: Drawn) -> None:
    scene = run_virtual(play(drawn))  # and no task outlived it
    told = list(replies(scene))
    assert len(told) == len(scene.turns), "a turn is told once, and has one start and one stop"
    assert len({turn.turn_id for turn in scene.turns}) == len(scene.turns)
    for turn, reply in zip(scene.turns, told, strict=True):
        check_ledger(turn, reply)
        check_pace(reply, drawn.lead_frames)
    check_holds(scene)
    check_history(scene)
    last = scene.turns[-1]
    assert (last.user_text, last.outcome, last.heard_text) == ("last question", Outcome.COMPLETED, "The end.")
