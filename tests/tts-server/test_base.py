"""Text that cannot harm an engine, and streamed words joined to sentences."""

from collections.abc import AsyncIterator

import numpy as np
import pytest

from tts_server.engines.base import amplified, has_words, sentences, split_long, without_signs


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("你好，世界！😀", "你好，世界！"),
        ("Family 👨‍👩‍👧 and flag 🇨🇳 and 1️⃣", "Family and flag and 1"),
        ("第一行。\n\n第二行\t.", "第一行。 第二行 ."),
        ("3 × 5 = 15, 3~5, 25℃, C#", "3 × 5 = 15, 3~5, 25°C, C#"),
        ("broken \ud83d, bell \x07, zero\u200bwidth", "broken , bell , zerowidth"),
        ("command \x0150R here", "command 50R here"),
        ("50% of $5 & é ﬁ ①", "50% of $5 & é fi 1"),
        ("**好** [laughs] a_b", "**好** [laughs] a_b"),
    ],
)
def test_what_harms_an_engine_goes_and_all_else_stays(written: str, given: str) -> None:
    assert without_signs(written) == given


@pytest.mark.parametrize("text", ["", " \n", "...", "。！？", "😀", "—", "\ud83d", "\u200b"])
def test_blank_and_bare_marks_are_nothing_to_say(text: str) -> None:
    assert not has_words(text)


@pytest.mark.parametrize("text", ["a", "好", "7", "é", "Ж", "  ok  "])
def test_a_letter_or_a_digit_is_something_to_say(text: str) -> None:
    assert has_words(text)


async def stream(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize(
    ("pieces", "texts"),
    [
        (["Hello there. How are", " you? Fine"], ["Hello there.", " How are you? Fine"]),
        (["Hello there. How are you?"], ["Hello there. How are you?"]),
        (["A. B and no end"], ["A. B and no end"]),
        (["你", "好", "。我", "很好", "！"], ["你好。", "我很好！"]),
        (["It is 3", ".", "14 now", ".", " Yes", "."], ["It is 3.14 now.", " Yes."]),
        (["", " ", "\n"], [" \n"]),
        ([], []),
    ],
)
async def test_streamed_words_become_sentences_and_whole_texts_stay_whole(pieces: list[str], texts: list[str]) -> None:
    heard = [text async for text in sentences(stream(*pieces))]
    assert heard == texts


async def test_words_without_an_end_are_cut_at_the_bound() -> None:
    heard = [text async for text in sentences(stream(*["word "] * 100), max_chars=50)]
    assert "".join(heard) == "word " * 100
    assert max(map(len, heard)) <= 50


async def test_closing_the_sentences_closes_the_words() -> None:
    closed = []

    async def words() -> AsyncIterator[str]:
        try:
            yield "One. Two."
            yield " Three."
        finally:
            closed.append(True)

    texts = sentences(words())
    await anext(texts)
    await texts.aclose()
    assert closed == [True]


def test_a_long_text_is_cut_after_clauses() -> None:
    parts = list(split_long("First of all, good morning. " * 6, 60))
    assert "".join(parts) == "First of all, good morning. " * 6
    assert all(part.rstrip()[-1] in ",." and len(part) <= 60 for part in parts)


@pytest.mark.parametrize("text", ["好" * 500, "x" * 500, "3.14159" * 80])
def test_a_text_without_clauses_is_cut_all_the_same(text: str) -> None:
    parts = list(split_long(text, 100))
    assert "".join(parts) == text
    assert max(map(len, parts)) <= 100


def test_gain_is_in_decibels_and_clips() -> None:
    pcm = np.array([1000, -1000, 30_000, -30_000], "<i2").tobytes()
    assert amplified(pcm, 0.0) == pcm
    assert np.frombuffer(amplified(pcm, -20.0), "<i2").tolist() == [100, -100, 3000, -3000]
    assert np.frombuffer(amplified(pcm, 20.0), "<i2").tolist() == [10_000, -10_000, 32_767, -32_768]
