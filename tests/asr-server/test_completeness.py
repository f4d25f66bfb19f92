"""How finished a text sounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_server.completeness import Completeness, completeness

COMPLETE, UNSURE, UNFINISHED = Completeness.COMPLETE, Completeness.UNSURE, Completeness.UNFINISHED


@pytest.mark.parametrize(
    "text",
    [
        "今天天气怎么样", "你会唱歌吗？", "我们走吧", "把灯打开吧", "打开客厅的灯", "现在几点了", "我今天很高兴。",
        "what time is it", "What is this?", "turn on the light", "set the volume to maximum", "stop", "hello",
        "good night", "how are you", "Tell me a story about the sea.", "can you sing a song",
        "I want to know what time it is",
    ],
)  # fmt: skip
def test_a_whole_sentence_is_complete(text: str) -> None:
    assert completeness(text) is COMPLETE


@pytest.mark.parametrize(
    "text",
    [
        "我想", "因为", "今天天气很好然后", "我喜欢红色的", "给我讲一个", "如果", "小明和", "打开灯，", "帮我",
        "I want to", "tell me", "what is the", "because", "I like dogs and", "red, blue,", "my number is seven and",
        "set the volume to", "um", "7", "five",
    ],
)  # fmt: skip
def test_a_hanging_sentence_is_unfinished(text: str) -> None:
    assert completeness(text) is UNFINISHED


@pytest.mark.parametrize(
    "text", ["", "  ", "set the volume to fifty", "音量调到五十", "dogs", "苹果", "明天早上八点", "是的", "..?", "。"]
)
def test_what_may_go_either_way_is_unsure(text: str) -> None:
    assert completeness(text) is UNSURE


@pytest.mark.parametrize(
    ("text", "expecting", "judged"),
    [
        ("是的", "yes_no", COMPLETE),
        ("不要", "yes_no", COMPLETE),
        ("yes", "yes_no", COMPLETE),
        ("No.", "yes_no", COMPLETE),
        ("five", "number", UNSURE),
        ("小明", "name", COMPLETE),
        ("Anna", "name", COMPLETE),
        ("my", "name", UNFINISHED),
    ],
)
def test_what_the_toy_asked_for_decides(text: str, expecting: str, judged: Completeness) -> None:
    assert completeness(text, expecting=expecting) is judged


@given(
    st.text(), st.sampled_from(["", "en", "zh-CN", "yue"]), st.sampled_from(["", "yes_no", "number", "name", "open"])
)
def test_any_text_is_judged(text: str, language: str, expecting: str) -> None:
    assert completeness(text, language, expecting) in Completeness
