"""Keeps secrets out of the log: values of fields named like one, and those quoted in addresses, headers and errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from structlog.typing import EventDict, WrappedLogger

HIDDEN = "***"

_SECRET_NAME = re.compile(r"(^|[_\-.])(token|ticket|key|authorization|password|secret)$", re.IGNORECASE)
_SECRET_IN_TEXT = re.compile(
    r"(?P<name>\b(?:authorization|token|ticket|(?:api|llm|access|x)?[_-]?key|password|secret)(?:=|%3D|\"?:\s*\"?))"
    r"(?:(?:Bearer|Basic)(?:\s|\+|%20))?[^\s&\"',;}]+"
    r"|(?P<bearer>\bBearer(?:\s|\+|%20))[^\s&\"',;}]+"
    r"|(?P<user>://[^/\s:@]*:)[^/\s@]+(?=@)",
    re.IGNORECASE,
)
_MAY_QUOTE = re.compile(r"[=%:]|earer", re.IGNORECASE)
"""A cheap look for what every secret in a text has about it; most fields pass without the dear one."""

_DEPTH = 4
"""How deep redaction follows lists and mappings."""


def redact(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """A structlog processor: hides values of fields named like secrets, and secrets quoted in texts."""
    return {name: HIDDEN if _names_a_secret(name) else _without_secrets(value) for name, value in line.items()}


@lru_cache(maxsize=1_024)
def _names_a_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _without_secrets(value: Any, depth: int = _DEPTH) -> Any:
    if isinstance(value, str):
        return _SECRET_IN_TEXT.sub(_hide, value) if _MAY_QUOTE.search(value) else value
    if isinstance(value, int | float):
        return value
    if depth == 0:
        return value
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if _names_a_secret(str(name)) else _without_secrets(inner, depth - 1)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(inner, depth - 1) for inner in value]
    return value


def _hide(found: re.Match[str]) -> str:
    return f"{found['name'] or found['bearer'] or found['user']}{HIDDEN}"
