"""Whether this process can serve now, and what it has to do without."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from contracts.errors import ZhiyinError

CHECK_DEADLINE_S = 1.0
FRESH_FOR_S = 2.0

Check = Callable[[], Awaitable[str | None]]
"""Looks at one thing. Returns None when it is well, else a sentence for the owner; may raise ZhiyinError, whose message
is that sentence."""


class Phase(StrEnum):
    """Where a process is in its life."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` says why nobody can be served ("" = somebody can); `degraded` what is missing all the same."""

    reason: str = ""
    degraded: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        return not self.reason


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    check: Check
    vital: bool


class Readiness:
    """Named checks, asked together, each with a deadline; the answer is kept for FRESH_FOR_S."""

    def __init__(
        self, who: str = "Zhiyin", *, deadline_s: float = CHECK_DEADLINE_S, fresh_for_s: float = FRESH_FOR_S
    ) -> None:
        self._who = who
        self._phase = Phase.STARTING
        self._deadline_s = deadline_s
        self._fresh_for_s = fresh_for_s
        self._checks: dict[str, _Named] = {}
        self._notes: dict[str, str] = {}
        self._asked_s: float | None = None
        self._found: list[str | None] = []
        self._asking = asyncio.Lock()

    def add(self, name: str, check: Check, *, vital: bool = False) -> None:
        """Adds a check; without what a `vital` one looks at nobody can be served. The same name replaces."""
        self._checks[name] = _Named(name, check, vital)
        self._asked_s = None

    def note(self, name: str, sentence: str) -> bool:
        """Something missing that needs no asking, such as an engine that could not be loaded; "" = it is there now.
        True when that is news."""
        before = self._notes.get(name, "")
        if sentence:
            self._notes[name] = sentence
        else:
            self._notes.pop(name, None)
        return sentence != before

    def serving(self) -> None:
        """Start-up is over."""
        self._phase = Phase.SERVING

    def draining(self) -> None:
        """The process stops and takes on nothing new."""
        self._phase = Phase.DRAINING

    async def verdict(self) -> Verdict:
        """What holds now, or held at most FRESH_FOR_S ago. Raises nothing of the checks."""
        if self._phase is Phase.STARTING:
            return Verdict(f"{self._who} is starting.")
        if self._phase is Phase.DRAINING:
            return Verdict(f"{self._who} is stopping and takes on nothing new.")
        async with self._asking:  # a hundred probes at once ask once
            checks = list(self._checks.values())
            now_s = asyncio.get_running_loop().time()
            if self._asked_s is None or now_s - self._asked_s >= self._fresh_for_s:
                self._found = await asyncio.gather(*(self._ask(each) for each in checks))
                self._asked_s = asyncio.get_running_loop().time()
            found = list(zip(checks, self._found, strict=True))
        missing = [sentence for _, sentence in found if sentence] + list(self._notes.values())
        vital = next((sentence for each, sentence in found if sentence and each.vital), "")
        return Verdict(vital, tuple(missing))

    async def _ask(self, named: _Named) -> str | None:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await named.check()
        except TimeoutError:
            return f"{named.name} did not answer within {self._deadline_s:g} s."
        except (ZhiyinError, OSError) as error:
            return str(error) or f"{named.name} failed: {type(error).__name__}."
