"""Text for a voice that is sent it while it is being written: whole words, cleaned as they come. No I/O in here."""

from __future__ import annotations

import re

from tts_server.engines.base import has_words, without_signs

MAX_HELD_CHARS = 120
"""More than this without the end of a word is sent as it is. Chinese goes by its signs: it has no spaces."""

_WORD_END = re.compile(r"(?s).*[\s.,!?;:…—)\]}\"”’\u3000-\u303f\uff00-\uffef]")


class Words:
    """`push` what was written; what comes back may be sent, maybe "". Nothing is sent before there is a word."""

    def __init__(self) -> None:
        self.begun = False
        self._held = ""

    def push(self, piece: str) -> str:
        held = self._held + piece
        end = _WORD_END.match(held)
        cut = end.end() if end else 0
        if len(held) - cut > MAX_HELD_CHARS:
            cut = len(held)
        return self._sent(held, cut)

    def finish(self) -> str:
        """What is left at the end."""
        return self._sent(self._held, len(self._held))

    def _sent(self, held: str, cut: int) -> str:
        ready = held[:cut]
        if not self.begun and not has_words(without_signs(ready)):
            self._held = held[-MAX_HELD_CHARS:]
            return ""
        self._held = held[cut:]
        self.begun = True
        clean = without_signs(ready)
        return f"{clean} " if clean else ""
