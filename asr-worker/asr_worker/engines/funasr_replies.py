"""What a FunASR runtime server says, put together to the text of one utterance. No I/O in here.

The servers of that protocol differ: the C++ one marks the last message of an utterance with `is_final`, the Python one
sends `is_final: true` while it still gets sound and `false` on the last; neither says anything about sound without
words. Pieces of `online` text are a draft that the next `offline` text replaces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TAG = re.compile(r"<\s*\|([^|>]{0,32})\|\s*>")
_LANGUAGES = frozenset({"zh", "en", "yue", "ja", "ko"})


class Replies:
    """Of one connection. `ended` is told when the end of the sound was sent.

    `finished`: nothing more will come. `settled`: it looks so, unless something comes within a moment.
    """

    def __init__(self) -> None:
        self.language = ""
        self.finished = False
        self.settled = False
        self._offline = ""
        self._online = ""
        self._ended = False
        self._final_is_false = False

    @property
    def text(self) -> str:
        """All that is known so far."""
        return _joined(self._offline, self._online).strip()

    def ended(self) -> None:
        self._ended = True

    def take(self, message: Mapping[str, Any]) -> None:
        """One message of the server's."""
        mode, final = str(message.get("mode") or ""), message.get("is_final") is True
        text = self._without_tags(message.get("text"))
        self._final_is_false = self._final_is_false or (final and not self._ended)
        if mode.endswith("online"):
            self._online = _joined(self._online, text)
            self.settled = False
        else:
            self._offline, self._online = _joined(self._offline, text), ""
        if self._ended:
            self._look_for_the_end(mode, final)

    def _look_for_the_end(self, mode: str, final: bool) -> None:
        if self._final_is_false:
            self.finished = not final and not mode.endswith("online")
        elif final or mode == "offline":
            self.finished = True
        elif not mode.endswith("online"):
            self.settled = True

    def _without_tags(self, text: object) -> str:
        """SenseVoice's text begins with what it heard beside the words."""
        if not isinstance(text, str):
            return ""
        for tag in _TAG.findall(text):
            if tag in _LANGUAGES:
                self.language = tag
        return _TAG.sub("", text)


def _joined(first: str, second: str) -> str:
    """English words come without the space between two messages."""
    words = bool(first and second) and first[-1].isascii() and second[0].isascii()
    return f"{first} {second}" if words and first[-1] != " " and second[0].isalnum() else first + second
