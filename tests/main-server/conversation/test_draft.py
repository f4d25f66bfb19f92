"""When two texts ask for the same answer."""

from __future__ import annotations

import pytest

from main_server.conversation.draft import same_request


@pytest.mark.parametrize(
    ("drafted", "committed"),
    [
        ("what time is it", "What time is it?"),
        ("几点了", "几点了呢？"),
        ("开灯吧", "开灯。"),
        ("今天天气，怎么样", "今天天气怎么样啊"),
        ("it's five o'clock", "It's five o’clock."),
        ("Ｈｅｌｌｏ", "hello"),
        ("set it to 3.5", "Set it to 3.5."),
    ],
)
def test_case_marks_and_final_particles_make_no_difference(drafted: str, committed: str) -> None:
    assert same_request(drafted, committed)


@pytest.mark.parametrize(
    ("drafted", "committed"),
    [
        ("turn it", "turn it off"),
        ("你好", "你好吗"),
        ("set it to 3.5", "set it to 35"),
        ("what is 3-2", "what is 32"),
        ("吧", "啊"),
        ("", "hello"),
        ("किताब", "कताब"),
    ],
)
def test_anything_that_may_change_the_answer_does(drafted: str, committed: str) -> None:
    assert not same_request(drafted, committed)
