"""The port of audio files: whole files under keys such as `recordings/3f/3f0c...`. Its homes pass tests/ports."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

RECORDINGS = "recordings/"
"""Under it lies what was said and heard; whatever of it no row names is swept away (erasing.py)."""

DEADLINE_S = 15.0
"""Of every call that reaches a disk or a server."""

NAMES_AT_ONCE = 200

_KEY = re.compile(r"(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is there. `modified_at` is when it was put."""

    key: str
    modified_at: datetime


class AudioFiles(Protocol):
    """A home of files. Everything may raise AudioUnavailable; keys that are none of ours raise ValueError."""

    async def put(self, key: str, content: bytes) -> None:
        """Keeps it, whole or not at all, in place of what was there."""

    async def get(self, key: str) -> bytes:
        """Raises AudioGone where there is none."""

    async def delete(self, key: str) -> None:
        """Forgets it; fine where there is none."""

    async def delete_prefix(self, prefix: str) -> None:
        """Forgets all whose keys begin so; `prefix` ends in a slash."""

    def names(self, prefix: str) -> AsyncIterator[Sequence[Stored]]:
        """What is there under a prefix, a few at a time, in no order."""

    async def close(self) -> None: ...


def new_recording_key() -> str:
    """A key nobody has. Fanned out, because folders do not like a million files."""
    name = uuid.uuid4().hex
    return f"{RECORDINGS}{name[:2]}/{name}"


def checked(key: str) -> str:
    """The key, if it can be one: no way out of the place where files lie."""
    if not _KEY.fullmatch(key):
        raise ValueError("this is no key of an audio file")
    return key


def checked_prefix(prefix: str) -> str:
    if not prefix.endswith("/"):
        raise ValueError("a prefix ends in a slash")
    return checked(prefix.removesuffix("/")) + "/"
