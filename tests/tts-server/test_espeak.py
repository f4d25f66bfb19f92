"""The built-in voice."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.audio import Pcm
from contracts.errors import EngineUnavailable
from contracts.speech import VoiceChoice, one
from sound.level import rms_dbfs
from tts_server.engines.espeak import EspeakSynthesizer, script_runs, units
from tts_server.engines.espeak_library import library
from tts_server.engines.espeak_voices import InstalledVoice, Voices

VOICES = Voices(
    [
        InstalledVoice("sit/cmn", "Chinese (Mandarin)", ("cmn", "zh-cmn", "zh")),
        InstalledVoice("sit/yue", "Chinese (Cantonese)", ("yue", "zh-yue", "zh")),
        InstalledVoice("gmw/en-029", "English (Caribbean)", ("en-029", "en")),
        InstalledVoice("gmw/en", "English (Great Britain)", ("en-gb", "en")),
        InstalledVoice("gmw/en-US", "English (America)", ("en-us", "en")),
        InstalledVoice("roa/fr", "French (France)", ("fr-fr", "fr")),
        InstalledVoice("jpx/ja", "Japanese", ("ja",)),
    ],
    {"f3": "f3", "annie": "Annie"},
)


PLAIN = VoiceChoice()


async def say(text: str, choice: VoiceChoice = PLAIN) -> list[Pcm]:
    return [pcm async for pcm in EspeakSynthesizer().speak(one(text), choice)]


def samples(pieces: list[Pcm]) -> NDArray[np.int16]:
    return np.frombuffer(b"".join(piece.data for piece in pieces), "<i2")


@pytest.mark.parametrize(
    ("choice", "chinese", "other"),
    [
        (VoiceChoice(), "sit/cmn", "gmw/en-US"),
        (VoiceChoice(language="zh"), "sit/cmn", "gmw/en-US"),
        (VoiceChoice(language="zh-CN"), "sit/cmn", "gmw/en-US"),
        (VoiceChoice(language="zh-Hant-TW"), "sit/cmn", "gmw/en-US"),
        (VoiceChoice(language="zh-HK"), "sit/yue", "gmw/en-US"),
        (VoiceChoice(language="yue-Hant-HK"), "sit/yue", "gmw/en-US"),
        (VoiceChoice(language="en"), "sit/cmn", "gmw/en-US"),
        (VoiceChoice(language="en_GB"), "sit/cmn", "gmw/en"),
        (VoiceChoice(language="en-AU"), "sit/cmn", "gmw/en-US"),
        (VoiceChoice(language="fr-CA"), "sit/cmn", "roa/fr"),
        (VoiceChoice(language="ja-JP"), "jpx/ja", "jpx/ja"),
        (VoiceChoice(voice="en-gb", language="zh"), "sit/cmn", "gmw/en"),
        (VoiceChoice(voice="English (Great Britain)"), "sit/cmn", "gmw/en"),
        (VoiceChoice(voice="YUE"), "sit/yue", "gmw/en-US"),
        (VoiceChoice(voice="en-us+F3"), "sit/cmn+f3", "gmw/en-US+f3"),
        (VoiceChoice(voice="+annie", language="zh"), "sit/cmn+Annie", "gmw/en-US+Annie"),
    ],
)
def test_a_voice_is_found_by_name_or_language(choice: VoiceChoice, chinese: str, other: str) -> None:
    speakers = VOICES.choose(choice)
    assert (speakers.chinese, speakers.other) == (chinese, other)


@pytest.mark.parametrize(
    "choice",
    [VoiceChoice(voice="nosuch"), VoiceChoice(voice="en-us+nosuch"), VoiceChoice(language="tlh"), VoiceChoice("+f9")],
)
async def test_an_unknown_voice_is_an_error_and_not_the_last_voice(choice: VoiceChoice) -> None:
    with pytest.raises(EngineUnavailable, match="espeak-ng") as failure:
        await say("Hello.", choice)
    assert failure.value.code == "unknown_voice"
    assert await say("Hello.")


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("Hello there", [(False, "Hello there")]),
        ("今天25度，很好。", [(True, "今天25度，很好。")]),
        ("请打开 WiFi 设置", [(True, "请打开 "), (False, "WiFi "), (True, "设置")]),
        ("3 apples 和 5 个梨", [(False, "3 apples "), (True, "和 5 个梨")]),
        ("T恤", [(False, "T"), (True, "恤")]),
        ("café é 㐀𠀀", [(False, "café é "), (True, "㐀𠀀")]),
        ("", []),
    ],
)
def test_text_is_cut_where_the_script_changes(text: str, runs: list[tuple[bool, str]]) -> None:
    assert list(script_runs(text)) == runs


def test_what_belongs_to_no_script_is_said_by_the_main_voice() -> None:
    assert [unit.voice for unit in units("25", VoiceChoice(language="zh"), VOICES)] == ["sit/cmn"]
    assert [unit.voice for unit in units("25", VoiceChoice(language="en"), VOICES)] == ["gmw/en-US"]


def test_sentences_are_followed_by_a_pause_and_words_are_not() -> None:
    said = [unit.pause_ms > 0 for unit in units("你好。Hello 世界", VoiceChoice(), VOICES)]
    assert said == [True, False, False]


def test_a_long_text_is_many_short_units() -> None:
    text = "This is one more sentence of a very long story. " * 40
    made = list(units(text, VoiceChoice(), VOICES))
    assert "".join(unit.text for unit in made) == text
    assert max(len(unit.text) for unit in made) <= 160


@pytest.mark.parametrize("choice", [VoiceChoice(voice=name) for name in ("en-us", "en-gb", "cmn", "yue", "en-gb+f3")])
async def test_every_voice_we_promise_is_in_the_library(choice: VoiceChoice) -> None:
    heard = samples(await say("Hello 你好", choice))
    assert rms_dbfs(heard.tobytes()) > -30


async def test_mandarin_and_cantonese_sound_different() -> None:
    mandarin, cantonese = [samples(await say("你好", VoiceChoice(language=tag))) for tag in ("zh-CN", "zh-HK")]
    assert mandarin.tobytes() != cantonese.tobytes()


async def test_twice_the_speed_is_about_half_the_time() -> None:
    text = "The quick brown fox jumps over the lazy dog."
    plain, fast = [len(samples(await say(text, VoiceChoice(speed=speed)))) for speed in (1.0, 2.0)]
    assert 0.4 < fast / plain < 0.65


def pitch_hz(heard: NDArray[np.int16]) -> float:
    """The commonest pitch of voiced speech, by autocorrelation."""
    found = []
    for at in range(0, len(heard) - 1102, 1102):
        piece = heard[at : at + 1102].astype(float)
        if np.std(piece) < 1000:
            continue
        echo = np.correlate(piece, piece, "full")[len(piece) :]
        lag = 50 + int(np.argmax(echo[50:400]))
        found.append(22_050 / lag)
    return float(np.median(found))


async def test_pitch_is_a_factor() -> None:
    plain, high = [pitch_hz(samples(await say("aaa oh aaa", VoiceChoice(pitch=pitch)))) for pitch in (1.0, 1.5)]
    assert 1.25 < high / plain < 1.75


async def test_volume_is_in_decibels() -> None:
    plain, soft = [
        rms_dbfs(samples(await say("Hello there.", VoiceChoice(volume_db=gain))).tobytes()) for gain in (0.0, -12.0)
    ]
    assert plain - soft == pytest.approx(12.0, abs=1.0)


@pytest.mark.parametrize("sign", ["😀", "👨‍👩‍👧", "\x0150R", "\u200b", "\ud83d", "\n\n"])
async def test_signs_are_not_spoken(sign: str) -> None:
    plain, signed = len(samples(await say("你好。Bye"))), len(samples(await say(f"你好{sign}。Bye")))
    spoken_command = 22_050 if "R" in sign else 0  # the letters that are left of a broken command
    assert abs(signed - plain) < 2000 + spoken_command


@pytest.mark.parametrize("text", ["😀", "👍🏽", "**", "# \n---", "`", "* * *", "…", " \n", "\x01"])
async def test_a_text_without_words_is_silence_and_not_the_name_of_its_signs(text: str) -> None:
    assert await say(text) == []


async def test_a_sign_between_numbers_is_said() -> None:
    apart, together = len(samples(await say("3~5"))), len(samples(await say("35")))
    assert apart != together


async def test_a_number_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tts_server.engines.espeak.MAX_UNIT_MS", 1500)
    heard = await say("1" * 150)
    assert sum(piece.duration_ms for piece in heard) < 1510


async def test_the_first_piece_comes_before_the_last_is_computed() -> None:
    speech = EspeakSynthesizer().speak(one("This sentence has many words in it, and goes on for long."), VoiceChoice())
    assert (await anext(speech)).duration_ms <= 200
    await speech.aclose()  # type: ignore[attr-defined]


async def test_leaving_stops_the_computing_at_the_next_piece() -> None:
    espeak = await library()
    unit = next(units("One two three four five six seven eight nine ten. " * 3, VoiceChoice(), espeak.voices))
    heard: list[bytes] = []

    def leave_after_two(pcm: bytes) -> bool:
        heard.append(pcm)
        return len(heard) < 2

    await espeak.say(unit, leave_after_two)
    assert len(heard) == 2
    assert await say("Hello.")


async def test_a_listener_that_never_comes_back_holds_nobody_up() -> None:
    stuck = EspeakSynthesizer().speak(one("I am waiting for someone who does not listen. " * 20), VoiceChoice())
    await anext(stuck)
    async with asyncio.timeout(20):
        assert await say("Hello.")
    await stuck.aclose()  # type: ignore[attr-defined]


async def test_words_are_spoken_as_they_are_streamed() -> None:
    spoken = asyncio.Event()

    async def words() -> AsyncIterator[str]:
        yield "Hello there. "
        yield "And"
        async with asyncio.timeout(20):
            await spoken.wait()
        yield " good bye."

    async for _ in EspeakSynthesizer().speak(words(), VoiceChoice()):
        spoken.set()
    assert spoken.is_set()
