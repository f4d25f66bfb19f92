"""A provider as an engine is made of it. Two equal ones share an engine, whatever else was edited meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from main_server.conversation.cast import Price
from main_server.store.models import Provider

ASR, LLM, TTS = "asr", "llm", "tts"

PRICES = frozenset({"price_in_per_million", "price_out_per_million", "currency"})
"""Options that change nothing about the engine."""


@dataclass(frozen=True, slots=True)
class Spec:
    """`private`: it may lie in a network at home. `hurried`: another one is behind it, so it may take less time."""

    provider_id: str
    kind: str
    engine: str
    options: tuple[tuple[str, Any], ...] = ()
    secret: str = field(default="", repr=False)
    private: bool = False
    hurried: bool = False
    name: str = field(default="", compare=False)
    """What its owner calls it."""

    def option(self, name: str, default: Any = "") -> Any:
        return dict(self.options).get(name, default)

    def more(self) -> dict[str, Any]:
        """What goes into every request as it is (the option `extra`)."""
        try:
            extra = json.loads(self.option("extra") or "{}")
        except (ValueError, TypeError):
            return {}
        return extra if isinstance(extra, dict) else {}


def spec_of(provider: Provider, secret: str, *, private: bool, hurried: bool = False) -> Spec:
    """The spec of a row."""
    options = tuple(sorted((name, value) for name, value in provider.options.items() if name not in PRICES))
    return Spec(provider.id, provider.kind, provider.engine, options, secret, private, hurried, provider.name)


def price_of(options: Mapping[str, Any]) -> Price | None:
    """What a language model costs, where its owner has said so."""
    told = [options.get(name) for name in ("price_in_per_million", "price_out_per_million")]
    if told == [None, None] or not all(isinstance(each, int | float | None) for each in told):
        return None
    return Price(str(options.get("currency") or "USD"), *(float(each or 0.0) for each in told))
