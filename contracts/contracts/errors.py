"""Errors that cross a port, and what each one means to the person in front of the toy.

ZhiyinError                 code, and a sentence a person can act on
└── EngineError             an engine did not do its work
    ├── EngineUnavailable   not reachable, not installed, not configured, or refused the key
    ├── EngineTimeout       no answer, or no next piece of it, before the deadline
    ├── EngineBusy          refused because it is full; trying again later may help
    └── EngineFailed        answered with something we cannot use
"""

from __future__ import annotations

import traceback


class ZhiyinError(Exception):
    """A failure with a stable `code` (snake_case, for metrics and the console) and a sentence as its message."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class EngineError(ZhiyinError):
    """An engine did not do its work. `engine` is its name in settings and logs, such as `openai` or `espeak`."""

    code = "engine_failed"

    def __init__(self, message: str, *, engine: str, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.engine = engine


class EngineUnavailable(EngineError):
    """Not reachable, not installed, not configured, or our key was refused."""

    code = "engine_unavailable"


class EngineTimeout(EngineError):
    """No answer, or no next piece of it, before the deadline."""

    code = "engine_timeout"


class EngineBusy(EngineError):
    """Refused because it is full."""

    code = "engine_busy"


class EngineFailed(EngineError):
    """Answered with something that cannot be used: an error status, a broken stream, a wrong content type."""

    code = "engine_failed"


def place_of(error: BaseException) -> str:
    """Where it was raised, for logs: "FILE:LINE". Its message stays out of them: it may quote what a person said."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
