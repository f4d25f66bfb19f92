"""Farewells, wake words, languages and apologies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import EngineBusy, EngineFailed, EngineTimeout, EngineUnavailable
from main_server.conversation import phrases
from main_server.conversation.emotions import EMOTIONS, emoji_of, emotion_of
from main_server.conversation.phrases import is_exit, is_wake_word, language_of, normalise


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Ｈｅｌｌｏ，　World!!", "hello world"),
        ("你 好， 小 智。", "你好小智"),
        ("打开WiFi", "打开wifi"),
        ("That’s ALL…", "that's all"),
        ("  ?! ", ""),
        ("第１２章", "第12章"),
    ],
)
def test_width_case_punctuation_and_spaces_do_not_count(written: str, normal: str) -> None:
    assert normalise(written) == normal


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    "text",
    ["再见", "再见！", "好的，再见啦。", "拜拜 小智", "那我们先不聊了", "Bye.", "OK, goodbye!", "THAT'S ALL, thanks"],
)
def test_a_farewell_ends_the_talk(text: str) -> None:
    assert is_exit(text)


@pytest.mark.parametrize(
    "text",
    ["", "。", "好的", "再见是什么意思", "用英语怎么说再见", "say goodbye in French", "how do I exit the room"],
)
def test_speaking_of_a_farewell_does_not(text: str) -> None:
    assert not is_exit(text)


def test_a_role_may_have_its_own_farewells() -> None:
    assert is_exit("芝麻关门吧！", ["芝麻关门"])
    assert not is_exit("再见", ["芝麻关门"])
    assert not is_exit("", [""])


def test_endless_politeness_is_looked_at_in_no_time() -> None:
    assert not is_exit("好" * 48)
    assert not is_exit("好的吧了" * 100_000)


@pytest.mark.parametrize("text", ["你好小智", "你好，小智！", "Hi, ESP", "hey willow", "JARVIS"])
def test_wake_words_are_known(text: str) -> None:
    assert is_wake_word(text)


@pytest.mark.parametrize("text", ["", "!", "what time is it", "小智几点了"])
def test_typed_text_is_no_wake_word(text: str) -> None:
    assert not is_wake_word(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("今天天气怎么样", "zh"),
        ("打开WiFi", "zh"),
        ("WiFi打不开了", "zh"),
        ("播放 Shape of You", "zh"),
        ("What time is it?", "en"),
        ("My name is 小明", "en"),
        ("OK", "en"),
        ("こんにちは", ""),
        ("안녕하세요", ""),
        ("Привет", ""),
        ("3.14 + 2", ""),
        ("", ""),
    ],
)
def test_the_script_tells_the_language(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("error", [EngineUnavailable, EngineTimeout, EngineBusy, EngineFailed])
def test_every_error_has_an_apology_of_its_own_in_both_languages(error: type[EngineFailed]) -> None:
    others = {phrases.apology(code, "zh") for code in phrases.APOLOGIES if code != error.code}
    assert phrases.apology(error.code, "zh") not in others
    assert language_of(phrases.apology(error.code, "zh-CN")) == "zh"
    assert language_of(phrases.apology(error.code, "en")) == "en"


def test_an_unknown_error_or_language_still_has_words() -> None:
    assert phrases.apology("no_such_code", "fr") == phrases.apology("engine_failed", "en")


@pytest.mark.parametrize("say", [phrases.greeting, phrases.goodbye, phrases.idle_goodbye])
def test_greetings_and_goodbyes_take_turns(say: type[phrases.greeting]) -> None:  # type: ignore[valid-type]
    for language in ("zh", "en"):
        assert say(language, 0) != say(language, 1)
        assert all(language_of(say(language, number)) == language for number in range(-3, 9))


def test_every_emotion_has_an_emoji_that_means_it() -> None:
    assert len(EMOTIONS) == 21
    assert [emotion_of(emoji_of(name)) for name in EMOTIONS] == list(EMOTIONS)
    assert emoji_of("no such emotion") == emoji_of("neutral")


@pytest.mark.parametrize(
    ("emoji", "emotion"), [("😊", "happy"), ("❤️", "loving"), ("👍🏽", "happy"), ("😋", "delicious"), ("🚗", None)]
)
def test_other_emoji_go_to_the_nearest_face(emoji: str, emotion: str | None) -> None:
    assert emotion_of(emoji) == emotion
