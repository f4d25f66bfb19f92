"""Cuts a reply, while it is being written, into pieces to speak: the first clause early, then whole sentences. Pure.

    splitter = SentenceSplitter()
    for words in stream: pieces = splitter.push(words)
    pieces = splitter.flush()

What is decided depends on the characters alone: any cutting of the same reply into pushes gives the same pieces, only
later or earlier. The one exception is `tokens=True`: a model's tokeniser keeps the dot of "example.com" with "com", so
a dot that ends a token ends the first piece, which is then spoken a token earlier. No letter or digit is lost or said
twice, and their order is kept; what goes is markup (speakable.py), emoji, and marks without a word of their own, like
the second "!" of "好！！" when the first one has already been sent on its way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from main_server.conversation.speakable import Face, Speakable

FIRST_CLAUSE_HAN = 4
FIRST_CLAUSE_WORDS = 6
LONGEST_HAN = 60
LONGEST_WORDS = 30
LONGEST_CHARS = 400
_LONGEST_WORD_CHARS = 200

_HARD = "。！？!?"
_STOPS = "。！？!?….．"
_CLAUSE_MARKS = "，、；：—,;:"
_OPENING = "“「『（(【《〈["
_CLOSING = "”’」』）)】》〉]"
_LEFT_OVER = "。！？!?….．—”’」』）】》〉"
_INSIDE_WORDS = "'’.-_"
_MARKS = frozenset(_STOPS + _CLAUSE_MARKS)
_LETTERS = re.compile(r"[A-Za-z]+")
_HAN_THEN_LATIN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff](?=[^\u3040-\u30ff\u3400-\u9fff]*$)")
_LAST_WORD = re.compile(r"[^\s\u3040-\u30ff\u3400-\u9fff，。！？；：、“”（(\"]*$")
_NUMBERING = re.compile(r"\d{1,3}")
_INITIALS = re.compile(r"(?:[a-z]\.)+[a-z]")
_NEVER_LAST = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "rev", "gen", "sen", "rep", "st", "mt", "vs", "e.g", "i.e", "cf", "viz", "fig"}
    | {"vol", "pp", "approx", "sgt", "capt", "lt", "col", "hon", "messrs"}
)
_SELDOM_LAST = frozenset(
    {"etc", "inc", "ltd", "co", "corp", "jr", "sr", "no", "nos", "dept", "est", "ave", "blvd", "al", "ph.d"}
    | {"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"}
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece to speak in one go. `emotion` is that of the first emoji since the piece before, None without one.

    `ends_sentence` is False for a clause or a cut in a text without stops. `text` is "" only for an emoji after the
    last word: a face, and nothing to say.
    """

    text: str
    emotion: str | None = None
    ends_sentence: bool = True


class _Kind(Enum):
    """What the mark is that may end the piece, once the next character is known."""

    HARD = auto()  # 。！？!? : only more marks and closing quotes can follow
    ADDRESS = auto()  # !? within a web address
    DOT = auto()
    SOFT = auto()  # ellipsis, or a stop inside quotes: goes on if a small letter follows
    CLAUSE = auto()


