"""A field of a form, and what may be put into it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

Value = bool | int | float | str

SECRET = "secret"
"""Name of the field that is sealed: it is no option."""

LONGEST_TEXT_CHARS = 2_000


class FieldKind(StrEnum):
    """How a field is drawn and checked."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOL = "bool"
    CHOICE = "choice"
    URL = "url"
    SECRET = "secret"
    JSON = "json"  # an object, written as text


@dataclass(frozen=True, slots=True)
class Said:
    """A text for people in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values that a field of kind `choice` may have."""

    value: str
    label: Said


@dataclass(frozen=True, slots=True)
class Field:
    """One thing an engine asks for. `default` is what holds without it; `advanced` ones are seldom touched. `schemes`
    is how an address may begin."""

    name: str
    kind: FieldKind
    label: Said
    help: Said = Said("", "")
    default: Value | None = None
    required: bool = False
    advanced: bool = False
    choices: tuple[Choice, ...] = ()
    least: float | None = None
    most: float | None = None
    schemes: tuple[str, ...] = ("http", "https")

    def fault(self, value: object) -> str:
        """What is wrong with a value, as the end of a sentence; "" = nothing. The value itself is not told."""
        match self.kind:
            case FieldKind.BOOL:
                return "" if isinstance(value, bool) else "must be true or false"
            case FieldKind.NUMBER | FieldKind.INTEGER:
                return self._number_fault(value)
            case FieldKind.CHOICE:
                allowed = [choice.value for choice in self.choices]
                return "" if value in allowed else f"must be one of {', '.join(allowed)}"
            case FieldKind.URL:
                example = f"{self.schemes[1]}://api.example.com/v1"
                return "" if _is_address(value, self.schemes) else f"must be a full address such as {example}"
            case FieldKind.JSON:
                return "" if _is_object(value) else 'must be a JSON object such as {"seed": 7}'
            case _:
                return self._text_fault(value)

    def _number_fault(self, value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return "must be a number"
        if self.kind is FieldKind.INTEGER and value != int(value):
            return "must be a whole number"
        if (self.least is not None and value < self.least) or (self.most is not None and value > self.most):
            return f"must be {_range(self.least, self.most)}"
        return ""

    def _text_fault(self, value: object) -> str:
        if not isinstance(value, str):
            return "must be a text"
        if self.required and not value.strip():
            return "must not be empty"
        return "" if len(value) <= LONGEST_TEXT_CHARS else f"is longer than {LONGEST_TEXT_CHARS} characters"


@dataclass(frozen=True, slots=True)
class Address:
    """A server that many people use: a name, where it is, models it is known to have."""

    label: Said
    url: str
    models: tuple[str, ...] = ()
    wants_key: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """All that the engine `engine` of a kind asks for."""

    kind: str
    engine: str
    label: Said
    help: Said = Said("", "")
    fields: tuple[Field, ...] = ()
    addresses: tuple[Address, ...] = ()

    @property
    def options(self) -> Mapping[str, Field]:
        """The fields that are options."""
        return {field.name: field for field in self.fields if field.name != SECRET}

    def fault(self, options: Mapping[str, object]) -> str:
        """The first thing wrong with a provider's options, as a sentence; "" = they are good."""
        known = self.options
        for name, value in options.items():
            if name not in known:
                there = ", ".join(known) or "none"
                return f"{name} is no option of this engine; there are: {there}."
            if fault := known[name].fault(value):
                return f"{name} {fault}."
        for name, field in known.items():
            if field.required and name not in options:
                return f"{name} is missing."
        return ""


def _is_address(value: object, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(str(value))
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_object(value: object) -> bool:
    try:
        return isinstance(value, str) and isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        return False


def _range(least: float | None, most: float | None) -> str:
    if least is None or most is None:
        return f"at least {least:g}" if least is not None else f"at most {most:g}"
    return f"from {least:g} to {most:g}"
