"""What speech engines share: text that cannot harm them, streamed words joined to sentences, gain.

Markdown, emoji that show a face, and stage directions are gone before a text comes here (the conversation's work).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import numpy as np

MAX_TEXT_CHARS = 4000
"""More streamed text than this without the end of a sentence is cut: the bound of what an engine holds."""

_SENTENCE_END = re.compile(r"[。！？!?；;…]+[\"'”’」』）)]*|\.[\"'”’)]*(?=\s)|\n+")
_CLAUSE_END = re.compile(r"[。！？!?；;…，、：]|[.,:](?=\s)|\n")


def has_words(text: str) -> bool:
    """Whether there is anything to say: a letter, an ideograph or a digit."""
    return any(unicodedata.category(char)[0] in "LN" for char in text)


def without_signs(text: str) -> str:
    """The text, in one line, without what an engine takes for a command, chokes on, or would read by its name.

    These are control and invisible characters, broken surrogates and pictographs. Signs that are words (%, +, =, °, ~,
    currencies) stay, and so does markup; compatibility forms of letters and digits become plain ones.
    """
    return " ".join("".join(map(_spoken_form, text)).split())


def _spoken_form(char: str) -> str:
    category = unicodedata.category(char)
    if char.isspace():
        return " "
    if category in ("So", "Sk", "No", "Lu", "Ll", "Nd") and not char.isascii():
        plain = unicodedata.normalize("NFKC", char)
        if plain != char:
            return plain
    if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Sk", "Me") or (category == "So" and char != "°"):
        return char if char == "^" else ""
    return "" if "\ufe00" <= char <= "\ufe0f" else char  # the selectors that make a letter an emoji


async def sentences(words: AsyncIterator[str], max_chars: int = MAX_TEXT_CHARS) -> AsyncGenerator[str, None]:
    """Streamed words joined to texts that end with a sentence, for engines that take one text at a time.

    A sentence goes out when it ends what came, or when more has come after it: so a text that comes whole stays whole.
    `words` is closed with this iterator.
    """
    held = ""
    try:
        async for piece in words:
            known_chars = len(held)
            held += piece
            if end := _last_end(held, known_chars):
                yield held[:end]
                held = held[end:]
            while len(held) > max_chars:
                first = next(split_long(held, max_chars))
                yield first
                held = held[len(first) :]
    finally:
        close = getattr(words, "aclose", None)
        if close is not None:
            await close()
    if held.strip():
        yield held


def split_long(text: str, max_chars: int) -> Iterator[str]:
    """The text in parts of at most `max_chars`, cut after a clause where there is one, else at a space."""
    while len(text) > max_chars:
        ends = [found.end() for found in _CLAUSE_END.finditer(text, 0, max_chars) if found.end() > max_chars // 3]
        cut = ends[-1] if ends else text.rfind(" ", max_chars // 3, max_chars) + 1 or max_chars
        yield text[:cut]
        text = text[cut:]
    if text:
        yield text


def amplified(pcm: bytes, gain_db: float) -> bytes:
    """Mono s16le, louder or softer; what would be too loud is clipped."""
    if gain_db == 0.0:
        return pcm
    samples = np.frombuffer(pcm, "<i2") * 10 ** (gain_db / 20)
    louder: bytes = np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
    return louder


def _last_end(text: str, known_chars: int) -> int:
    """Where the last sentence ends that more text has followed, or that ends the text; 0 = none."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    if ends and ends[-1] == len(text):
        return ends[-1]
    return max((end for end in ends if end <= known_chars), default=0)
