"""Words a role replaces."""

from __future__ import annotations

import pytest

from main_server.conversation.replacements import replaced


@pytest.mark.parametrize(
    ("text", "pairs", "then"),
    [
        ("打开灯光", (("灯光", "客厅灯"),), "打开客厅灯"),
        ("Cat cats CAT", (("cat", "dog"),), "dog cats dog"),
        ("AI和BAI", (("AI", "人工智能"),), "人工智能和BAI"),
        ("C++ or C", (("C++", "C plus plus"), ("C", "see")), "C plus plus or see"),
        ("小红帽", (("小红", "小明"), ("小红帽", "那个女孩")), "那个女孩"),  # the longest first
        ("ab", (("a", "b"), ("b", "a")), "ab"),
        ("a b", (("a", "b"), ("b", "a")), "b a"),  # each once
        ("x.y", (("x.y", r"\1"),), r"\1"),
        ("nothing", (("", "x"),), "nothing"),
        ("", (("a", "b"),), ""),
    ],
)
def test_pairs_are_applied_once_to_whole_words(text: str, pairs: tuple[tuple[str, str], ...], then: str) -> None:
    assert replaced(text, pairs) == then
