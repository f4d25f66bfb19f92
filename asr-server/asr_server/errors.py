"""Errors of the ears: none of their own yet, only the engines' (contracts.errors), and how they become events."""

from __future__ import annotations

from contracts.errors import EngineError
from contracts.hearing import HearingFailed


def failure(error: Exception, engine: str) -> HearingFailed:
    """What a session is told of a recogniser's failure. The words of unexpected errors stay out of it."""
    if isinstance(error, EngineError):
        return HearingFailed(error.code, str(error), error.engine)
    if isinstance(error, TimeoutError):
        return HearingFailed("engine_timeout", f"The recogniser {engine} did not answer in time.", engine)
    return HearingFailed("engine_failed", f"The recogniser {engine} failed ({type(error).__name__}).", engine)
