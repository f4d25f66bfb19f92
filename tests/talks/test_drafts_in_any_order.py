"""Drafts in any order of what ears and device may tell, at any moments: a talk keeps its promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import Outcome
from contracts.hearing import HearingFailed, ListenMode, NothingHeard
from contracts.language_model import Author, Message, ToolCall, Words
from fakes.conversation_actors import Scene, ScriptedModel, ScriptedVoice, Tools, ToyChannel
from fakes.virtual_time import run_virtual
from main_server.conversation.ports import Abort, Detect, ListenStart, ListenStop

STEPS: dict[str, Callable[[Scene], None]] = {
    "begins": lambda scene: scene.ears.begins(),
    "pauses": lambda scene: scene.ears.pauses("turn on the lamp"),
    "pauses early": lambda scene: scene.ears.pauses("turn on", unfinished=True),
    "pauses elsewhere": lambda scene: scene.ears.pauses("turn on"),
    "resumes": lambda scene: scene.ears.resumes(),
    "hears": lambda scene: scene.ears.hears("Turn on the lamp."),
    "hears more": lambda scene: scene.ears.hears("turn on the lamp and sing"),
    "nothing": lambda scene: scene.ears.deliver(NothingHeard("no_words", 0)),
    "ears fail": lambda scene: scene.ears.deliver(HearingFailed("engine_failed", "no", "r")),
    "abort": lambda scene: scene.session.device_event(Abort()),
    "auto": lambda scene: scene.session.device_event(ListenStart(ListenMode.AUTO)),
    "realtime": lambda scene: scene.session.device_event(ListenStart(ListenMode.REALTIME)),
    "button": lambda scene: scene.session.device_event(ListenStart(ListenMode.MANUAL)),
    "release": lambda scene: scene.session.device_event(ListenStop()),
    "typed": lambda scene: scene.session.device_event(Detect("sing to me")),
}
MOMENTS = st.sampled_from([0.0, 0.001, 0.03, 0.1, 0.11, 0.15, 0.27, 0.4, 1.0, 3.0])
SCRIPTS = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), MOMENTS), min_size=3, max_size=14)


@settings(max_examples=150, deadline=None)
@given(SCRIPTS)
def test_whatever_happens_in_whatever_order_a_talk_keeps_its_promises(script: list[tuple[str, float]]) -> None:
    async def talk() -> None:
        answer = [Words("Gladly. "), ToolCall("1", "lamp", {}), Words("There. ")]
        toy = ToyChannel(tools=Tools({"lamp": "it is on"}))
        model = ScriptedModel([answer, "The lamp is on now, and it stays on all night."] * 40)
        async with Scene(model, ScriptedVoice(characters_per_packet=3), toy=toy) as scene:
            for step, after_s in script:
                STEPS[step](scene)
                await asyncio.sleep(after_s)
            await asyncio.sleep(20)
        keeps_its_promises(scene, model)

    run_virtual(talk())  # which fails when a task outlives the talk


def keeps_its_promises(scene: Scene, model: ScriptedModel) -> None:
    kinds = scene.toy.kinds()
    speaking = [kind for kind in kinds if kind in ("tts start", "tts stop")]
    assert all(before != after for before, after in pairwise(speaking)), f"two starts or two stops in a row: {kinds}"
    for before, after in pairwise(kinds):
        assert before != "tts stop" or after not in ("audio", "sentence"), "sound behind the stop"
    assert len(scene.toy.tools.calls) <= sum(len(turn.tools) for turn in scene.turns)
    assert scene.session.draft_room.under_way == 0
    assert model.closed == len(model.histories), "a request is still open"
    assert scene.voice.closed == len(scene.voice.spoken), "a voice still speaks"
    replies = [f"{turn.heard_text}{' <interrupted/>' if turn.outcome is Outcome.INTERRUPTED else ''}".strip()
               for turn in scene.turns if turn.outcome is not Outcome.FAILED]  # fmt: skip
    for history in model.histories:
        for message in history:
            assert not is_a_reply(message) or message.text in replies, "the history is not what was heard"


def is_a_reply(message: Message) -> bool:
    return message.author is Author.ASSISTANT and not message.calls and not message.text.startswith("Sorry")
