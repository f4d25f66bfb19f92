"""Trying a provider, or a voice: what is tried, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.speech import VoiceChoice


@dataclass(frozen=True, slots=True)
class Trial:
    """A provider as it is, or as it would be saved. `private`: it may lie in a network at home."""

    kind: str
    engine: str
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    secret: str = field(default="", repr=False)
    private: bool = False


@dataclass(frozen=True, slots=True)
class Audition:
    """A voice to be heard before a role speaks with it. `provider` None = the server's own engine."""

    text: str
    choice: VoiceChoice
    provider: Trial | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """`first_ms`: to the first word of a model, or the first sound of a voice. `text` is what a model said, or a
    recogniser heard of `spoken`; `wav` what a voice said."""

    ok: bool
    code: str = ""
    sentence: str = ""
    first_ms: float | None = None
    total_ms: float | None = None
    text: str = ""
    spoken: str = ""
    wav: bytes = b""
    sound_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """The names of a server's models, or why they are not known."""

    ok: bool
    code: str = ""
    sentence: str = ""
    models: tuple[str, ...] = ()
