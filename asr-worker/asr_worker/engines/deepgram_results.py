"""What Deepgram says while it listens, put together to the text of one utterance. No I/O in here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ENOUGH_S = 0.06
"""So much sound at the end need not be covered: one of the board's packets."""


class Results:
    """Of one connection. `flushed` counts the answers to Finalize; `finished`: all is said."""

    def __init__(self) -> None:
        self.flushed = 0
        self.finished = False
        self.came = False
        self.language = ""
        self._finals: list[str] = []
        self._finals_end_s = 0.0
        self._interim = ""

    @property
    def text(self) -> str:
        """All that is known so far, the last words maybe only for the moment."""
        pieces = filter(None, [*self._finals, self._interim])
        text = ""
        for piece in pieces:
            spaced = bool(text) and text[-1].isascii() and piece[0].isascii()
            text = f"{text} {piece}" if spaced else text + piece
        return text

    def covers(self, sound_s: float) -> bool:
        """Whether what is final reaches so far into the sound."""
        return self.came and self._finals_end_s >= sound_s - _ENOUGH_S

    def take(self, message: Mapping[str, Any]) -> None:
        """One message of the server's."""
        kind = message.get("type")
        if kind == "Metadata":  # the answer to CloseStream
            self.finished = True
        if kind != "Results":
            return
        self.came = True
        text = self._text_of(message)
        if message.get("is_final") is True:
            self._finals.append(text)
            self._interim = ""
            self._finals_end_s = max(self._finals_end_s, _number(message, "start") + _number(message, "duration"))
        else:
            self._interim = text
        if message.get("from_finalize") is True:
            self.flushed += 1

    def _text_of(self, message: Mapping[str, Any]) -> str:
        channel = message.get("channel")
        found = channel.get("alternatives") if isinstance(channel, dict) else None
        first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
        languages = first.get("languages")
        if isinstance(languages, list) and languages and isinstance(languages[0], str):
            self.language = languages[0][:11]
        text = first.get("transcript")
        return text.strip() if isinstance(text, str) else ""


def _number(message: Mapping[str, Any], name: str) -> float:
    value = message.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
