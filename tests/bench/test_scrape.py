"""What the benchmark reads of a server's /metrics."""

from __future__ import annotations

from bench.scrape import Scrape, read

from contracts.events import DraftEnded, DraftResult
from main_server.metrics import Metrics


def scraped(metrics: Metrics) -> Scrape:
    return read(metrics.render()[0].decode())


def draft(result: DraftResult) -> DraftEnded:
    return DraftEnded(
        at_s=0.0, device_id="d", session_id="s", result=result, lead_ms=1.0, won_ms=1.0, prompt_tokens=7,
        completion_tokens=3,
    )  # fmt: skip


def test_only_the_window_counts_for_how_late_the_loop_was() -> None:
    metrics = Metrics()
    for _ in range(50):
        metrics.observe_lag(0.4)
    before = scraped(metrics)
    for lag_s in [0.0004] * 97 + [0.011] * 2 + [0.2]:
        metrics.observe_lag(lag_s)
    window = scraped(metrics).since(before)
    assert window.late_ms(50) == 1.0
    assert window.late_ms(99) == 15.0
    assert window.late_ms(100) == 250.0


def test_a_window_without_a_look_at_the_loop_has_no_figure() -> None:
    now = scraped(Metrics())
    assert now.since(now).late_ms(99) is None


def test_drafts_are_counted_by_what_became_of_them() -> None:
    metrics = Metrics()
    metrics.on_event(draft(DraftResult.ADOPTED))
    before = scraped(metrics)
    metrics.on_event(draft(DraftResult.ADOPTED))
    metrics.on_event(draft(DraftResult.CHANGED))
    drafts = scraped(metrics).since(before).drafts
    assert (drafts["adopted"], drafts["changed"], drafts["wasted"]) == (1, 1, 10)
