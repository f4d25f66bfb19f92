"""Does this text sound finished? Decides how much silence it takes before the toy takes the word.

Judges by the last words, in Chinese and English; anything else, and anything doubtful, is UNSURE.
A full stop proves nothing: many recognisers end whatever they hear with one, half sentences, too.
"""

from __future__ import annotations

import re

from asr_server.completeness import chinese, english
from asr_server.completeness.degree import Completeness

__all__ = ["Completeness", "completeness"]


def completeness(text: str, language: str = "", expecting: str = "") -> Completeness:
    """`language` is BCP 47 or "" (told by the script); `expecting` is what the toy asked for (contracts.hearing)."""
    words = text.strip()
    if words.endswith(_OPEN_MARKS):
        held = _judge(words.rstrip(_MARKS), language, expecting) is Completeness.HELD
        return Completeness.HELD if held else Completeness.UNFINISHED
    bare = words.rstrip(_MARKS)
    if not bare:
        return Completeness.UNSURE
    asked = any(mark in _QUESTION_MARKS for mark in words[len(bare) :])
    judged = _judge(bare, language, expecting)
    return Completeness.COMPLETE if asked and judged is Completeness.UNSURE else judged


_CLAUSE_CHARS = 200  # the end is what tells, and it is judged on the event loop
_OPEN_MARKS = (",", "，", "、", "…", "...", ":", "：", ";", "；", "-", "—")
_QUESTION_MARKS = "?？"
_MARKS = " .。!！?？,，、…:：;；-—\"'”’」』)）"
_CLAUSE_END = re.compile(r"[,，、;；:：.。!！?？]+\s*(?!\d)")
_HAN = re.compile(r"[\u3400-\u9fff]")


def _judge(bare: str, language: str, expecting: str) -> Completeness:
    clauses = [clause.strip()[-_CLAUSE_CHARS:] for clause in _CLAUSE_END.split(bare) if clause.strip()]
    if not clauses:
        return Completeness.UNSURE
    if language[:2].lower() in ("zh", "yu", "cm") or _HAN.search(bare):
        return chinese.judge(["".join(clause.split()) for clause in clauses], expecting)
    return english.judge([" ".join(clause.lower().replace("’", "'").split()) for clause in clauses], expecting)
