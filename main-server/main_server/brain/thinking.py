"""Keeps a model's thinking out of its words: a streaming filter for `<think>...</think>` and its cousins.

Words are let through as soon as they cannot be part of a tag. Thinking that never closes stays hidden. Some chat
templates write `<think>` into the prompt, so that the answer begins inside the thinking and only a closing tag ever
comes; whoever knows such a model sets `begins_inside`, and `stray_close` tells who should have.
"""

from __future__ import annotations

import re

_NAMES = "think|thinking|thought|thoughts|reasoning|reflection"
_TAG = re.compile(rf"<(/?)(?:{_NAMES})\s*>", re.IGNORECASE)
_TAG_PREFIXES = frozenset(
    tag[:length] for name in _NAMES.split("|") for tag in (f"<{name}>", f"</{name}>") for length in range(1, len(tag))
)
MAX_HELD_CHARS = 65_536
"""Of an answer that may have begun inside its thinking this much is kept, in case it was the answer after all."""


class ThinkingFilter:
    """`push` pieces of an answer as written; what comes back may be spoken.

    With `begins_inside` everything up to the first closing tag is held back. If the answer ends without any tag it was
    no thinking at all, and `finish` returns it whole.
    """

    def __init__(self, *, begins_inside: bool = False) -> None:
        self.stray_close = False
        self._depth = 0
        self._presumed = begins_inside
        self._presumed_text = ""
        self._held = ""
        self._trim = False  # blanks between the thinking and the answer belong to neither

    def push(self, piece: str) -> str:
        if "<" not in piece and not (self._held or self._depth or self._trim or self._presumed or self._presumed_text):
            return piece  # nearly every piece of nearly every answer
        text = self._held + piece
        out: list[str] = []
        at = 0
        for tag in _TAG.finditer(text):
            self._say(text[at : tag.start()], out)
            self._cross(closing=bool(tag[1]))
            at = tag.end()
        self._held = _possible_tag(text, at)
        self._say(text[at : len(text) - len(self._held)], out)
        return "".join(out)

    def no_tags(self) -> None:
        """The server keeps thinking in a field of its own: the words are the answer from their first one."""
        self._presumed = False

    def finish(self) -> str:
        """The answer has ended; returns what was held back and is no thinking."""
        out: list[str] = []
        rest, self._held = self._held, ""
        if self._presumed:
            self._presumed = False
            rest, self._presumed_text = self._presumed_text + rest, ""
        self._say(rest, out)
        return "".join(out)

    def _say(self, text: str, out: list[str]) -> None:
        if self._presumed:
            self._presumed_text = (self._presumed_text + text)[:MAX_HELD_CHARS]
            return
        if self._depth:
            return
        if self._presumed_text:  # `no_tags` came after words did
            text, self._presumed_text = self._presumed_text + text, ""
        if self._trim:
            text = text.lstrip()
            self._trim = not text
        out.append(text)

    def _cross(self, *, closing: bool) -> None:
        if not closing:
            self._depth += 1
            self._presumed = False
            self._presumed_text = ""
            return
        if self._depth == 0 and not self._presumed:
            self.stray_close = True
        self._presumed = False
        self._presumed_text = ""
        self._depth = max(0, self._depth - 1)
        self._trim = True


def _possible_tag(text: str, at: int) -> str:
    """The end of `text` that could still become a tag; "" when none could."""
    begin = text.rfind("<", at)
    if begin < 0:
        return ""
    tail = text[begin:]
    known = tail.rstrip().lower()  # "<think >" is a tag too
    return tail if known in _TAG_PREFIXES and len(tail) < 32 else ""
