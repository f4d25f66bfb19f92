"""What a talk begins with: memories of earlier ones, and the end of the one it continues."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from contracts.roles import MemoryPolicy


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing kept of earlier talks. `about`: the speaker's name, "" = nobody knows whom."""

    text: str
    about: str = ""
    on: date | None = None


@dataclass(frozen=True, slots=True)
class EarlierTurn:
    """A turn of the conversation that goes on. `heard_text` is what the person heard of the reply."""

    turn_id: str
    user_text: str
    heard_text: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Recollection:
    """Memories, those first that matter most; and of a conversation that goes on, the summary of its beginning and
    the turns after that, oldest first."""

    memories: tuple[Memory, ...] = ()
    summary: str = ""
    turns: tuple[EarlierTurn, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose memories: those of the role with this key ("" = the house's own), as far as its policy lets it remember."""

    device_id: str
    session_id: str
    role_id: str = ""
    policy: MemoryPolicy = MemoryPolicy.NONE


class Remembering(Protocol):
    """The store's memory of talks."""

    async def recall(self, asked: Asked) -> Recollection:
        """Never fails: what cannot be had in time is not remembered. May take longer than a talk waits for it."""


@dataclass(frozen=True, slots=True)
class NoMemory:
    """A Remembering for talks that begin from nothing."""

    recollection: Recollection = field(default_factory=Recollection)

    async def recall(self, asked: Asked) -> Recollection:
        return self.recollection
