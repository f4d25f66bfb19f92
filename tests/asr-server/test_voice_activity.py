"""The real Silero on real sound, and where it and the endpointing find the edges of speech."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from numpy.typing import NDArray

from asr_server import voice_activity
from asr_server.endpointing import Commit, Decision, Endpointing, Started
from asr_server.loudness import Loudness
from asr_server.patience import Thresholds
from asr_server.voice_activity import Memory, SileroModel, VoiceActivity
from contracts.errors import EngineUnavailable
from contracts.hearing import ListenMode
from fakes.spoken import Samples, at_level, noise, pcm, say, silence

MS = 16  # samples

SENTENCES = [
    ("what time is it", "en"),
    ("set the volume to fifty", "en"),
    ("tell me a story about the sea", "en-us"),
    ("yes", "en"),
    ("今天天气怎么样", "cmn"),
    ("请把音量调到五十", "cmn"),
    ("好", "cmn"),
    ("please turn off the lights in the kitchen", "en-us"),
    ("给我讲一个故事", "cmn"),
    ("what is this", "en"),
    ("stop", "en"),
    ("how much is six", "en"),
]
BURIED = ("stop", "how much is six")
"""A last consonant after a closure, or softer than the tests' noise: they may be taken to end with the vowel."""


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


def test_speech_is_speech_and_silence_is_not(model: SileroModel) -> None:
    sound = np.concatenate([silence(1024), say("tell me a story about the sea"), silence(1024)])
    probabilities = VoiceActivity(model).push(pcm(sound))
    assert max(probabilities[:31]) < 0.2
    assert np.mean(probabilities[36:60]) > 0.9
    assert max(probabilities[-20:]) < 0.35


@pytest.mark.parametrize("pink", [False, True])
@pytest.mark.parametrize("dbfs", [-70, -45, -25])
def test_noise_is_not_speech(model: SileroModel, dbfs: float, pink: bool) -> None:
    assert max(VoiceActivity(model).push(pcm(noise(3000, dbfs, pink=pink)))) < 0.5


@pytest.mark.parametrize("packet_samples", [7, 320, 960, 1920])
def test_the_packet_size_does_not_matter(model: SileroModel, packet_samples: int) -> None:
    sound = pcm(np.concatenate([noise(200, -50), say("yes")]) + np.float32(0))
    whole = VoiceActivity(model).push(sound)
    pieces = VoiceActivity(model)
    cut: list[float] = []
    for first in range(0, len(sound), 2 * packet_samples):
        cut += pieces.push(sound[first : first + 2 * packet_samples])
    assert cut == pytest.approx(whole, abs=1e-4)


def test_a_reset_forgets(model: SileroModel) -> None:
    activity = VoiceActivity(model)
    sound = pcm(say("yes"))
    first = activity.push(sound)
    activity.reset()
    assert activity.push(sound) == first


def test_sessions_share_the_model_and_nothing_else(model: SileroModel) -> None:
    sound = pcm(say("yes"))
    alone = VoiceActivity(model).push(sound[:8192])
    one, other = VoiceActivity(model), VoiceActivity(model)
    mixed: list[float] = []
    for first in range(0, 8192, 1024):
        mixed += one.push(sound[first : first + 1024])
        other.push(pcm(noise(32, -20, seed=first)))
    assert mixed == pytest.approx(alone, abs=1e-4)


def test_a_recording_in_a_thread_of_its_own_disturbs_nobody(model: SileroModel) -> None:
    sounds = [pcm(say("yes")), pcm(noise(1500, -20))] * 2

    def heard(sound: bytes) -> list[float]:
        activity = VoiceActivity(model)
        return [likely for first in range(0, len(sound), 1920) for likely in activity.push(sound[first : first + 1920])]

    alone = [heard(sound) for sound in sounds]
    with ThreadPoolExecutor(len(sounds)) as threads:
        assert list(threads.map(heard, sounds)) == alone


def test_long_muted_silence_costs_no_model_and_delays_no_word(model: SileroModel) -> None:
    runs = 0

    class Counting(SileroModel):
        def __init__(self) -> None: ...

        def run(self, samples: NDArray[np.int16], memory: Memory) -> list[float]:
            nonlocal runs
            runs += len(samples)
            return model.run(samples, memory)

    skipping = VoiceActivity(Counting())
    for _ in range(200):
        skipping.push(bytes(1024))
    assert runs < 12
    word = pcm(say("what time is it"))
    after_silence = skipping.push(word)
    assert _onset(after_silence) <= _onset(VoiceActivity(model).push(word)) + 2


def _onset(probabilities: list[float]) -> int:
    return next(window for window, probability in enumerate(probabilities) if probability >= 0.5)


@pytest.mark.parametrize("room", ["silent", "white noise at 27 dB", "pink noise at 15 dB"])
def test_the_edges_of_speech_are_found_within_sixty_ms(model: SileroModel, room: str) -> None:
    for seed, (text, voice) in enumerate(SENTENCES):
        error_ms = _end_error_ms(model, text, voice, room, seed)
        earliest_ms = -140 if text in BURIED else -60
        assert earliest_ms <= error_ms <= 60, text


def _end_error_ms(model: SileroModel, text: str, voice: str, room: str, seed: int) -> float:
    lead = 900 + 7 * seed
    speech = at_level(say(text, voice), -23)
    sound = np.concatenate([silence(lead), speech, silence(1200)])
    if room != "silent":
        made = (
            noise(len(sound) / MS, -50, seed) if room.startswith("white") else noise(len(sound) / MS, -38, seed, True)
        )
        sound = sound + made[: len(sound)]
    started, commit = _edges(model, sound)
    assert started.start_sample <= lead * MS + 120 * MS
    return (commit.end_sample - lead * MS - len(speech)) / MS


def _edges(model: SileroModel, sound: Samples) -> tuple[Started, Commit]:
    made = _decisions(model, sound)
    (started,) = [decision for decision in made if isinstance(decision, Started)]
    (commit,) = [decision for decision in made if isinstance(decision, Commit)]
    return started, commit


def _decisions(model: SileroModel, sound: Samples) -> list[Decision]:
    activity, loudness, endpointing = VoiceActivity(model), Loudness(), Endpointing(Thresholds.parse("fixed:300"))
    endpointing.begin(ListenMode.AUTO, 0)
    data = pcm(sound)
    made: list[Decision] = []
    for first in range(0, len(data), 1920):
        packet = data[first : first + 1920]
        made += endpointing.hear(loudness.push(packet), activity.push(packet))
    return made


def test_a_television_in_the_room_does_not_hold_the_turn_open(model: SileroModel) -> None:
    speech = at_level(say("turn on the light in the kitchen"), -23)
    sound = np.concatenate([silence(600), speech, silence(3000)])
    news = "the weather today will be cloudy with some rain in the afternoon and a light wind from the west "
    sound = sound + at_level(say(news * 2, "en-us"), -50)[: len(sound)]
    commit = next(decision for decision in _decisions(model, sound) if isinstance(decision, Commit))
    assert abs(commit.end_sample - 600 * MS - len(speech)) <= 60 * MS


def test_a_microphone_with_a_constant_offset_is_not_loud() -> None:
    offset = np.full(1600, 0.1, np.float32)
    assert max(Loudness().push(pcm(offset))) < -80


def test_missing_weights_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> list[object]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(voice_activity, "files", absent)
    with pytest.raises(EngineUnavailable, match="make setup"):
        SileroModel()
