"""When an engine that fails is left alone, and when it is tried again. Pure: the clock comes in with each call.

closed --enough failures in a row--> open --the wait is over--> half open (one caller tries)
half open --it failed--> open, and the wait doubles; half open --it worked--> closed
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from contracts.errors import EngineBusy, EngineError, EngineTimeout, EngineUnavailable

NOT_THE_ENGINES_FAULT = {"engine_withheld", "engine_length", "engine_bad_arguments"}
"""Codes of failures that come from what was asked."""


class State(IntEnum):
    """The number is the metric's."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """`opens_at` is a sum of `weight_of` in a row: two timeouts, three broken answers, six times full."""

    opens_at: float = 3.0
    first_wait_s: float = 5.0
    longest_wait_s: float = 300.0


class Breaker:
    """One engine's. What is asked while it is half open, and had begun before, tells it nothing."""

    def __init__(self, limits: BreakerLimits | None = None) -> None:
        self._limits = limits or BreakerLimits()
        self._failures = 0.0
        self._wait_s = self._limits.first_wait_s
        self.state = State.CLOSED
        self.retry_at_s = 0.0
        """When an open one may be tried again."""

    def allows(self, now_s: float) -> bool:
        """Whether somebody may ask the engine now."""
        return self.state is State.CLOSED or (self.state is State.OPEN and now_s >= self.retry_at_s)

    def begin(self) -> bool:
        """Somebody asks. True when this is the try that decides; it must end in one of the three below."""
        if self.state is not State.OPEN:
            return False
        self.state = State.HALF_OPEN
        return True

    def succeeded(self, *, decides: bool) -> None:
        if decides:
            self.state = State.CLOSED
            self._wait_s = self._limits.first_wait_s
        if self.state is State.CLOSED:
            self._failures = 0.0

    def failed(self, now_s: float, weight: float, *, decides: bool) -> None:
        if decides:
            self._wait_s = min(2 * self._wait_s, self._limits.longest_wait_s)
            self._open(now_s)
        elif self.state is State.CLOSED:
            self._failures += weight
            if self._failures >= self._limits.opens_at:
                self._open(now_s)

    def left(self, *, decides: bool) -> None:
        """Whoever asked went away before there was anything to tell."""
        if decides:
            self.state = State.OPEN

    def _open(self, now_s: float) -> None:
        self.state = State.OPEN
        self.retry_at_s = now_s + self._wait_s
        self._failures = 0.0


def weight_of(error: EngineError) -> float:
    """How much a failure says about the engine's health: one that is full works."""
    if error.code in NOT_THE_ENGINES_FAULT:
        return 0.0
    if isinstance(error, EngineBusy):
        return 0.5
    return 1.5 if isinstance(error, EngineUnavailable | EngineTimeout) else 1.0
