"""A fault: what broke a turn, as a code and a sentence for everybody but the person, who hears an apology."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts.errors import EngineError

log = logging.getLogger(__name__)

INTERNAL = "internal"
"""The code of a fault of ours."""

UNUSABLE = "provider_unusable"
"""The code of a turn that was answered, but by others than its owner has chosen."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`engine` is the one that failed, "" for a fault of ours."""

    code: str = ""
    sentence: str = ""
    engine: str = ""

    def log(self, error: Exception, ids: Mapping[str, str]) -> None:
        """A line for the owner; where the fault is ours, with its place."""
        if self.code == INTERNAL:
            log.error("turn broke", exc_info=error, extra=dict(ids))
        else:
            log.warning("turn failed", extra={**ids, "code": self.code, "why": self.sentence})


def fault_of(error: Exception) -> Fault:
    """What `error` is to a turn."""
    if isinstance(error, EngineError):
        return Fault(error.code, str(error), error.engine)
    code = "turn_timeout" if isinstance(error, TimeoutError) else INTERNAL
    return Fault(code, "A fault of Zhiyin's own: see its log.")


def first_cause(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one failure that a TaskGroup wrapped: engine errors first, since others may follow from them."""
    flat = list(_flatten(failures))
    return next((error for error in flat if isinstance(error, EngineError)), flat[0])


def _flatten(failures: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in failures.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flatten(error)
        else:
            yield error
