"""Kinds of values that requests carry, checked once: keys, names, texts that every database takes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from main_server.store.models import NAME_CHARS
from main_server.store.opaque import SECRET_BYTES


def _storable(text: str) -> str:
    if any(ord(character) < 32 and character not in "\n\t" for character in text):
        raise ValueError("it holds control characters")
    return text


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds characters that cannot be seen")
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=NAME_CHARS), AfterValidator(_one_line)]
"""A short text in one line."""

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_CHARS), AfterValidator(_one_line)
]
"""A short text in one line, not empty."""

Text = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_storable)]
"""A longer text."""

Saying = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000), AfterValidator(_storable)
]
"""A longer text that says something."""

Language = Annotated[str, StringConstraints(pattern="^([A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3})?$")]
"""A language as BCP 47 names it, such as zh-CN; "" = whatever is spoken."""

AccountName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), AfterValidator(_one_line)
]
Password = Annotated[str, StringConstraints(min_length=8, max_length=256)]
"""A new password."""

GivenPassword = Annotated[str, StringConstraints(max_length=256)]
"""A password to be compared: rules for new ones do not count."""

Secret = Annotated[str, StringConstraints(min_length=SECRET_BYTES, max_length=256)]
"""What an invitation's link carries."""

Key = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
"""The key of another row."""

RowId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="The row's key.")]


class Body(BaseModel):
    """What a request carries: unknown members are refused, for they are most likely misspelt."""

    model_config = ConfigDict(extra="forbid")
