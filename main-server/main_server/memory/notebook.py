"""What the keeper needs of the world: conversations to look back on, and somebody who can write."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.language_model import LanguageModel


@dataclass(frozen=True, slots=True)
class Fact:
    """Something known already. A pinned one stays whatever is said."""

    id: str
    text: str
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """One turn: what the person said, and what was heard of the reply."""

    person: str
    toy: str


@dataclass(frozen=True, slots=True)
class PastTalk:
    """A conversation that has ended, taken by one keeper until `taken_until`.

    `remembers`: a summary is kept of it; `learns`: facts about the person too. `summary` tells of what came before
    `turns`, or of some of them, which are the last ones, oldest first. `speaker` is a name, "" = nobody knows whose.
    """

    conversation_id: str
    account_id: str
    role_id: str
    taken_until: datetime
    last_turn_at: datetime
    remembers: bool
    learns: bool
    summary: str
    turns: tuple[Said, ...]
    facts: tuple[Fact, ...] = ()
    speaker_id: str = ""
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What is kept of a conversation: "" and () = nothing. `outdated` are ids of facts that are no longer true."""

    title: str = ""
    summary: str = ""
    facts: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()


class Notebook(Protocol):
    """The store. All of it raises ZhiyinError when it cannot be had."""

    async def take(self) -> PastTalk | None:
        """The next conversation whose time has come, nobody else's until then; None when there is none now."""

    async def write(self, talk: PastTalk, note: Note) -> None:
        """Keeps the note, and is done with the conversation unless it has gone on meanwhile. Nothing is
        kept of what was deleted meanwhile, or belongs to nobody any more."""

    async def put_off(self, talk: PastTalk, until: datetime) -> None:
        """Tries again then."""


class SmallModels(Protocol):
    """Who writes the notes of a role."""

    def of(self, role_id: str, account_id: str) -> AbstractAsyncContextManager[LanguageModel]:
        """The small model of this role ("" = the house's own), to be used within the block. Raises ZhiyinError."""
