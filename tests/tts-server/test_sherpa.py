"""Voices on sherpa-onnx, on tiny models: each script by the voice of its language, refused in a sentence."""

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from contracts.errors import EngineUnavailable
from contracts.loopback import Frame
from contracts.speech import VoiceChoice, one
from fakes import tiny_models
from tts_server.engines.sherpa import SherpaSynthesizer
from tts_server.engines.sherpa_files import files_in
from tts_server.engines.sherpa_process import Voices

PLAIN = VoiceChoice()


async def heard(models: Path, text: str, choice: VoiceChoice = PLAIN) -> tuple[np.ndarray, set[int]]:
    engine = SherpaSynthesizer(models)
    try:
        pieces = [pcm async for pcm in engine.speak(one(text), choice)]
    finally:
        await engine.close()
    return np.frombuffer(b"".join(piece.data for piece in pieces), "<i2"), {piece.sample_rate_hz for piece in pieces}


def highest_hz(sound: np.ndarray, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(sound))
    return float(np.fft.rfftfreq(len(sound), 1 / rate_hz)[spectrum > spectrum.max() / 4].max())


async def test_each_script_is_spoken_by_the_voice_of_its_language(tmp_path):
    tiny_models.vits(tmp_path / "voice-zh", "zh", base_hz=150)
    tiny_models.vits(tmp_path / "voice-en", "en", base_hz=1150)
    chinese, _ = await heard(tmp_path, "晚上好")
    english, _ = await heard(tmp_path, "good evening")
    assert highest_hz(chinese, 16_000) < 1000 < highest_hz(english, 16_000)
    mixed, rates = await heard(tmp_path, "晚上好 good evening")
    assert len(mixed) == len(chinese) + len(english)
    assert rates == {16_000}


async def test_the_sound_has_the_models_own_rate_and_two_voices_share_the_higher_one(tmp_path):
    tiny_models.vits(tmp_path / "voice-zh", "zh", rate_hz=8_000)
    only_chinese, rates = await heard(tmp_path, "晚上好")
    assert rates == {8_000}
    tiny_models.vits(tmp_path / "voice-en", "en", rate_hz=24_000)
    both, rates = await heard(tmp_path, "晚上好")
    assert rates == {24_000}
    assert len(both) == pytest.approx(3 * len(only_chinese), rel=0.01)


async def test_a_script_without_a_voice_of_its_own_is_spoken_by_espeak(tmp_path):
    tiny_models.vits(tmp_path / "voice-zh", "zh")
    sound, rates = await heard(tmp_path, "good evening")
    assert rates == {16_000}
    assert len(sound) > 16_000 // 4


async def test_a_voice_of_piper_speaks_the_phonemes_of_espeak(tmp_path):
    tiny_models.piper(tmp_path / "voice-en")
    assert "VITS" in SherpaSynthesizer.tried(tmp_path)
    one_clause, _ = await heard(tmp_path, "good evening")
    two_clauses, _ = await heard(tmp_path, "good evening, good evening!")
    assert len(one_clause) > 16_000 // 4
    assert len(two_clauses) == pytest.approx(2 * len(one_clause), rel=0.1)


async def test_matcha_speaks_both_scripts_through_its_vocoder(tmp_path):
    tiny_models.matcha(tmp_path / "voice-zh", base_hz=150)
    tiny_models.matcha(tmp_path / "voice-en", base_hz=1150)
    assert SherpaSynthesizer.tried(tmp_path).count("Matcha") == 2
    chinese, rates = await heard(tmp_path, "今天天气好")
    assert rates == {16_000} and len(chinese) == 5 * 960
    english, _ = await heard(tmp_path, "good evening")
    assert highest_hz(chinese, 16_000) < 1000 < highest_hz(english, 16_000)
    slow, _ = await heard(tmp_path, "今天天气好", VoiceChoice(speed=0.5))
    assert len(slow) == 2 * len(chinese)


async def test_a_word_that_a_lexicon_lacks_is_spelled_and_not_left_out(tmp_path):
    tiny_models.matcha(tmp_path / "voice-en")
    known, _ = await heard(tmp_path, "Good")
    both, _ = await heard(tmp_path, "Good evening")
    spaces = 7  # sounds of their own, like letters
    assert len(known) == 2 * 960
    assert len(both) >= len(known) + len("evening") * 960
    assert len(both) <= len(known) + (len("evening") + spaces) * 960


async def test_a_speaker_of_kokoro_is_chosen_by_number(tmp_path):
    tiny_models.kokoro(tmp_path / "voice-en")
    assert "Kokoro" in SherpaSynthesizer.tried(tmp_path)
    low, rates = await heard(tmp_path, "good evening")
    high, _ = await heard(tmp_path, "good evening", VoiceChoice(voice="1"))
    assert rates == {16_000} and len(low) == len(high) > 16_000 // 4
    assert highest_hz(low, 16_000) < 1000 < highest_hz(high, 16_000)


async def test_a_voice_that_cannot_read_and_has_no_phonemes_is_refused(tmp_path):
    (tiny_models.piper(tmp_path / "voice-en") / "espeak-ng-data").rmdir()
    with pytest.raises(EngineUnavailable, match="no sound"):
        SherpaSynthesizer.tried(tmp_path)


async def test_a_choice_of_speed_is_heard(tmp_path):
    tiny_models.vits(tmp_path / "voice-en", "en")
    slow, _ = await heard(tmp_path, "good evening", VoiceChoice(speed=0.5))
    fast, _ = await heard(tmp_path, "good evening", VoiceChoice(speed=2.0))
    assert len(slow) == pytest.approx(4 * len(fast), rel=0.05)


