"""What an engine may also be: one whose connection can be there before it is asked anything."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Connects(Protocol):
    """An engine behind a network."""

    async def connect(self) -> None:
        """Has a connection open and waiting (TCP, TLS), without a request. Quick where one is. Raises EngineError,
        which nobody need act on: the request that follows says what is wrong."""


async def connect(engine: object) -> None:
    """`engine.connect()`, of an engine that connects to anything. Raises EngineError."""
    if isinstance(engine, Connects):
        await engine.connect()
