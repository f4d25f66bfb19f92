"""Thinking is never spoken, and waiting for it never swallows an answer."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from main_server.brain.thinking import ThinkingFilter


def spoken(*pieces: str, begins_inside: bool = False) -> str:
    thinking = ThinkingFilter(begins_inside=begins_inside)
    return "".join([thinking.push(piece) for piece in pieces]) + thinking.finish()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Hello there.", "Hello there."),
        ("<think>hm, 2 < 3</think>\n\nYes.", "Yes."),
        ("Well <think>no</think>yes", "Well yes"),
        ("<think>a<think>b</think>c</think>d", "d"),
        ("<THINK >a</Think>d", "d"),
        ("<thinking>a</thinking>d<reasoning>e</reasoning>f", "df"),
        ("<think></think>d", "d"),
        ("never closed <think>and so on", "never closed "),
        ("2 < 3 and <b>bold</b> <thin", "2 < 3 and <b>bold</b> <thin"),
    ],
)
@given(cuts=st.lists(st.integers(0, 60), max_size=6))
def test_what_is_said_does_not_depend_on_the_cutting(written: str, said: str, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(written)]
    assert spoken(*(written[begin:end] for begin, end in pairwise(edges))) == said


def test_words_pass_at_once() -> None:
    thinking = ThinkingFilter()
    assert thinking.push("Hello") == "Hello"
    assert thinking.push(" <") == " "
    assert thinking.push("3") == "<3"


def test_a_template_that_opens_the_thinking_itself_is_told_by_its_stray_close() -> None:
    thinking = ThinkingFilter()
    thinking.push("I wonder.</think>Yes.")
    assert thinking.stray_close
    assert spoken("I wonder", ".</th", "ink>\n\nYes.", begins_inside=True) == "Yes."


def test_an_answer_that_was_presumed_thinking_is_given_in_the_end() -> None:
    assert spoken("Just ", "an answer.", begins_inside=True) == "Just an answer."


def test_a_model_presumed_to_begin_inside_may_still_open_its_thinking() -> None:
    assert spoken("<think>a</think>b", begins_inside=True) == "b"


def test_thinking_in_a_field_of_its_own_means_that_the_words_are_words() -> None:
    thinking = ThinkingFilter(begins_inside=True)
    thinking.no_tags()
    assert thinking.push("Yes.") == "Yes."
