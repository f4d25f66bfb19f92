"""The cast of a talk: which character answers, and the engines it thinks and speaks with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from contracts.language_model import LanguageModel, Usage
from main_server.conversation.ports import Voice
from main_server.conversation.role import Role


@dataclass(frozen=True, slots=True)
class Price:
    """What a language model costs, per million tokens; `currency` is ISO 4217."""

    currency: str
    in_per_million: float
    out_per_million: float

    def of(self, usage: Usage) -> float:
        return (usage.prompt_tokens * self.in_per_million + usage.completion_tokens * self.out_per_million) / 1_000_000


@dataclass(frozen=True, slots=True)
class Engines:
    """What answers. `spare_voice` speaks the apology when `voice` is the one that failed.

    `ears` is the recogniser, of which a session knows no more than that it may have to be connected to. `prices` are
    those of the models, by the name under which `model` serves. `small` is the model that sums up what leaves the
    window; None = nobody does.
    """

    model: LanguageModel
    voice: Voice
    spare_voice: Voice
    recogniser: str = ""
    ears: object = None
    prices: Mapping[str, Price] = field(default_factory=dict)
    small: LanguageModel | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """A role and its engines. Two of them are the same while nobody has edited the role or its providers.

    `problem` is a sentence for the owner about a provider that could not be had, so that another serves; "" = none.
    """

    engines: Engines
    role: Role = field(default_factory=Role)
    problem: str = ""


class Casting(Protocol):
    """Knows who a device is at any moment: its owner may give it another role, or edit the one it has."""

    async def begin(self) -> None:
        """Called once, before the first event; learns what `now` answers. Never fails: it falls back to the house's
        own role. Takes a moment at most, for the toy waits for it."""

    def now(self) -> Cast:
        """Who answers the turn that begins now. Returns at once, the same object as long as nothing has changed."""

    async def close(self) -> None:
        """The session is over: engines that nobody else uses may go."""


@dataclass(frozen=True, slots=True)
class SameCast:
    """A Casting that never changes."""

    cast: Cast

    async def begin(self) -> None:
        pass

    def now(self) -> Cast:
        return self.cast

    async def close(self) -> None:
        pass
