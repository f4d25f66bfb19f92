"""Turns what a model writes into what can be said: markdown, tags and emoji out, words left, faces noted. Pure.

It owns what is markup and what is said: speech engines say all words and signs of what they are given.
Works on a stream: marks are held back only until they are decided, plain words pass at once. The outcome depends on the
characters alone, never on how the stream was cut into pieces.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from main_server.conversation.emotions import emotion_of, is_emoji

_HAN = "\u3400-\u9fff"
_SPECIAL = re.escape("\n\r*_~～`[<|\\(（!")
_PLAIN = re.compile(rf"[^{_SPECIAL}\u200d\u203c-\u3030\ufe0f\U0001f000-\U000e007f]+")
_MAX_LABEL_CHARS = 120
_MAX_ADDRESS_CHARS = 300
_MAX_TAG_CHARS = 200
_MAX_LINE_CHARS = 300
_MAX_DIRECTION_CHARS = 40
_RULE = re.compile(r"([-*_=])(?:[ \t]*\1)*[ \t]*")
_FENCE = re.compile(r"(`+|~+)[ \t]*([\w+#.-]{0,20})[ \t]*")
_TABLE_LINE = re.compile(r"[|:\- \t]+")
_TAG = re.compile(r"/?[A-Za-z][\w:-]*(?:\s+[\w:-]+=(?:\"[^\"<>]*\"|'[^'<>]*'))*\s*/?")
_ADDRESS = re.compile(r"https?://\S+|mailto:\S+|[^\s@]+@[^\s@]+")
_BREAKS = re.compile(r"(?:br|/p|/li|/div|/h[1-6]|/tr)\b", re.IGNORECASE)
_DIRECTION_ZH = re.compile(
    r"(?:微|大|苦|坏|偷|傻|憨|轻|轻轻|嘿嘿)?笑(?:了|了笑|着|着说|嘻嘻|眯眯)?|叹(?:了口)?气|[点摇](?:了点|了摇|点|摇)?头|思考|沉思|停顿"
    r"|眨(?:了眨|眨)?眼睛?|害羞|脸红|惊讶|挠挠?头|拍手|鼓掌|清清?嗓子|[小轻低]声(?:说)?|开心|难过|歪头|吐舌头|打哈欠|挥手|拥抱|耸肩|深呼吸"
)
_DIRECTION_ZH_CHARS = frozenset(re.findall(rf"[{_HAN}]", _DIRECTION_ZH.pattern))
_STEMS = (
    *("laugh", "smil", "giggl", "chuckl", "sigh", "wink", "nod", "grin", "whisper", "paus", "shrug", "blush", "yawn"),
    *("gasp", "wav", "clap", "cough", "beam", "sniffl", "sob", "hum", "clears throat", "takes a deep breath"),
)
_DIRECTION_EN = re.compile(rf"(?:{'|'.join(_STEMS)})\w*(?: \w+){{0,2}}", re.IGNORECASE)
_SENTENCE_ENDS = "。！？!?….\n~～"


@dataclass(frozen=True, slots=True)
class Face:
    """An emoji that shows a feeling stood here."""

    emotion: str


Spoken = str | Face


class Speakable:
    """The filter of one reply. `push` and `flush` return text and faces in order; a newline stands for a full stop.

    Headings, bullets, quotes, rules, fences, bold, code marks, tags and link targets go, their words stay; a table row
    becomes its cells with commas between. Stage directions (`*smiles*`, `（笑）`, `(sighs)`) go too unless kept.
    """

    def __init__(self, *, keep_stage_directions: bool = False) -> None:
        self._directions_go = not keep_stage_directions
        self._out: list[Spoken] = []
        self._held = ""
        self._final = False
        self._before = ""  # the character before what is held
        self._line_head = True
        self._in_table = False
        self._sentence_head = True
        self._gap = False  # an emoji was here
        self._rules: dict[str, Callable[[str], int | None]] = {
            "\n": self._newline, "\r": self._newline, "*": self._stars, "_": self._underscores, "~": self._tildes,
            "～": self._tildes, "`": self._ticks, "[": self._bracket, "<": self._angle, "|": self._bar,
            "\\": self._backslash, "(": self._parenthesis, "（": self._parenthesis, "!": self._image,
        }  # fmt: skip

    def push(self, piece: str) -> list[Spoken]:
        at = 0
        while at < len(piece):
            plain = None if self._held or self._line_head or self._in_table else _PLAIN.match(piece, at)
            if plain:
                self._say(plain[0])
                self._before = plain[0][-1]
                at = plain.end()
                continue
            self._held += piece[at]
            at += 1
            self._decide()
        return self._taken()

    def flush(self) -> list[Spoken]:
        """The reply has ended: what is still held is decided without waiting for more."""
        self._final = True
        self._decide()
        self._final = False
        return self._taken()

    def _taken(self) -> list[Spoken]:
        out, self._out = self._out, []
        return out

    def _decide(self) -> None:
        """Takes from what is held while it can be decided; each rule says how many characters it has dealt with."""
        while self._held:
            if self._line_head:
                count = self._head(self._held)
                if count == 0:
                    self._line_head = False
                    continue
            else:
                rule = self._rules.get(self._held[0], self._character)
                count = rule(self._held)
            if count is None:
                return
            if count:
                self._before = self._held[count - 1]
                self._held = self._held[count:]

    def _say(self, text: str) -> None:
        if self._gap and text:
            self._gap = False
            if text[0].isalnum():  # an emoji may have been all that stood between two words
                text = f" {text}"
        self._out.append(text)
        visible = text.rstrip(" \t")
        if visible:
            self._sentence_head = visible[-1] in _SENTENCE_ENDS

    def _unclear(self, room: bool = True) -> bool:
        """Whether to wait for more: there may be more, and there is room to hold it."""
        return room and not self._final

    # -- the beginning of a line: how many characters are marks; 0 = no (more) marks, None = wait

    def _head(self, held: str) -> int | None:
        first = held[0]
        if first in " \t":
            return 1
        if first in "\r\n":
            return 0
        if first == "#":
            return self._heading(held)
        if first == ">":
            return 1
        if first in "`~":
            return self._fence(held)
        if first == "|":
            return self._row(held)
        if first in "-*_=":
            return self._rule_or_bullet(held)
        if first in "+•·":
            return self._bullet(held)
        return 0

    def _heading(self, held: str) -> int | None:
        marks = len(held) - len(held.lstrip("#"))
        if marks == len(held):
            return None if self._unclear(marks <= 6) else 0
        return marks if marks <= 6 and held[marks] in " \t" else 0

    def _fence(self, held: str) -> int | None:
        fence = _FENCE.match(held)
        assert fence is not None
        marks = len(fence[1])
        if marks < 3 and marks < len(held):
            return 0
        if fence.end() == len(held):
            return None if self._unclear(len(held) < _MAX_LINE_CHARS) else (marks if marks < 3 else fence.end())
        return fence.end() if held[fence.end()] in "\r\n" else marks

    def _row(self, held: str) -> int | None:
        line = _TABLE_LINE.match(held)
        assert line is not None
        if line.end() == len(held) and self._unclear(len(held) < _MAX_LINE_CHARS):
            return None
        if "-" in line[0] and held[line.end() : line.end() + 1] in ("", "\n", "\r"):
            return line.end()
        self._in_table = True
        self._line_head = False
        return 1

    def _rule_or_bullet(self, held: str) -> int | None:
        rule = _RULE.match(held)
        assert rule is not None
        if rule.end() == len(held) and self._unclear(len(held) < _MAX_LINE_CHARS):
            return None
        if rule[0].count(rule[1]) >= 3 and held[rule.end() : rule.end() + 1] in ("", "\n", "\r"):
            return rule.end()
        return self._bullet(held) if held[0] in "-*" else 0

    def _bullet(self, held: str) -> int | None:
        if len(held) == 1:
            return None if self._unclear() else 0
        return 2 if held[1] in " \t" else 0

    # -- within a line: how many characters are dealt with, None = wait

    def _newline(self, held: str) -> int:
        self._say("\n")
        self._line_head = True
        self._in_table = False
        return 1

    def _character(self, held: str) -> int | None:
        char = held[0]
        if self._in_table and char in " \t":
            return self._blank_in_table(held)
        if not is_emoji(char):
            if char != "\u200d" or not is_emoji(self._before or " "):
                self._say(char)
            return 1
        emotion = emotion_of(char)
        if emotion:
            self._out.append(Face(emotion))
        if char not in "\ufe0f\u20e3":
            self._gap = True
        return 1

    def _stars(self, held: str) -> int | None:
        marks = len(held) - len(held.lstrip("*"))
        if marks == len(held) and self._unclear(marks < _MAX_LINE_CHARS):
            return None
        after = held[marks : marks + 1]
        if marks > 1:
            return marks
        if (self._before.isdigit() and after.isdigit()) or (self._before in ("", " ") and after in ("", " ")):
            self._say("×")  # as it is said; voices read the star by its name
            return 1
        if self._directions_go and self._sentence_head and not after.isupper() and not after.isspace():
            return self._direction(held)
        return 1

    def _direction(self, held: str) -> int | None:
        """`*smiles*` where a sentence would begin, and nothing of that sentence directly behind it."""
        close = held.find("*", 1)
        if close < 0:
            return None if self._unclear(len(held) <= _MAX_DIRECTION_CHARS and "\n" not in held) else 1
        if close + 1 == len(held) and self._unclear():
            return None
        alone = held[close + 1 : close + 2] in ("", " ", "\n", "\r")
        return close + 1 if alone and "\n" not in held[:close] else 1

    def _underscores(self, held: str) -> int | None:
        marks = len(held) - len(held.lstrip("_"))
        if marks == len(held) and self._unclear(marks < _MAX_LINE_CHARS):
            return None
        after = held[marks : marks + 1]
        if self._before.isalnum() and after.isalnum():  # a_name
            self._say("_" * marks)
        return marks

    def _tildes(self, held: str) -> int | None:
        if len(held) == 1 and self._unclear():
            return None
        if self._before == "/" or (self._before.isdigit() and held[1:2].isdigit()):  # an address, "3~5"
            self._say(held[0])
        return 1

    def _ticks(self, held: str) -> int:
        return 1

    def _backslash(self, held: str) -> int | None:
        if len(held) == 1 and self._unclear():
            return None
        if held[1:2] and not held[1].isalnum() and not held[1].isspace():
            self._say(held[1])
            return 2
        self._say("\\")
        return 1

    def _bar(self, held: str) -> int | None:
        if not self._in_table:
            self._say("|")
            return 1
        blanks = len(held) - len(held[1:].lstrip(" \t"))
        if blanks == len(held) and self._unclear(blanks < _MAX_LINE_CHARS):
            return None
        if held[blanks : blanks + 1] not in ("", "\n", "\r"):
            self._say(", ")
        return blanks

    def _blank_in_table(self, held: str) -> int | None:
        """Blanks before a bar belong to it, so that the comma stands where it should."""
        blanks = len(held) - len(held.lstrip(" \t"))
        if blanks == len(held) and self._unclear(blanks < _MAX_LINE_CHARS):
            return None
        if held[blanks : blanks + 1] != "|":
            self._say(" ")
        return blanks

    def _image(self, held: str) -> int | None:
        if self._before not in ("", " ", "\n"):
            self._say("!")
            return 1
        if len(held) == 1 and self._unclear():
            return None
        if held[1:2] != "[":
            self._say("!")
        return 1

    def _bracket(self, held: str) -> int | None:
        close = held.find("]")
        if close < 0 and self._unclear(len(held) <= _MAX_LABEL_CHARS and "\n" not in held):
            return None
        if close < 0 or "\n" in held[:close]:
            return self._literally()
        label = held[1:close]
        if self._is_direction(label) or (self._sentence_head and label in (" ", "x", "X")):
            return close + 1
        if close + 1 == len(held) and self._unclear():
            return None
        if held[close + 1 : close + 2] != "(":
            return self._literally()
        end = held.find(")", close)
        if end < 0 and self._unclear(len(held) - close <= _MAX_ADDRESS_CHARS and "\n" not in held):
            return None
        if end < 0 or "\n" in held[:end]:
            return self._literally()
        self._held = label + held[end + 1 :]
        return 0

    def _angle(self, held: str) -> int | None:
        if len(held) == 1 and self._unclear():
            return None
        close = held.find(">")
        begins = held[1:2] == "/" or held[1:2].isalnum()
        if close < 0 and begins and self._unclear(len(held) <= _MAX_TAG_CHARS and "\n" not in held):
            return None
        inside = held[1:close] if close > 0 and begins else ""
        if _ADDRESS.fullmatch(inside):
            self._say(inside.removeprefix("mailto:"))
            return close + 1
        if not _TAG.fullmatch(inside):
            return self._literally()
        if _BREAKS.match(inside):
            self._say("\n")
        return close + 1

    def _parenthesis(self, held: str) -> int | None:
        close = next((at for at, char in enumerate(held) if char in ")）"), -1)
        if close < 0:
            may_be = self._directions_go and _may_be_direction(held[1:])
            return None if self._unclear(may_be) else self._literally()
        return close + 1 if self._is_direction(held[1:close]) else self._literally()

    def _is_direction(self, text: str) -> bool:
        return self._directions_go and bool(_DIRECTION_ZH.fullmatch(text) or _DIRECTION_EN.fullmatch(text))

    def _literally(self) -> int:
        self._say(self._held[0])
        return 1


def _may_be_direction(text: str) -> bool:
    """Whether more characters could still make it one."""
    if len(text) > _MAX_DIRECTION_CHARS:
        return False
    if all(char in _DIRECTION_ZH_CHARS for char in text):
        return True
    lower = text.lower()
    return any(stem.startswith(lower) or lower.startswith(stem) for stem in _STEMS)
