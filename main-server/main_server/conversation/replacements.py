"""Words a role replaces: what was heard by what was meant, what is written by what is said. Pure, but for the voice."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import lru_cache

from contracts.connecting import connect
from contracts.hearing import HearingEvent, Partial, Pause, Utterance
from main_server.conversation.cast import Engines
from main_server.conversation.ports import Voice

Pairs = tuple[tuple[str, str], ...]
"""Each: what stands there, and what shall stand there instead."""


def replaced(text: str, pairs: Pairs) -> str:
    """`text` with every pair applied once, the longest first, whatever the case; Latin words only as whole words."""
    if not pairs or not text:
        return text
    pattern, instead = _compiled(pairs)
    return pattern.sub(lambda found: instead[found[0].casefold()], text) if instead else text


def as_meant(event: HearingEvent, pairs: Pairs) -> HearingEvent:
    """What the ears tell, in the words that were meant."""
    if pairs and isinstance(event, Partial | Pause | Utterance):
        return replace(event, text=replaced(event.text, pairs))
    return event


def as_said(engines: Engines, pairs: Pairs) -> Engines:
    """The engines with voices that say the pairs' other words; what is shown and remembered stays as it was written."""
    if not pairs:
        return engines
    return replace(engines, voice=Rewording(engines.voice, pairs), spare_voice=Rewording(engines.spare_voice, pairs))


@dataclass(frozen=True, slots=True)
class Rewording:
    """A voice that says other words than it is given (implements ports.Voice)."""

    voice: Voice
    pairs: Pairs

    @property
    def name(self) -> str:
        return self.voice.name

    def speak(self, text: str, *, draft: bool = False) -> AsyncIterator[bytes]:
        return self.voice.speak(replaced(text, self.pairs), draft=draft)

    async def connect(self) -> None:
        """Raises EngineError."""
        await connect(self.voice)


@lru_cache(maxsize=256)
def _compiled(pairs: Pairs) -> tuple[re.Pattern[str], dict[str, str]]:
    instead = {there.casefold(): then for there, then in pairs if there}
    longest_first = sorted(instead, key=len, reverse=True)
    return re.compile("|".join(map(_whole, longest_first)), re.IGNORECASE), instead


def _whole(text: str) -> str:
    """Matches `text`; where it begins or ends with a Latin letter or a digit, not in the middle of a word."""
    before = r"(?<![A-Za-z0-9])" if _is_latin(text[0]) else ""
    after = r"(?![A-Za-z0-9])" if _is_latin(text[-1]) else ""
    return before + re.escape(text) + after


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalnum()
