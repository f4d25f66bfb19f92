"""What the server tells of itself on /metrics, and how that changed between two looks."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

Name = TypeVar("Name")

_DRAFTS = re.compile(r'^zhiyin_drafts_total\{result="(\w+)"\} (\S+)$', re.MULTILINE)
_WASTED = re.compile(r'^zhiyin_draft_wasted_tokens_total\{kind="\w+"\} (\S+)$', re.MULTILINE)
_LATE = re.compile(r'^zhiyin_event_loop_delay_seconds_bucket\{le="(\S+)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Scrape:
    """Counts since the server began, or of the time between two scrapes."""

    drafts: Counter[str] = field(default_factory=Counter)
    """What became of the drafts, and under "wasted" the tokens of those thrown away."""

    late: Counter[float] = field(default_factory=Counter)
    """How often the event loop was at most so many seconds late."""

    def since(self, before: Scrape) -> Scrape:
        return Scrape(_less(self.drafts, before.drafts), _less(self.late, before.late))

    def late_ms(self, percent: float) -> float | None:
        """The least bound known that so many of a hundred looks at the event loop's lateness kept to."""
        looks = self.late[float("inf")]
        kept = (bound_s for bound_s in sorted(self.late) if self.late[bound_s] >= looks * percent / 100)
        return next(kept) * 1000 if looks else None


def read(page: str) -> Scrape:
    """The scrape in an exposition."""
    drafts = Counter({name: int(float(count)) for name, count in _DRAFTS.findall(page)})
    drafts["wasted"] = sum(int(float(count)) for count in _WASTED.findall(page))
    return Scrape(drafts, Counter({float(bound_s): int(float(count)) for bound_s, count in _LATE.findall(page)}))


async def scrape(url: str) -> Scrape:
    """Asks the server at `url` now."""
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        return read((await client.get(f"{url}/metrics")).text)


def _less(counts: Counter[Name], before: Counter[Name]) -> Counter[Name]:
    return Counter({name: count - before[name] for name, count in counts.items()})
