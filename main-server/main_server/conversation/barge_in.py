"""Is this speech an interruption? Pure: words in, a verdict out; the words are what a recogniser made of the sound.

Speech over the reply is one of four things: the toy's own echo, a listener's nod ("mm-hm", "嗯"), a noise that a
recogniser takes for a word, or somebody who wants the floor. Only the last may stop the toy.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from enum import Enum, auto

from main_server.conversation.interjections import FILLERS_ZH, NODS, STOPS, phrases

ECHO_COVERAGE = 0.55
"""A text of which this much stands in the toy's own words, in their order, is its echo. Recognisers garble up to
a third of a residual echo; of a sentence of somebody's own no more than a third stands in what was said by chance."""

BEYOND_ECHO_UNITS = 3
"""Words (Han characters) behind an echo that make it an echo with somebody speaking after it."""

MIN_UNITS = 2
"""Words of one's own that are an interruption; a single one is too often what a recogniser hears in a noise."""

NOD_MS = 400
"""A nod is over by then; earlier "yes" may be the beginning of "yes but listen"."""

_REMEMBERED_WORDS = 120
_HEARD_WORDS = 60
_WORD = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W_]+(?:['’][^\W_]+)*")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


class Verdict(Enum):
    """What to do with the reply."""

    CONFIRM = auto()  # somebody wants the floor: stop
    REFUTE = auto()  # nobody does: go on
    WAIT = auto()  # not enough to tell yet


def judge(heard: str, toy_says: str, speech_ms: float, *, final: bool = False, speaker_known: bool = False) -> Verdict:
    """Judges the words `heard` over the toy's voice after `speech_ms` of speech.

    `toy_says` is what it is saying and has just said. `final`: the speech is over, there will be no more words.
    `speaker_known`: the voice is that of a person, so that a single word of their own is enough once it is final.
    Never WAIT when `final`.
    """
    words = _words(heard)[-_HEARD_WORDS:]
    if not words:
        return Verdict.REFUTE if final else Verdict.WAIT
    echoed = _echoed(words, _words(toy_says)[-_REMEMBERED_WORDS:])
    own = words[echoed:]
    if _without_nods(own) and _is_stop(own) and not _stands_in(own, toy_says):
        return Verdict.CONFIRM
    if echoed:
        if _without_nods(own) >= BEYOND_ECHO_UNITS:
            return Verdict.CONFIRM
        return Verdict.REFUTE if final or not own else Verdict.WAIT
    count = _without_nods(own)
    if count == 0:
        return Verdict.REFUTE if final or speech_ms >= NOD_MS else Verdict.WAIT
    if count >= MIN_UNITS or (final and speaker_known):
        return Verdict.CONFIRM
    return Verdict.REFUTE if final else Verdict.WAIT


def is_echo(heard: str, toy_says: str) -> bool:
    """Whether little was heard but what the toy said."""
    words = _words(heard)[-_HEARD_WORDS:]
    echoed = _echoed(words, _words(toy_says)[-_REMEMBERED_WORDS:])
    return echoed > 0 and len(words) - echoed < BEYOND_ECHO_UNITS


def _words(text: str) -> list[str]:
    """Lower case; a Han character is a word of its own."""
    return _WORD.findall(text.lower().replace("’", "'"))


def _spelled(words: list[str]) -> str:
    return " ".join(words)


_STOPS = frozenset(_spelled(_words(phrase)) for phrase in phrases(STOPS))
_NODS = frozenset(_spelled(_words(phrase)) for phrase in phrases(NODS))
_LONGEST_PHRASE = max(len(phrase.split()) for phrase in _STOPS | _NODS)


def _is_stop(words: list[str]) -> bool:
    """A stop word, alone or at either end of what was said; fillers around it do not matter."""
    return any(
        _spelled(said[:count]) in _STOPS or _spelled(said[-count:]) in _STOPS
        for said in (words, [word for word in words if word not in FILLERS_ZH])
        for count in range(1, min(len(said), _LONGEST_PHRASE) + 1)
    )


def _stands_in(words: list[str], toy_says: str) -> bool:
    """Whether the toy said just this: its "stop" must not stop it."""
    return f" {_spelled(words)} " in f" {_spelled(_words(toy_says))} "


def _without_nods(words: list[str]) -> int:
    """How many words are left when nods are taken away, the longest first."""
    left, at = 0, 0
    while at < len(words):
        nod = next(
            (n for n in range(min(_LONGEST_PHRASE, len(words) - at), 0, -1) if _spelled(words[at : at + n]) in _NODS), 0
        )
        left += not nod
        at += nod or 1
    return left


def _echoed(words: list[str], toy_words: list[str]) -> int:
    """How many of the first words are the toy's own, up to the last that is; 0 when what was heard is no echo.

    Compared by character, since a recogniser splits and misspells words: "to day" is "today", 天汽 is nearly 天气.
    """
    if not toy_words:
        return 0
    heard, said = "".join(words), "".join(toy_words)
    # A single Han character says little, a single Latin letter nothing.
    weight, end = 0.0, 0
    for block in SequenceMatcher(None, said, heard, autojunk=False).get_matching_blocks():
        piece = heard[block.b : block.b + block.size]
        telling = len(_HAN.findall(piece)) * 2 + (len(piece) - len(_HAN.findall(piece))) * 0.75
        if telling >= 3:
            weight, end = weight + block.size, block.b + block.size
        elif telling == 2:
            weight += block.size / 2
    whole = _count_words(words, end)
    covered = weight / max(1, len("".join(words[:whole]))) if whole else 0.0
    if covered < ECHO_COVERAGE:
        return 0
    return whole


def _count_words(words: list[str], characters: int) -> int:
    """How many words the first characters of their joined text reach into."""
    count = 0
    while characters > 0 and count < len(words):
        characters -= len(words[count])
        count += 1
    return count
