"""The mouth's contract: words in, PCM out, as early as the engine can."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from contracts.audio import Pcm


@dataclass(frozen=True, slots=True)
class VoiceChoice:
    """How to sound. `voice` is the engine's own voice name or "" (its default for the language); `language` BCP 47.

    `speed` and `pitch` are factors (1.0 = as the voice is); `volume_db` is gain. `draft`: nobody has certainly asked
    for this yet; queues let what is certain go first. It changes nothing of the sound, so choices compare without it.
    """

    voice: str = ""
    language: str = ""
    speed: float = 1.0
    pitch: float = 1.0
    volume_db: float = 0.0
    draft: bool = field(default=False, compare=False)


def decibels(volume: float) -> float:
    """The `volume_db` of a volume as people set it: 1.0 = as the voice is, 0 = hardly to be heard."""
    return round(20 * math.log10(max(volume, 0.001)), 2)


class Synthesizer(Protocol):
    """A speech engine: one home of the port."""

    name: str
    """Short name for logs and metrics, such as "openai" or "espeak"."""

    def speak(self, words: AsyncIterator[str], choice: VoiceChoice) -> AsyncIterator[Pcm]:
        """Speaks `words` in order; yields pieces of one sample rate as they are made, none of them empty.

        Closing the iterator (aclose, cancellation) stops the engine's work and closes its request.
        Raises EngineError; text without anything to say (blank, only punctuation) yields nothing.
        """

    async def warm(self) -> None:
        """Load what the first sentence would otherwise wait for. Raises EngineError."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that can be named in VoiceChoice. `languages` are BCP 47, the closest first."""

    id: str
    name: str
    languages: tuple[str, ...]


@runtime_checkable
class HasVoices(Protocol):
    """What a Synthesizer may also be: one that can list its voices."""

    async def voices(self) -> list[Voice]:
        """All of them, in the engine's order. Raises EngineError."""


async def one(text: str) -> AsyncIterator[str]:
    """A stream of a single text, for callers that already have the whole sentence."""
    yield text
