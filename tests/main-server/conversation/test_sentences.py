"""Cutting a reply: early, at the right places, losing nothing, however the tokens fall."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from main_server.conversation.sentences import Piece, SentenceSplitter


def split(*pushes: str, keep: bool = False) -> list[Piece]:
    splitter = SentenceSplitter(keep_stage_directions=keep)
    return [piece for push in pushes for piece in splitter.push(push)] + splitter.flush()


def texts(*pushes: str) -> list[str]:
    return [piece.text for piece in split(*pushes)]


def words_of(text: str) -> str:
    return "".join(char for char in text if char.isalnum())


# -- early


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("今天天气不错，", "今天天气不错，"),
        ("好呀！", "好呀！"),
        ("I can tell you about that,", "I can tell you about that,"),
        ("Sure!", "Sure!"),
        ("这是一个例子；", "这是一个例子；"),
        ("让我想一想——", "让我想一想—"),
        ("打开了WiFi和灯，", "打开了WiFi和灯，"),
    ],
)
def test_the_first_piece_leaves_with_the_mark_that_ends_it(written: str, first: str) -> None:
    pushed = SentenceSplitter().push(written)
    assert [piece.text for piece in pushed] == [first]


@pytest.mark.parametrize("written", ["好的，", "Well, you know,", "今天天气", "It is 3:", "in 2024,", "pi is 3."])
def test_too_little_or_undecided_text_waits(written: str) -> None:
    assert SentenceSplitter().push(written) == []


def test_a_dot_that_ends_a_token_ends_the_first_piece_without_waiting() -> None:
    splitter = SentenceSplitter(tokens=True)
    assert [piece.text for token in ("It", " is", " noon", ".") for piece in splitter.push(token)] == ["It is noon."]
    assert splitter.push(" Time") == []
    assert [piece.text for piece in splitter.flush()] == ["Time"]


@pytest.mark.parametrize(
    "tokens",
    [("Ask", " Dr", ".", " Wu"), ("pi", " is", " 3", ".", "14"), ("see", " e", ".", "g"), ("on", " example", ".com")],
)
def test_a_dot_that_may_be_part_of_a_word_waits_all_the_same(tokens: tuple[str, ...]) -> None:
    splitter = SentenceSplitter(tokens=True)
    assert [piece for token in tokens for piece in splitter.push(token)] == []


def test_after_the_first_clause_come_whole_sentences() -> None:
    assert texts("今天天气不错，我们去公园，顺便吃冰淇淋。好吗？") == [
        "今天天气不错，",
        "我们去公园，顺便吃冰淇淋。",
        "好吗？",
    ]


def test_a_very_short_first_sentence_does_not_end_the_hurry() -> None:
    reply = "Sure! I can help you with that today, if you like. Just ask, then wait."
    assert texts(reply) == ["Sure!", "I can help you with that today,", "if you like.", "Just ask, then wait."]


def test_a_clause_says_that_its_sentence_goes_on() -> None:
    assert [piece.ends_sentence for piece in split("今天天气不错，我们走吧。")] == [False, True]


def test_what_follows_an_early_stop_does_not_begin_the_next_piece() -> None:
    assert texts("好！！！真的吗？！是的。") == ["好！", "真的吗？", "是的。"]
    assert texts("让我想一想——啊，有了。") == ["让我想一想—", "啊，有了。"]


# -- the right places


@pytest.mark.parametrize(
    "sentence",
    [
        "It costs 3.14 dollars, or 1,000 yen, at 3:30.",
        "Mr. Smith and Dr. Who met J. K. Rowling, e.g. in the U.S. and elsewhere.",
        "We sell apples, pears, etc. and ship them by 5 p.m. every day.",
        "Look at https://example.com/a.b?c=d&e=!f and www.example.org/?q=1 please.",
        "Write to first.last@example.co.uk today.",
        "Version v1.2.3 runs on Node.js at 192.168.1.1 now.",
        "Well... maybe not... but who knows.",
        "Chapter No. 5 of vol. 2 is long.",
        "版本是3.14.15，价格是1,000元，时间是12:30。",
        "他说：“你好。”",
        "(See the note.)",
        '"Go!" she said.',
    ],
)
def test_marks_that_end_no_sentence_do_not_cut(sentence: str) -> None:
    # A first sentence takes the hurry away, so that commas do not cut either.
    assert texts(f"今天天气很好，是的。{sentence} 下一句。")[2:] == [sentence, "下一句。"]


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        ("I live in the U.S. It is big.", ["I live in the U.S.", "It is big."]),
        ("Apples, etc. They are good.", ["Apples, etc.", "They are good."]),
        ("I think so... Let us go.", ["I think so...", "Let us go."]),
        ("嗯……让我想想。", ["嗯……", "让我想想。"]),
        ("“你好。”他说。", ["“你好。”", "他说。"]),
        ('"Hello!" He left.', ['"Hello!"', "He left."]),
        ("It is I. Who else?", ["It is I.", "Who else?"]),
        ("你好.世界", ["你好.", "世界"]),
        ("First line\nsecond line", ["First line", "second line"]),
        ("1. 苹果 2. 香蕉\n3. 橙子", ["1. 苹果 2. 香蕉", "3. 橙子"]),
        ("1. Apples are red.\n2. Pears are green.", ["1. Apples are red.", "2. Pears are green."]),
        ("Hello 世界! 你好 world。", ["Hello 世界!", "你好 world。"]),
        ("The answer is 42. Really.", ["The answer is 42.", "Really."]),
    ],
)
def test_stops_cut(written: str, pieces: list[str]) -> None:
    assert texts(written) == pieces


def test_chinese_without_stops_is_cut_after_sixty_characters() -> None:
    assert [len(text) for text in texts("啊" * 130)] == [60, 60, 10]


def test_english_without_stops_is_cut_between_words_after_thirty() -> None:
    assert [len(text.split()) for text in texts("word " * 70)] == [30, 30, 10]


def test_an_endless_sentence_is_rather_cut_at_a_comma() -> None:
    reply = "今天天气很好，是的。" + "一" * 40 + "，" + "二" * 40
    assert texts(reply)[2:] == ["一" * 40 + "，", "二" * 40]


def test_an_endless_word_is_cut_all_the_same() -> None:
    assert max(map(len, texts("x" * 5000))) <= 400


# -- markup


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        ("# Title\nText", ["Title", "Text"]),
        ("**Bold** and *slanted* and __both__ and `code`.", ["Bold and slanted and both and code."]),
        ("- one\n* two\n+ three\n• four", ["one", "two", "three", "four"]),
        ("- [ ] open\n- [x] done", ["open", "done"]),
        ("> quoted", ["quoted"]),
        ("above\n---\nbelow\n***\nend", ["above", "below", "end"]),
        ("```python\nprint(1)\n```\nDone", ["print(1)", "Done"]),
        ("```Hello world```", ["Hello world"]),
        ("See [the page](https://a.b/c) and ![a cat](x.png).", ["See the page and a cat."]),
        ("Footnote [1] stays.", ["Footnote [1] stays."]),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", ["a, b", "1, 2"]),
        ("one<br>two<b>!</b> <interrupted/>", ["one", "two!"]),
        ("2 < 3 and 3 > 2 but 2 * 3 or 2*3 a_b", ["2 < 3 and 3 > 2 but 2 × 3 or 2×3 a_b"]),
        ("-5 degrees, #1, 3~5", ["-5 degrees, #1, 3~5"]),
        (r"\*stars\* stay", ["*stars* stay"]),
        ("好呀～我们走吧~", ["好呀我们走吧"]),
        ("<mailto:a@b.c> or <https://d.e>", ["a@b.c or https://d.e"]),
        ("***", []),
        ("**", []),
        ("。！？", []),
    ],
)
def test_markup_is_not_read_aloud(written: str, pieces: list[str]) -> None:
    assert texts(written) == pieces


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        ("*smiles* Hello there.", ["Hello there."]),
        ("（笑）好的。（叹了口气）走吧。", ["好的。", "走吧。"]),
        ("Fine. (sighs deeply) Go. [laughs]", ["Fine.", "Go."]),
        ("*Really* good.", ["Really good."]),
        ("*重要*的是这个。", ["重要的是这个。"]),
        ("（笑话一则）开始。", ["（笑话一则）开始。"]),
        ("A dog (big) barks.", ["A dog (big) barks."]),
    ],
)
def test_stage_directions_are_not_read_aloud(written: str, pieces: list[str]) -> None:
    assert texts(written) == pieces


def test_stage_directions_may_be_kept() -> None:
    assert [piece.text for piece in split("*smiles* Hello. （笑）好。", keep=True)] == ["smiles Hello.", "（笑）好。"]


# -- faces


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        ("😄 太好了。", [Piece("太好了。", "happy")]),
        ("太好了😂。走吧。", [Piece("太好了。", "funny"), Piece("走吧。")]),
        ("走吧😍😭。", [Piece("走吧。", "loving")]),
        ("Great😄Let's go.", [Piece("Great Let's go.", "happy")]),
        ("👨‍👩‍👧 家人，1️⃣ 号 🇨🇳", [Piece("家人，1 号")]),
        ("再见！😴", [Piece("再见！"), Piece("", "sleepy")]),
        ("❤️", [Piece("", "loving")]),
    ],
)
def test_emoji_become_faces(written: str, pieces: list[Piece]) -> None:
    assert split(written) == pieces


# -- nothing lost, whatever the tokens

MARKS = ["。", "，", "！", "?", ".", "...", "…", ",", ": ", "\n", " ", "\r", "——", "“", "”", '"', "(", ")", "（", "）"]
MARKUP = [
    "**",
    "*",
    "_",
    "`",
    "```",
    "# ",
    "- ",
    "1. ",
    "2.",
    "[",
    "](",
    "]",
    "|",
    "<",
    ">",
    "<b>",
    "~",
    "\\",
    "![",
    "---",
]
WORDS = [
    "3.14",
    "7",
    "Mr.",
    "e.g.",
    "U.S.",
    "https://a.b/c?d",
    "a@b.c",
    "你好",
    "笑",
    "smiles",
    "Hello",
    "x",
    "我们走吧",
]
EMOJI = ["😄", "❤️", "\u200d"]
TRICKY = st.sampled_from(MARKS + MARKUP + WORDS + EMOJI)
REPLIES = st.one_of(st.text(max_size=60), st.lists(TRICKY, max_size=40).map("".join))


@given(reply=REPLIES, cuts=st.lists(st.integers(0, 150), max_size=20))
@settings(max_examples=300)
def test_any_cutting_of_the_reply_gives_the_same_pieces(reply: str, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), max(len(reply), *cuts, 0)]
    assert split(*(reply[begin:end] for begin, end in pairwise(edges))) == split(reply) == split(*reply)


MARKUP_WITH_WORDS = "[<`~\\&"  # link targets, tags and languages of code blocks are markup, though made of letters


@given(reply=REPLIES)
@settings(max_examples=300)
@example("好！！\n*微笑*x")
def test_no_letter_is_lost_or_doubled(reply: str) -> None:
    plain = "".join(char for char in reply if char not in MARKUP_WITH_WORDS)
    pieces = split(plain, keep=True)
    assert words_of("".join(piece.text for piece in pieces)) == words_of(plain)


@given(
    words=st.lists(st.sampled_from(["你好", "hello", "world,", "今天，", "ok.", "真的？", "yes!", "3.14"]), max_size=80)
)
def test_plain_text_comes_back_whole(words: list[str]) -> None:
    reply = " ".join(words)
    assert "".join("".join(texts(reply)).split()) == "".join(words)


@given(reply=REPLIES)
def test_every_piece_has_something_to_say_or_to_show(reply: str) -> None:
    for piece in split(reply):
        assert words_of(piece.text) or (piece.text == "" and piece.emotion)
        assert piece.text == " ".join(piece.text.split())


@pytest.mark.parametrize(
    ("written", "spoken", "later"),
    [
        ("Well, that is", "Well,", "that is it."),
        ("嗯，我想", "嗯，", "我想 it."),
        ("He said hello to all of us. The", "He said hello to all of us.", "The it."),
        ("It costs 1,", None, "It costs 1, it."),
        ("Look at http:", None, "Look at http: it."),
        ("Ask Dr.", None, "Ask Dr. it."),
        ("nothing to cut", None, "nothing to cut it."),
        ("Really", None, "Really it."),
    ],
)
def test_a_writer_who_hesitates_has_whole_clauses_spoken(written: str, spoken: str | None, later: str) -> None:
    splitter = SentenceSplitter()
    pieces = [piece.text for piece in [*splitter.push(written), *splitter.stalled()]]
    assert pieces == ([] if spoken is None else [spoken])
    rest = [piece.text for piece in [*splitter.push(" it."), *splitter.flush()]]
    assert " ".join(rest) == later


@pytest.mark.parametrize("at", range(60))
def test_no_word_is_lost_or_said_twice_where_a_writer_hesitates(at: int) -> None:
    text = "Well, once upon a time, in 1,000 B.C., there was Dr. No! Yes... 好，真的吗？是的。"
    splitter = SentenceSplitter(tokens=True)
    pieces = [*splitter.push(text[:at]), *splitter.stalled(), *splitter.push(text[at:]), *splitter.flush()]
    spoken = "".join(piece.text for piece in pieces)
    assert [char for char in spoken if char.isalnum()] == [char for char in text if char.isalnum()]
