"""A turn model's opinion on the sound, from a real onnx file to the moment of the commit."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from asr_server import turn_model
from asr_server.completeness import Completeness
from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing, LocalHearingSession
from asr_server.log_mel import log_mel
from asr_server.turn_model import OnnxTurnModel, TurnModel, with_sound
from asr_server.voice_activity import SileroModel
from contracts.audio import OpusFormat
from contracts.errors import EngineUnavailable
from contracts.hearing import HearingEvent, ListenMode, OpenHearing, SpeechResumed, Utterance
from fakes import tiny_models
from fakes.device_sound import packets
from fakes.spoken import Samples, say, silence
from fakes.transcriber import Line, ScriptedTranscriber

SILERO = functools.cache(SileroModel)
COMPLETE, UNSURE, UNFINISHED, HELD = (
    Completeness.COMPLETE,
    Completeness.UNSURE,
    Completeness.UNFINISHED,
    Completeness.HELD,
)

REFERENCE: list[tuple[int, int, float]] = [
    (45, 310, 1.648),
    (51, 400, 1.6284),
    (56, 500, 1.6241),
    (61, 600, 1.5741),
    (64, 700, 1.5544),
    (67, 790, 1.5392),
]


def test_features_are_whispers() -> None:
    """Against transformers 5's WhisperFeatureExtractor(chunk_length=8), do_normalize, on three seconds of nothing and a
    tone that climbs from 200 Hz."""
    seconds = np.arange(128_000) / 16_000
    sound = (0.3 * np.sin(2 * np.pi * (200 + 300 * seconds) * seconds) * (seconds > 3)).astype(np.float32)
    features = log_mel(sound)
    assert features.shape == (80, 800)
    for band, frame, value in REFERENCE:
        assert features[band, frame] == pytest.approx(value, abs=1e-3)
    assert float(features.mean()) == pytest.approx(-0.27113, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "finished", "together"),
    [
        (UNSURE, 0.95, COMPLETE),
        (UNSURE, 0.5, UNSURE),
        (UNSURE, 0.05, UNFINISHED),
        (COMPLETE, 0.05, UNSURE),
        (COMPLETE, 0.95, COMPLETE),
        (UNFINISHED, 0.95, UNSURE),
        (UNFINISHED, 0.05, UNFINISHED),
        (HELD, 0.95, HELD),
        (UNSURE, None, UNSURE),
    ],
)
def test_a_sure_model_moves_the_verdict_by_one_step(
    text: Completeness, finished: float | None, together: Completeness
) -> None:
    assert with_sound(text, finished) is together


@pytest.mark.parametrize("seconds", [0, 0.01, 3, 20])
async def test_sound_of_any_length_is_judged(tmp_path: Path, seconds: float) -> None:
    model = OnnxTurnModel(tiny_models.turn_model(tmp_path, 0.75))
    assert await model.finished(bytes(round(seconds * 16_000) * 2)) == pytest.approx(0.75)


async def test_a_full_queue_means_no_opinion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_model, "MOST_WAITING", 2)
    model = OnnxTurnModel(tiny_models.turn_model(tmp_path, 0.75))
    opinions = await asyncio.gather(*(model.finished(bytes(32_000)) for _ in range(5)))
    assert opinions.count(None) == 3
    assert await model.finished(bytes(32_000)) == pytest.approx(0.75)


@pytest.mark.parametrize("content", [None, b"no onnx"])
def test_a_file_that_is_no_turn_model_is_refused_with_its_setting(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "turn.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EngineUnavailable, match="ZHIYIN_TURN_MODEL"):
        OnnxTurnModel(path)


Speak = Callable[..., Awaitable[list[HearingEvent]]]


@pytest.fixture
async def speak() -> AsyncIterator[Speak]:
    """Ears with a turn model hear the sounds; gives what they told."""
    opened: list[LocalHearingSession] = []

    async def hear(model: TurnModel, text: str, *sounds: Samples, endpointing: str = "adaptive") -> list[HearingEvent]:
        told: list[HearingEvent] = []
        hearing = LocalHearing(Dispatch(ScriptedTranscriber(Line(text))), SILERO(), turn_model=model)
        session = await hearing.open(OpenHearing("s", OpusFormat(), "en", endpointing=endpointing), told.append)
        opened.append(session)
        session.listen(ListenMode.AUTO)
        for packet in packets(np.concatenate(sounds)):
            session.packets([packet])
            for _ in range(4):
                await asyncio.sleep(0)
        return told

    yield hear
    for session in opened:
        await session.close()


class Opinion:
    """A model with one opinion; counts how often it was asked and how much it was given."""

    def __init__(self, finished: float | None) -> None:
        self.finishes = finished
        self.given: list[int] = []
        self.cancelled = 0
        self.hold: asyncio.Event | None = None

    async def finished(self, pcm: bytes) -> float | None:
        self.given.append(len(pcm))
        try:
            if self.hold is not None:
                await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.finishes


SENTENCE = say("what time is it")


@pytest.mark.parametrize(
    ("finished", "silence_ms"), [(0.95, (280, 360)), (0.5, (500, 580)), (0.05, (1100, 1180)), (None, (500, 580))]
)
async def test_the_sound_decides_where_words_do_not(
    speak: Speak, finished: float | None, silence_ms: tuple[int, int]
) -> None:
    told = await speak(Opinion(finished), "dogs", silence(900), SENTENCE, silence(1800))
    utterance = told[-1]
    assert isinstance(utterance, Utterance)
    assert silence_ms[0] <= utterance.timings.silence_ms < silence_ms[1]


async def test_speech_that_goes_on_cancels_the_question(speak: Speak) -> None:
    model = Opinion(0.95)
    model.hold = asyncio.Event()
    told = await speak(model, "I want to", silence(900), SENTENCE, silence(400), SENTENCE, silence(2000))
    assert [type(event) for event in told].count(SpeechResumed) == 1
    assert isinstance(told[-1], Utterance)
    assert model.cancelled == len(model.given) >= 2
    before = asyncio.all_tasks()
    assert not any(task.get_name() == "turn model" for task in before)


async def test_it_hears_at_most_the_last_eight_seconds(speak: Speak) -> None:
    model = Opinion(0.5)
    await speak(model, "dogs", silence(900), *[say("tell me a story about the sea")] * 6, silence(900))
    assert max(model.given) == turn_model.SOUND_BYTES


async def test_fixed_endpointing_asks_no_model(speak: Speak) -> None:
    model = Opinion(0.05)
    told = await speak(model, "dogs", silence(900), SENTENCE, silence(600), endpointing="fixed:240")
    assert isinstance(told[-1], Utterance)
    assert model.given == []
