"""Labelled speech over the reply: what may stop the toy and what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from main_server.conversation.barge_in import Verdict, is_echo, judge

CASES = [
    (label, heard, toy_says)
    for label, heard, toy_says in (
        line.split("\t")
        for line in Path(__file__).with_name("barge_in_cases.tsv").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
]
INTERRUPTS = {"stop": True, "own": True, "nod": False, "echo": False, "noise": False}
STORY = "Once upon a time there was a fox who lived in the woods."


def judged_wrong(label: str, *, final: bool) -> list[str]:
    """The cases of a label that would stop the toy though they must not, or would not though they must."""
    return [
        heard
        for of, heard, toy_says in CASES
        if of == label
        and (judge(heard, toy_says, 700, final=final, speaker_known=False) is Verdict.CONFIRM) != INTERRUPTS[label]
    ]


@pytest.mark.parametrize("label", INTERRUPTS)
@pytest.mark.parametrize("final", [True, False])
def test_labelled_speech_is_judged_right(label: str, final: bool) -> None:
    count = sum(of == label for of, _, _ in CASES)
    wrong = judged_wrong(label, final=final)
    allowed = 0 if label in ("stop", "echo") else 0.04
    assert count >= 12 and len(wrong) <= allowed * count, wrong


def test_a_finished_sentence_is_never_waited_with() -> None:
    assert Verdict.WAIT not in {judge(heard, says, 700, final=True) for _, heard, says in CASES}


def test_the_first_word_is_waited_with_until_there_are_two() -> None:
    assert judge("what", STORY, 250) is Verdict.WAIT
    assert judge("what time", STORY, 550) is Verdict.CONFIRM
    assert judge("", STORY, 250) is Verdict.WAIT
    assert judge("", STORY, 250, final=True) is Verdict.REFUTE


def test_a_beginning_that_sounds_like_a_nod_is_waited_with_for_a_moment() -> None:
    assert judge("yes", STORY, 260) is Verdict.WAIT
    assert judge("yes", STORY, 560) is Verdict.REFUTE
    assert judge("yes but listen", STORY, 860) is Verdict.CONFIRM


def test_one_word_of_a_known_person_is_enough_once_it_is_all() -> None:
    assert judge("louder", STORY, 400, final=True) is Verdict.REFUTE
    assert judge("louder", STORY, 400, final=True, speaker_known=True) is Verdict.CONFIRM
    assert judge("yeah", STORY, 400, final=True, speaker_known=True) is Verdict.REFUTE


def test_speech_behind_an_echo_is_heard() -> None:
    assert judge("once upon a time there was a fox", STORY, 900) is Verdict.REFUTE
    assert judge("once upon a time there was a fox stop", STORY, 900) is Verdict.CONFIRM
    assert judge("once upon a time there was please tell me another", STORY, 900) is Verdict.CONFIRM


def test_without_a_word_of_the_toys_nothing_is_an_echo() -> None:
    assert not is_echo("what time is it", "")
    assert not is_echo("", STORY)
    assert is_echo("there was a box who lived in the woods", STORY)
