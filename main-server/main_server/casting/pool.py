"""Engines of accounts, shared by all sessions of the process: made when first wanted, closed when long unused."""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.errors import EngineBusy
from contracts.transcription import Transcriber
from main_server.casting.making import EngineMaker, Made, close
from main_server.casting.spec import Spec
from main_server.failover.line import Line

MOST_ENGINES = 256
IDLE_S = 600.0
"""Longer than any turn takes: whoever was given an engine may still use it that long after giving it back."""

REFERENCE = "provider:"


@dataclass(slots=True, eq=False)
class Held:
    """An engine, how many cast with it, and the reference by which the ears name it."""

    spec: Spec
    made: Made
    reference: str
    users: int = 0
    unused_since_s: float = field(default=0.0)

    @property
    def engine(self) -> Any:
        return self.made.engine


class EnginePool:
    """At most `most` engines. Breakers live here too, so that one session learns for all that an engine is down."""

    def __init__(
        self,
        maker: EngineMaker,
        *,
        most: int = MOST_ENGINES,
        idle_s: float = IDLE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._maker = maker
        self._most = most
        self._idle_s = idle_s
        self._clock = clock
        self._held: dict[Spec, Held] = {}
        self._by_reference: dict[str, Held] = {}
        self._lines: OrderedDict[tuple[int, ...], tuple[Line[Any], Sequence[Any]]] = OrderedDict()
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._held)

    async def take(self, spec: Spec) -> Held:
        """The engine of a spec, until it is given back. Raises EngineUnavailable; EngineBusy when there is no room."""
        if spec not in self._held:
            await self._make_room()
            made = await self._maker.make(spec)
            if spec not in self._held:
                self._add(spec, made)
        held = self._held[spec]
        held.users += 1
        return held

    def give_back(self, held: Held) -> None:
        """Whoever took it will not ask it for anything new."""
        held.users -= 1
        held.unused_since_s = self._clock()

    def recogniser(self, reference: str) -> Transcriber | None:
        """The recogniser of a reference (Held.reference); None when it is gone."""
        held = self._by_reference.get(reference)
        engine: Transcriber | None = held.engine if held is not None else None
        return engine

    def line(self, port: str, engines: Sequence[Any]) -> Line[Any]:
        """The one line of these engines in this order."""
        key = tuple(map(id, engines))
        if key not in self._lines:
            self._lines[key] = Line(port, engines), tuple(engines)  # which keeps their ids theirs
        self._lines.move_to_end(key)
        while len(self._lines) > self._most:
            self._lines.popitem(last=False)
        return self._lines[key][0]

    async def sweep(self) -> None:
        """Closes what nobody has used for a while."""
        due_s = self._clock() - self._idle_s
        for held in [each for each in self._held.values() if not each.users and each.unused_since_s <= due_s]:
            await self._let_go(held)

    async def close(self) -> None:
        """Closes every engine, in use or not."""
        self._lines.clear()
        for held in list(self._held.values()):
            await self._let_go(held)

    async def _make_room(self) -> None:
        if len(self._held) < self._most:
            return
        unused = [each for each in self._held.values() if not each.users]
        if not unused:
            raise EngineBusy("This server holds as many engines of accounts as it can: try again later.", engine="pool")
        await self._let_go(min(unused, key=lambda each: each.unused_since_s))

    def _add(self, spec: Spec, made: Made) -> None:
        held = Held(spec, made, f"{REFERENCE}{spec.provider_id}@{next(self._numbers)}", unused_since_s=self._clock())
        self._held[spec] = held
        self._by_reference[held.reference] = held

    async def _let_go(self, held: Held) -> None:
        self._held.pop(held.spec, None)
        self._by_reference.pop(held.reference, None)
        for key in [key for key, (_, engines) in self._lines.items() if held.engine in engines]:
            del self._lines[key]
        if not held.made.shared:
            await close(held.engine)
