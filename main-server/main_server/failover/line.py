"""Engines of one port in order of preference, each with its breaker; all sessions of a process share it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from contracts.connecting import connect, prepare
from contracts.errors import EngineError
from contracts.language_model import Message, ToolSpec
from main_server.failover.breaker import Breaker, BreakerLimits, State, weight_of

log = logging.getLogger(__name__)

PATIENCE_S = 4.0
"""Somebody who left after waiting longer than this for a first sign of life left because of the engine."""


class AnyEngine(Protocol):
    """What engines of every port have."""

    name: str

    async def warm(self) -> None: ...

    async def close(self) -> None: ...


EngineT = TypeVar("EngineT", bound=AnyEngine)


class Entry(Generic[EngineT]):
    """One engine. `name` is its own in this line ("openai", "openai_2"), `reason` the sentence of its last failure."""

    def __init__(self, name: str, engine: EngineT, limits: BreakerLimits | None) -> None:
        self.name = name
        self.engine = engine
        self.breaker = Breaker(limits)
        self.reason = ""


class Attempt:
    """One request to an engine. `begun` once something of its answer was passed on, or all of it is here."""

    def __init__(self) -> None:
        self.begun = False
        self.failure: EngineError | None = None


class Line(Generic[EngineT]):
    """`port` is "recogniser", "model" or "voice". `watch` is told of every breaker that opens or closes."""

    def __init__(self, port: str, engines: Sequence[EngineT], limits: BreakerLimits | None = None) -> None:
        self.port = port
        names: list[str] = []
        self.entries: list[Entry[EngineT]] = []
        for engine in engines:
            names.append(engine.name)
            count = names.count(engine.name)
            name = engine.name if count == 1 else f"{engine.name}_{count}"
            self.entries.append(Entry(name, engine, limits))
        self._watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> None:
        """`changed` is called on the event loop after each change; it must not block or raise."""
        self._watchers.append(changed)

    def candidates(self) -> Iterator[Entry[EngineT]]:
        """Whom to ask, in order, as of the moment each is asked for. Never empty: when all are left alone, the one
        whose wait ends first is asked all the same."""
        asked = False
        for entry in self.entries:
            if entry.breaker.allows(_now_s()):
                asked = True
                yield entry
        if not asked:
            yield min(self.entries, key=lambda entry: entry.breaker.retry_at_s)

    def has_another_after(self, entry: Entry[EngineT]) -> bool:
        """Whether somebody could still be asked if this one fails now."""
        later = self.entries[self.entries.index(entry) + 1 :]
        return any(other.breaker.allows(_now_s()) for other in later)

    @contextmanager
    def asking(self, entry: Entry[EngineT]) -> Iterator[Attempt]:
        """Around one request: settles the breaker by how the block ends. Put the EngineError that ended the request
        into `attempt.failure`; what leaves the block (a cancellation) passes through."""
        attempt, began_s = Attempt(), _now_s()
        decides = entry.breaker.begin()
        try:
            yield attempt
        finally:
            breaker, was_well = entry.breaker, entry.breaker.state is State.CLOSED
            if attempt.failure is not None and (weight := weight_of(attempt.failure)):
                entry.reason = str(attempt.failure)
                breaker.failed(_now_s(), weight, decides=decides)
            elif attempt.begun:
                breaker.succeeded(decides=decides)
            elif attempt.failure is None and _now_s() - began_s >= PATIENCE_S:
                entry.reason = f"The {self.port} {entry.name} kept somebody waiting who then gave up."
                breaker.failed(_now_s(), 1.0, decides=decides)
            else:
                breaker.left(decides=decides)
            if was_well != (breaker.state is State.CLOSED) or (decides and attempt.failure is not None):
                self._changed(entry)

    async def warm(self) -> None:
        """Warms all side by side; one that cannot be warmed is left alone from now on, for a while.

        Raises the first one's EngineError when there is none that can.
        """
        failures = await asyncio.gather(*(self._warm(entry) for entry in self.entries))
        if all(failures):
            raise next(failure for failure in failures if failure)

    async def connect(self) -> None:
        """Has the one that would be asked now connect. Raises EngineError; no breaker counts it."""
        await connect(next(self.candidates()).engine)

    async def prepare(self, beginning: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        """Has the one that would be asked now read ahead. Raises EngineError; no breaker counts it."""
        await prepare(next(self.candidates()).engine, beginning, tools)

    async def close(self) -> None:
        """Closes all, then raises what the first that did not close raised."""
        results = await asyncio.gather(*(entry.engine.close() for entry in self.entries), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def notes(self) -> dict[str, str]:
        """For every engine by name: a sentence when it is left alone, naming who serves instead, else ""."""
        serving = next((each for each in self.entries if each.breaker.state is State.CLOSED), None)
        instead = f"{serving.name} serves instead" if serving else "there is no other left"
        return {
            entry.name: ""
            if entry.breaker.state is State.CLOSED
            else f"{self.port}: {entry.name} is out, {instead}. {entry.reason}"
            for entry in self.entries
        }

    async def _warm(self, entry: Entry[EngineT]) -> EngineError | None:
        with self.asking(entry) as attempt:
            try:
                await entry.engine.warm()
            except EngineError as error:
                attempt.failure = error
            else:
                attempt.begun = True
        if attempt.failure is not None and entry.breaker.state is State.CLOSED:
            entry.breaker.failed(_now_s(), float("inf"), decides=False)  # nobody need wait to find out again
            self._changed(entry)
        return attempt.failure

    def _changed(self, entry: Entry[EngineT]) -> None:
        said = {"port": self.port, "engine": entry.name, "why": entry.reason}
        if entry.breaker.state is State.CLOSED:
            log.info("engine is back", extra=said)
        else:
            log.warning("engine is left alone", extra=said)
        for changed in self._watchers:
            changed()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
