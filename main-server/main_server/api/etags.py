"""Edits of one thing by two people: the second is told. The ETag is the row's version."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header, Response

from main_server.api.problems import Problem, changed_meanwhile

IfMatch = Annotated[str, Header(description='The ETag of what is edited, such as "3", or * for whatever it is now.')]


def mark(response: Response, version: int) -> None:
    """Tells the version with the answer."""
    response.headers["etag"] = f'"{version}"'


def expect(if_match: str, version: int) -> None:
    """Raises Problem unless the caller edits the newest version."""
    if not if_match:
        raise Problem(428, "etag_missing", "If-Match is missing: send the ETag that came with what you edit.")
    named = re.findall(r'"([^"]*)"', if_match)
    if if_match.strip() != "*" and str(version) not in named:
        raise changed_meanwhile()
