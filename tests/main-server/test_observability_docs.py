"""docs/events.md and docs/operations.md say what the code does, no more and no less."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path
from typing import get_args

import pytest

from contracts.events import Event, SessionEvent, Stage, TurnTimings
from main_server.metrics import Metrics

DOCS = Path(__file__).parents[2] / "docs"


def named_in(text: str) -> list[str]:
    """The first column of every table in `text`."""
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def section(name: str) -> str:
    """A second-level section of docs/events.md; "" is what stands before the first."""
    sections = re.split(r"^## (\w+)$", (DOCS / "events.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(["", *sections[1::2]], sections[0::2], strict=True))[name]


def own_fields(kind: type) -> list[str]:
    shared = {field.name for field in dataclasses.fields(SessionEvent)}
    return [field.name for field in dataclasses.fields(kind) if field.name not in shared]


def test_what_every_event_has_is_documented() -> None:
    assert named_in(section("")) == [field.name for field in dataclasses.fields(SessionEvent)]


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_field_of_an_event_is_documented(kind: type) -> None:
    further = {
        "StageReached": [str(stage) for stage in Stage],
        "TurnEnded": [field.name for field in dataclasses.fields(TurnTimings)],
    }
    assert named_in(section(kind.__name__)) == own_fields(kind) + further.get(kind.__name__, [])


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    metrics = Metrics("0.1.0")
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", (DOCS / "operations.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    documented = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    built = {}
    for collector in metrics.registry._collector_to_names:
        for family in collector.collect():
            labels = tuple(getattr(collector, "_labelnames", ()))
            built[family.name] = (family.type, labels)
    built["zhiyin_queue_depth"] = ("gauge", ("queue",))
    built["zhiyin_discarded"] = ("counter", ("kind",))
    built["zhiyin_engine_breaker_state"] = ("gauge", ("port", "engine"))
    built["zhiyin_build"] = ("info", ("version",))
    if sys.platform != "linux":  # the process's own figures come from /proc
        documented = {name: row for name, row in documented.items() if not name.startswith("process_")}
    assert documented == built
