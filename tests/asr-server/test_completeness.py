"""How finished a text sounds, on labelled sentences (tests/vectors/completeness.tsv)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_server.completeness import Completeness, completeness

COMPLETE, UNSURE, UNFINISHED, HELD = (
    Completeness.COMPLETE,
    Completeness.UNSURE,
    Completeness.UNFINISHED,
    Completeness.HELD,
)
CASES = [
    line.split("\t")
    for line in (Path(__file__).parents[1] / "vectors" / "completeness.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def judged(stop: bool) -> Counter[tuple[str, str]]:
    """How often a truth was judged so; `stop`: by a recogniser that ends all it hears with a full stop."""
    table: Counter[tuple[str, str]] = Counter()
    for truth, expecting, text in CASES:
        table[truth, completeness(stopped(text) if stop else text, "", expecting)] += 1
    return table


def stopped(text: str) -> str:
    if text.endswith((".", "?", "，", "、", ",")):
        return text
    return text + ("." if text[0].isascii() else "。")


@pytest.mark.parametrize("stop", [False, True])
def test_what_is_judged_finished_is_finished(stop: bool) -> None:
    table = judged(stop)
    called_complete = sum(count for (_, verdict), count in table.items() if verdict == COMPLETE)
    assert len(CASES) >= 400
    assert table["complete", COMPLETE] >= 0.98 * called_complete
    assert table["complete", COMPLETE] >= 0.9 * sum(truth == "complete" for truth, _, _ in CASES)


@pytest.mark.parametrize("stop", [False, True])
def test_what_is_judged_unfinished_goes_on(stop: bool) -> None:
    table = judged(stop)
    called_unfinished = sum(count for (_, verdict), count in table.items() if verdict == UNFINISHED)
    assert table["unfinished", UNFINISHED] >= 0.98 * called_unfinished
    assert table["unfinished", UNFINISHED] >= 0.9 * sum(truth == "unfinished" for truth, _, _ in CASES)


@pytest.mark.parametrize("stop", [False, True])
def test_who_asks_for_time_is_given_it(stop: bool) -> None:
    table = judged(stop)
    assert table["held", HELD] == sum(truth == "held" for truth, _, _ in CASES)
    assert sum(count for (_, verdict), count in table.items() if verdict == HELD) == table["held", HELD]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("打开灯，", UNFINISHED),
        ("I like red, blue,", UNFINISHED),
        ("嗯，让我想想…", HELD),
        ("how are you?", COMPLETE),
        ("dogs?", COMPLETE),
        ("what is the?", UNFINISHED),
        ("好的，打开客厅的灯。", COMPLETE),
        ("我很累。因为。", UNFINISHED),
        ("it costs 3.5", UNSURE),
        ("等一下，把灯打开", COMPLETE),
        ("I had to wait for a long time", UNSURE),
        ("", UNSURE),
        ("..?", UNSURE),
        ("。", UNSURE),
    ],
)
def test_the_last_words_count(text: str, verdict: Completeness) -> None:
    assert completeness(text) is verdict


@given(
    st.text(), st.sampled_from(["", "en", "zh-CN", "yue"]), st.sampled_from(["", "yes_no", "number", "name", "open"])
)
def test_any_text_is_judged(text: str, language: str, expecting: str) -> None:
    assert completeness(text, language, expecting) in Completeness


@pytest.mark.parametrize("piece", ["I went to the ", "昨天在学校", "one two three ", "wait "])
def test_a_very_long_text_is_judged_at_once(piece: str) -> None:
    """4096 characters is what the wire lets through; a careless pattern would take minutes for it."""
    assert completeness((piece * 4096)[:4096]) in Completeness