class SentenceSplitter:
    """The splitter of one reply.

    Until four Han characters or six words are on their way, a piece is sent off at the first mark it can end with,
    where possible without waiting for the next character; after that, whole sentences. A newline ends a sentence. Text
    without any stop is cut at a comma or space, at the latest after 60 Han characters or 30 words.
    """

    def __init__(self, *, keep_stage_directions: bool = False, tokens: bool = False) -> None:
        self._tokens = tokens
        self._speakable = Speakable(keep_stage_directions=keep_stage_directions)
        self._pieces: list[Piece] = []
        self._hurry = True
        self._face: str | None = None
        self._text = ""
        self._han = 0
        self._words = 0
        self._in_word = False
        self._mark: _Kind | None = None
        self._mark_end = 0
        self._left_over = False
        self._depth = 0
        self._quoted = False
        self._list_number = 0

    def push(self, piece: str) -> list[Piece]:
        """The pieces that these words complete."""
        self._take(self._speakable.push(piece))
        if self._tokens and self._hurry and self._mark is _Kind.DOT and self._is_plain_end():
            self._cut(len(self._text), ends=True)
            self._left_over = True
        return self._taken()

    def stalled(self) -> list[Piece]:
        """The writer hesitates: what is whole so far, up to its last stop or comma; nothing where there is none."""
        if self._mark in (_Kind.HARD, _Kind.SOFT) or (self._mark is _Kind.DOT and self._is_plain_end()):
            whole = self._mark_end == len(self._text)
            self._cut(self._mark_end, ends=True)
            self._left_over = whole
        elif self._mark is None and (at := self._last_clause_end()):
            self._cut(at, ends=False)
        return self._taken()

    def flush(self) -> list[Piece]:
        """The reply has ended (or pauses for a tool): everything that is left."""
        self._take(self._speakable.flush())
        self._cut(len(self._text), ends=True)
        if self._face is not None:
            self._pieces.append(Piece("", self._face))
            self._face = None
        return self._taken()

    def _taken(self) -> list[Piece]:
        pieces, self._pieces = self._pieces, []
        return pieces

    def _take(self, spoken: list[str | Face]) -> None:
        for token in spoken:
            if isinstance(token, Face):
                self._face = self._face or token.emotion
                continue
            at = 0
            while at < len(token):
                within = _LETTERS.match(token, at) if self._in_word and self._mark is None else None
                if within and len(self._text) + len(within[0]) < LONGEST_CHARS:  # nothing can happen within a word
                    self._text += within[0]
                    at = within.end()
                else:
                    self._character(token[at])
                    at += 1

    def _character(self, char: str) -> None:
        if self._left_over:
            if char in _LEFT_OVER or char.isspace():
                return
            self._left_over = False
        if char == "\n":
            self._cut(len(self._text), ends=True)
            self._depth, self._quoted = 0, False
            return
        if self._mark is not None and self._settle(char):
            return
        self._add(char)
        self._look_for_an_end(char)

    def _add(self, char: str) -> None:
        self._text += char
        if char.isalnum():
            if _is_han(char):
                self._han += 1
                self._in_word = False
            elif not self._in_word:
                self._words += 1
                self._in_word = True
        elif char not in _INSIDE_WORDS:
            self._in_word = False
            self._track_quotes(char)

    def _track_quotes(self, char: str) -> None:
        if char == '"':
            self._quoted = not self._quoted
        elif char in _OPENING:
            self._depth += 1
        elif char in _CLOSING:
            self._depth = max(0, self._depth - 1)

    # -- a character that may end the piece

    def _look_for_an_end(self, char: str) -> None:
        if char not in _MARKS:
            if self._is_too_long():
                self._cut(self._best_cut(), ends=False)
        elif char in _HARD:
            self._hard_stop(char)
        elif char in ".．":
            if not self._is_numbering():
                self._wait(_Kind.DOT)
        elif char == "…":
            self._wait(_Kind.SOFT)
        elif self._hurry and self._is_clause():
            self._clause_end(char)

    def _hard_stop(self, char: str) -> None:
        if char in "!?" and _is_address(self._word_before_mark()):
            self._wait(_Kind.ADDRESS)
        elif self._hurry and not self._depth and not self._quoted:
            self._cut(len(self._text), ends=True)
            self._left_over = True
        else:
            self._wait(_Kind.HARD)

    def _clause_end(self, char: str) -> None:
        after_digit = self._text[-2:-1].isdigit()
        if char == ":" or (after_digit and char in ",："):  # 1,000 . 3:30 . https://
            self._wait(_Kind.CLAUSE)
            return
        self._cut(len(self._text), ends=False)
        self._left_over = char == "—"

    def _last_clause_end(self) -> int:
        """Where the last whole clause ends, 0 when there is none; "1,000" and "3:30" may go on."""
        text = self._text
        for at in range(len(text), 0, -1):
            if text[at - 1] in _CLAUSE_MARKS and text[at - 1] != ":" and not text[at - 2 : at - 1].isdigit():
                return at
        return 0

    def _wait(self, kind: _Kind) -> None:
        self._mark = kind
        self._mark_end = len(self._text)

    def _is_clause(self) -> bool:
        return self._han / FIRST_CLAUSE_HAN + self._words / FIRST_CLAUSE_WORDS >= 1

    def _is_too_long(self) -> bool:
        return self._han / LONGEST_HAN + self._words / LONGEST_WORDS > 1 or len(self._text) > LONGEST_CHARS

    def _best_cut(self) -> int:
        """Where a text without stops is cut: after a comma, at a space, where the script changes, or right here."""
        text = self._text
        for at in range(len(text) - 1, len(text) // 3, -1):
            if text[at - 1] in _CLAUSE_MARKS and not text[at].isdigit() and text[at] != "/":
                return at
        space = text.rfind(" ", 1)
        if space > len(text) // 3:
            return space
        seam = _HAN_THEN_LATIN.search(text[:-1])
        return seam.end() if seam else len(text) - 1

    # -- the character after such a one

    def _settle(self, char: str) -> bool:
        """Decides about the waiting mark by the character after it. True when that one belongs to the ended piece, or
        only prolongs the wait."""
        kind = self._mark
        at_mark = len(self._text) == self._mark_end
        if kind is _Kind.CLAUSE:
            return self._decide(not char.isdigit() and char != "/", ends=False)
        if at_mark and char in _STOPS and kind is not _Kind.ADDRESS:
            soft = kind is _Kind.SOFT or (kind is _Kind.DOT and char in ".．…")
            return self._prolong(char, _Kind.SOFT if soft else _Kind.HARD)
        if at_mark and char == '"' and not self._quoted:
            return self._decide(True)  # it opens the next sentence's quotation
        if at_mark and (char in _CLOSING or char in "\"'"):
            return self._prolong(char, _Kind.SOFT)
        if kind is _Kind.HARD:
            return self._decide(True)
        if kind is _Kind.ADDRESS:
            return self._decide(char.isspace() or _is_han(char))
        if char.isspace():
            return self._settle_at_space(char, kind)
        if kind is _Kind.DOT and at_mark:
            return self._decide(_is_han(char) and not self._text[-2:-1].isdigit())
        if kind is _Kind.DOT:
            return self._decide(char.isupper() or _is_han(char))
        return self._decide(not char.islower())

    def _settle_at_space(self, char: str, kind: _Kind | None) -> bool:
        if kind is _Kind.DOT and len(self._text) == self._mark_end:
            word = self._word_before_mark().lower()
            if word in _NEVER_LAST or (len(word) == 1 and word.isalpha() and word != "i"):
                return self._decide(False)
            if word not in _SELDOM_LAST and not _INITIALS.fullmatch(word):
                return self._decide(True)
        self._add(char)  # the next letter decides
        return True

    def _prolong(self, char: str, kind: _Kind) -> bool:
        self._add(char)
        self._wait(kind)
        return True

    def _decide(self, is_end: bool, *, ends: bool = True) -> bool:
        self._mark = None
        if is_end:
            self._cut(self._mark_end, ends=ends)
        return False

    def _word_before_mark(self) -> str:
        """The word that the last character (a mark) follows."""
        match = _LAST_WORD.search(self._text[-_LONGEST_WORD_CHARS:-1])
        return match[0] if match else ""

    def _is_plain_end(self) -> bool:
        """Whether the text ends in a word and its full stop, with nothing that could make it an abbreviation."""
        if len(self._text) != self._mark_end or self._depth or self._quoted:
            return False
        word = self._word_before_mark().lower()
        return len(word) > 1 and word.isalpha() and word not in _NEVER_LAST and word not in _SELDOM_LAST

    def _is_numbering(self) -> bool:
        """Whether the dot just added is that of "1." at the beginning of an item."""
        number = self._word_before_mark()
        if not _NUMBERING.fullmatch(number):
            return False
        begins = len(self._text) == len(number) + 1
        if begins or int(number) == self._list_number + 1 > 1:
            self._list_number = int(number)
            return True
        return False

    # -- cutting

    def _cut(self, at: int, *, ends: bool) -> None:
        text = " ".join(self._text[:at].split())
        rest = self._text[at:].lstrip()
        spoken_enough = self._is_clause() if not rest else True
        self._mark = None
        self._recount(rest)
        if not any(map(str.isalnum, text)):
            return
        self._hurry = self._hurry and ends and not spoken_enough
        self._pieces.append(Piece(text, self._face, ends))
        self._face = None

    def _recount(self, text: str) -> None:
        self._text = ""
        self._han = self._words = 0
        self._in_word = False
        depth, quoted = self._depth, self._quoted
        for char in text:
            self._add(char)
        self._depth, self._quoted = depth, quoted


def _is_han(char: str) -> bool:
    """Han, and kana, which are as long in speech."""
    return (
        "\u3040" <= char <= "\u30ff"
        or "\u3400" <= char <= "\u9fff"
        or "\uf900" <= char <= "\ufaff"
        or char > "\U0001ffff"
    )


def _is_address(word: str) -> bool:
    return "://" in word or word.startswith("www.")