async def test_leaving_stops_the_computing_at_the_next_sentence(tmp_path):
    tiny_models.vits(tmp_path / "voice-en", "en", ms_per_char=1000)
    voices = Voices()
    wanted = {"models": str(tmp_path), "language": "en", "speaker": 0, "speed": 1.0, "phonemes": []}
    speech = await voices.handle("say", Frame({**wanted, "text": "One two three. " * 60}))
    assert not isinstance(speech, Frame)
    first = await anext(speech)
    await speech.aclose()
    after = await voices.handle("say", Frame({**wanted, "text": "One two three."}))
    assert not isinstance(after, Frame)
    assert [frame.body async for frame in after] == [first.body]


async def test_a_draft_is_spoken_behind_what_is_certain(tmp_path):
    tiny_models.vits(tmp_path / "voice-en", "en")
    voices = Voices()
    wanted = {"models": str(tmp_path), "language": "en", "speaker": 0, "speed": 1.0, "phonemes": []}
    await voices.handle("load", Frame({"models": str(tmp_path)}))
    spoken: list[str] = []

    async def speak(name: str, draft: bool) -> None:
        sound = await voices.handle("say", Frame({**wanted, "text": "One two three.", "draft": draft}))
        assert not isinstance(sound, Frame)
        assert [frame async for frame in sound]
        spoken.append(name)

    await asyncio.gather(speak("first", False), speak("draft", True), speak("certain", False))
    assert spoken == ["first", "certain", "draft"]


async def test_what_the_library_says_of_a_persons_words_reaches_no_log(tmp_path, capfd):
    tiny_models.vits(tmp_path / "voice-en", "en")
    await heard(tmp_path, "ßøþðæ")  # none of it in its tokens, which the library would quote
    said = capfd.readouterr()
    assert "ßøþ" not in said.err + said.out


async def test_a_child_that_dies_in_mid_sentence_is_an_error_and_the_next_one_speaks(tmp_path):
    tiny_models.vits(tmp_path / "voice-en", "en", ms_per_char=1000)
    engine = SherpaSynthesizer(tmp_path)
    await engine.warm()
    speech = engine.speak(one("One two three. " * 60), PLAIN)
    await anext(speech)
    pid = engine._child.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineUnavailable):
        async for _ in speech:
            pass
    assert [pcm async for pcm in engine.speak(one("One."), PLAIN)]
    assert engine._child.pid not in (None, pid)
    await engine.close()
    assert engine._child.pid is None


async def test_a_speaker_is_chosen_by_number_and_a_name_is_refused(tmp_path):
    tiny_models.vits(tmp_path / "voice-en", "en")
    sound, _ = await heard(tmp_path, "hello", VoiceChoice(voice="7"))  # there is one: the last one speaks
    assert len(sound)
    with pytest.raises(EngineUnavailable, match="numbers") as refused:
        await heard(tmp_path, "hello", VoiceChoice(voice="en-gb"))
    assert refused.value.code == "unknown_voice"


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("model.onnx", "tokens.txt", "lexicon.txt"), "VITS"),
        (("en_US-amy-low.onnx", "tokens.txt"), "VITS"),
        (("model.int8.onnx", "voices.bin", "tokens.txt"), "Kokoro"),
        (("model-steps-3.onnx", "vocos-22khz-univ.onnx", "tokens.txt"), "Matcha"),
    ],
)
def test_the_kind_of_voice_is_told_by_its_files(tmp_path, names, kind):
    for name in names:
        (tmp_path / name).write_text("x")
    assert files_in(tmp_path).kind == kind


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ((), "tokens.txt"),
        (("tokens.txt",), "onnx"),
        (("tokens.txt", "model.onnx.part"), "onnx"),
        (("tokens.txt", "model-steps-3.onnx"), "vocoder"),
    ],
)
def test_half_a_voice_is_a_sentence_that_names_what_is_missing(tmp_path, names, sentence):
    (tmp_path / "voice-zh").mkdir()
    for name in names:
        (tmp_path / "voice-zh" / name).write_text("x")
    with pytest.raises(EngineUnavailable, match=sentence):
        SherpaSynthesizer.tried(tmp_path)


def test_whole_voices_are_tried_and_named(tmp_path):
    tiny_models.vits(tmp_path / "voice-en", "en")
    assert SherpaSynthesizer.tried(tmp_path) == f"VITS in {tmp_path / 'voice-en'} (en)"
    assert SherpaSynthesizer.tried(tmp_path / "nowhere") == ""


@pytest.mark.parametrize("harm", ["cut", "no metadata"])
def test_a_damaged_voice_is_a_sentence_and_ends_no_process_of_ours(tmp_path, harm):
    folder = tiny_models.vits(tmp_path / "voice-zh", "zh")
    model = folder / "model.onnx"
    if harm == "cut":
        model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    else:
        tiny_models.campplus(folder)
        (folder / "campplus.onnx").replace(model)
    with pytest.raises(EngineUnavailable, match=r"damaged") as refused:
        SherpaSynthesizer.tried(tmp_path)
    assert str(folder) in str(refused.value)


async def test_without_any_voice_it_says_where_it_looked(tmp_path):
    engine = SherpaSynthesizer(tmp_path)
    with pytest.raises(EngineUnavailable, match=str(tmp_path)):
        await engine.warm()
    await engine.close()
