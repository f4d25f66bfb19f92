"""What kind of answer a reply waits for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from main_server.conversation.expecting import expected_answer


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("好的，灯打开了。要我把窗帘也拉上吗？", "yes_no"),
        ("我们来玩游戏，好不好？", "yes_no"),
        ("这个答案是八，对吧？😊", "yes_no"),
        ("你今年几岁？", "number"),
        ("三加五等于几呢？", "number"),
        ("你想设几分钟的闹钟？", "number"),
        ("你好呀！你叫什么名字？", "name"),
        ("我该怎么称呼你呢？", "name"),
        ("你喜欢苹果还是香蕉？", "open"),
        ("你好呀，想聊点什么？", "open"),
        ("嗨，我在听。", ""),
        ("你知道吗？鲸鱼不是鱼。", ""),
        ("The light is on. Shall I close the curtains, too?", "yes_no"),
        ("Great, do you want another story?", "yes_no"),
        ("It is eight, isn't it?", "yes_no"),
        ("How old are you?", "number"),
        ("So, how many apples are left?", "number"),
        ("Hello! What's your name?", "name"),
        ("Do you like apples or pears?", "open"),
        ("Hello! What's up?", "open"),
        ('She asked: "Where is my hat?"', "open"),
        ("It costs 3.5 dollars.", ""),
        ("Did you know? Whales are no fish.", ""),
        ("", ""),
        ("?", ""),
    ],
)
def test_the_last_sentence_tells_what_is_expected(reply: str, kind: str) -> None:
    assert expected_answer(reply) == kind


@given(st.text())
def test_any_reply_expects_one_of_the_known_kinds(reply: str) -> None:
    assert expected_answer(reply) in {"yes_no", "number", "name", "open", ""}
