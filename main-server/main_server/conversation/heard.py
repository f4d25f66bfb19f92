"""How much of a clause was heard, by how many of its frames were sent. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNSPACED = re.compile(
    r"[\u3000-\u303f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]"
)  # no spaces between words
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
MS_PER_CJK_CHARACTER = 230
MS_PER_OTHER_CHARACTER = 65
"""Ordinary speaking rates (about 4 characters of Mandarin, 2.5 English words a second), used only while the voice is
still making the clause and its real length is unknown."""


def heard_part(text: str, sent_frames: int, made_frames: int | None, frame_ms: float) -> str:
    """The beginning of `text` that `sent_frames` frames carry; `made_frames` is its whole length, None = not known yet.

    Cut at a word for scripts with spaces, at a character otherwise.
    """
    if sent_frames <= 0:
        return ""
    total_frames = made_frames if made_frames is not None else max(sent_frames + 1, expected_ms(text) / frame_ms)
    if sent_frames >= total_frames:
        return text
    cut = int(len(text) * sent_frames / total_frames)
    if cut < len(text) and _inside_word(text, cut):
        cut = max(text.rfind(" ", 0, cut), 0)
    return text[:cut]


def joined(pieces: Iterable[str]) -> str:
    """Pieces of a reply as one text: a space between them where their script writes one."""
    text = ""
    for piece in filter(None, (piece.strip() for piece in pieces)):
        spaced = text and not (_UNSPACED.match(text[-1]) or _UNSPACED.match(piece[0]))
        text += f" {piece}" if spaced else piece
    return text


def expected_ms(text: str) -> float:
    """About how long it takes to say this."""
    cjk = len(_CJK.findall(text))
    return cjk * MS_PER_CJK_CHARACTER + (len(text) - cjk) * MS_PER_OTHER_CHARACTER


def _inside_word(text: str, cut: int) -> bool:
    before, after = text[cut - 1 : cut], text[cut]
    return before.isalnum() and after.isalnum() and not (_CJK.match(before) or _CJK.match(after))
