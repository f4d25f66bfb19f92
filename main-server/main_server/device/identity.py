"""Names of devices and sessions: one spelling of a device id everywhere, and session ids that need no escaping."""

from __future__ import annotations

import re
from uuid import uuid4

_MAC = re.compile(r"([0-9a-f]{2})([:_-]?)([0-9a-f]{2})(?:\2[0-9a-f]{2}){4}", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}")


def device_id(text: str) -> str:
    """The one spelling of a device's id: a MAC lower-case with colons, any other name as it came.

    "" when there is none, or when it is no name at all (longer than 64 characters, spaces, control characters).
    """
    text = text.strip()
    if _MAC.fullmatch(text):
        digits = re.sub(r"[:_-]", "", text).lower()
        return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
    return text if _NAME.fullmatch(text) else ""


def client_id(text: str) -> str:
    """A client's id (a UUID on boards, lower-case), or "" when it is missing or no name."""
    text = text.strip()
    return text.lower() if _NAME.fullmatch(text) else ""


def new_session_id() -> str:
    """A fresh session id of [a-z0-9-]; devices put it unescaped into their JSON (PROTOCOL 2.2)."""
    return str(uuid4())
