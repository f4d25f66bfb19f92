"""What an engine may also be: one that is connected to, or told how a talk begins, before it is asked anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from contracts.language_model import Message, ToolSpec


@runtime_checkable
class Connects(Protocol):
    """An engine behind a network."""

    async def connect(self) -> None:
        """Has a connection open and waiting (TCP, TLS), without a request. Quick where one is. Raises EngineError,
        which nobody need act on: the request that follows says what is wrong."""


@runtime_checkable
class Prepares(Protocol):
    """A language model that keeps what it has read: reading the beginning ahead saves that time later."""

    async def prepare(self, beginning: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        """Has it read what every request of this talk begins with. Does nothing where that costs money. Raises
        EngineError, which nobody need act on."""


async def connect(engine: object) -> None:
    """`engine.connect()`, of an engine that connects to anything. Raises EngineError."""
    if isinstance(engine, Connects):
        await engine.connect()


async def prepare(engine: object, beginning: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
    """`engine.prepare(...)`, of an engine that can. Raises EngineError."""
    if isinstance(engine, Prepares):
        await engine.prepare(beginning, tools)
