"""The sentences that work without any model: the offline brain's templates, and among them the recogniser's grammar.

One file per language in hassil's intents format, written as JSON (a subset of the YAML that hassil documents), so that
reading them needs the standard library alone. A block whose metadata says `spoken` is what the built-in recogniser
listens for: few sentences, far apart in sound. The other blocks are only for text that was typed or came from a
better recogniser. Spoken blocks use a part of the template language: words, `(a|b)`, `[a|b]`, `{list}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, cast

LANGUAGES = ("en", "zh")

README_SENTENCES = (
    "what time is it",
    "who are you",
    "what can you do",
    "tell me a joke",
    "set the volume to fifty",
    "what is the weather like",
    "how much battery is left",
    "good night",
)
"""What we promise the built-in recogniser understands (docs/recogniser.md measures it)."""

_TOKEN = re.compile(r"[()\[\]|]|\{[^}]*\}|[^\s()\[\]|{}]+")


def load(language: str) -> dict[str, Any]:
    """The templates of "en" or "zh" as hassil's `Intents.from_dict` wants them. Raises KeyError for other languages."""
    if language not in LANGUAGES:
        raise KeyError(language)
    text = files(__name__).joinpath(f"{language}.json").read_text(encoding="utf-8")
    return cast(dict[str, Any], json.loads(text))


@cache
def expanded(language: str) -> tuple[str, ...]:
    """Every sentence the recogniser listens for, lower case, without doubles, in the order of the file."""
    return tuple(dict.fromkeys(sentence.lower() for sentence, _ in spoken(language)))


def spoken(language: str) -> Iterator[tuple[str, str]]:
    """(sentence, intent) for every concrete sentence of the spoken blocks."""
    templates = load(language)
    for intent, body in templates["intents"].items():
        for block in body["data"]:
            if block.get("metadata", {}).get("spoken"):
                for template in block["sentences"]:
                    for sentence in expand(template, templates["lists"]):
                        yield sentence, intent


def expand(template: str, lists: Mapping[str, Any]) -> list[str]:
    """Every sentence a template stands for. Raises ValueError for what the spoken part of the language lacks."""
    tokens = _TOKEN.findall(template)
    sentences, rest = _alternatives(tokens, lists)
    if rest:
        raise ValueError(f"unbalanced template: {template}")
    return [" ".join(sentence.split()) for sentence in sentences]


def _alternatives(tokens: list[str], lists: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Reads `a | b | c` up to a closing bracket or the end; returns what it stands for and the tokens left."""
    options: list[str] = []
    branch = [""]
    while tokens and tokens[0] not in ")]":
        token, tokens = tokens[0], tokens[1:]
        if token == "|":
            options += branch
            branch = [""]
        else:
            choices, tokens = _element(token, tokens, lists)
            branch = [f"{said} {choice}" for said in branch for choice in choices]
    return options + branch, tokens


def _element(token: str, tokens: list[str], lists: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    if token in "([":
        choices, tokens = _alternatives(tokens, lists)
        if not tokens:
            raise ValueError("a bracket is never closed")
        return ([*choices, ""] if token == "[" else choices), tokens[1:]
    if token.startswith("{"):
        name = token[1:-1].partition(":")[0]
        return [value["in"] for value in lists[name]["values"]], tokens
    return [token], tokens
