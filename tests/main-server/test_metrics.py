"""The figures are those of the events, and their labels stay few."""

from __future__ import annotations

import asyncio
import time

from contracts.events import DraftResult, Outcome, Stage, TurnTimings
from fakes.happenings import closed, draft, ended, opened, stage, summed_up
from main_server.loop_lag import watch_loop_lag
from main_server.metrics import MAX_LABEL_VALUES, Metrics


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_turn_s_timings_become_seconds_of_its_stages() -> None:
    metrics = Metrics()
    metrics.on_event(ended(timings=TurnTimings(silence_ms=240.0, first_sound_ms=310.0)))
    assert sample(metrics, "zhiyin_turn_stage_seconds_sum", stage="silence") == 0.24
    assert sample(metrics, "zhiyin_turn_stage_seconds_bucket", stage="silence", le="0.2") == 0
    assert sample(metrics, "zhiyin_turn_stage_seconds_bucket", stage="silence", le="0.3") == 1
    assert sample(metrics, "zhiyin_turn_stage_seconds_count", stage="first_token") == 0


def test_turns_are_counted_by_outcome_error_and_trigger() -> None:
    metrics = Metrics()
    metrics.on_event(ended(prompt_tokens=10, completion_tokens=4))
    metrics.on_event(stage(Stage.APOLOGISED, detail="openai"))
    metrics.on_event(ended(outcome=Outcome.FAILED, error_code="engine_timeout", trigger="text"))
    labels = {"outcome": "failed", "error_code": "engine_timeout", "trigger": "text"}
    assert sample(metrics, "zhiyin_turns_total", **labels) == 1
    assert sample(metrics, "zhiyin_turns_total", outcome="completed", error_code="", trigger="speech") == 1
    assert sample(metrics, "zhiyin_engine_failures_total", engine="openai", code="engine_timeout") == 1
    assert sample(metrics, "zhiyin_tokens_total", kind="prompt") == 10


def test_sessions_and_turns_under_way_go_up_and_come_down() -> None:
    metrics = Metrics()
    metrics.on_event(opened("s1"))
    metrics.on_event(opened("s2"))
    metrics.on_event(stage(Stage.SPEECH_STARTED, "s1", turn_id=""))
    metrics.on_event(stage(Stage.HEARD, "s1"))
    metrics.on_event(stage(Stage.HEARD, "s2", turn_id="s2-1"))
    assert (sample(metrics, "zhiyin_sessions"), sample(metrics, "zhiyin_turns_under_way")) == (2, 2)
    metrics.on_event(ended("s1"))
    metrics.on_event(closed("s2", reason="idle"))
    metrics.on_event(closed("s2", reason="idle"))
    assert (sample(metrics, "zhiyin_sessions"), sample(metrics, "zhiyin_turns_under_way")) == (1, 0)
    assert sample(metrics, "zhiyin_sessions_closed_total", reason="idle") == 2


def test_names_others_choose_cannot_fill_the_memory() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.on_event(ended(error_code=f"code_{number}", outcome=Outcome.FAILED))
    series = metrics.render()[0].decode().count("\nzhiyin_turns_total{")
    assert series == MAX_LABEL_VALUES + 1
    assert sample(metrics, "zhiyin_turns_total", outcome="failed", error_code="other", trigger="speech") == 936


def test_no_device_and_no_word_is_in_the_exposition() -> None:
    metrics = Metrics("0.1.0")
    for event in (opened(), stage(Stage.HEARD), ended(), closed()):
        metrics.on_event(event)
    text = metrics.render()[0].decode()
    assert "zhiyin_turns_total" in text
    for secret in ("aa:bb:cc", "s1-1", "what time", "noon", "c1"):
        assert secret not in text


def test_depths_and_counts_are_asked_when_somebody_looks() -> None:
    metrics = Metrics()
    waiting = [3]
    metrics.register_depth("recorder", lambda: waiting[0])
    metrics.register_count("junk_frames", lambda: 7)
    assert sample(metrics, "zhiyin_queue_depth", queue="recorder") == 3
    waiting[0] = 5
    assert sample(metrics, "zhiyin_queue_depth", queue="recorder") == 5
    assert sample(metrics, "zhiyin_discarded_total", kind="junk_frames") == 7


def test_two_servers_in_one_process_do_not_share_figures() -> None:
    first, second = Metrics(), Metrics()
    first.on_event(ended())
    assert sample(second, "zhiyin_turns_total", outcome="completed", error_code="", trigger="speech") is None


async def test_a_blocked_loop_shows_in_its_lag() -> None:
    metrics = Metrics()
    lags: list[float] = []
    observed = asyncio.Event()

    def observe(lag_s: float) -> None:
        lags.append(lag_s)
        metrics.observe_lag(lag_s)
        observed.set()

    watching = asyncio.create_task(watch_loop_lag(observe, every_s=0.01))
    async with asyncio.timeout(20):
        await observed.wait()  # so that the watcher has just begun to wait for its next moment
        observed.clear()
        time.sleep(0.1)  # noqa: ASYNC251 - blocking the loop is what is tested
        await observed.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert lags[1] > 0.05
    assert sample(metrics, "zhiyin_event_loop_delay_seconds_count") == len(lags)


def test_drafts_are_counted_with_the_time_they_won_and_the_tokens_they_wasted() -> None:
    metrics = Metrics()
    metrics.on_event(draft(DraftResult.ADOPTED, won_ms=120.0))
    metrics.on_event(draft(DraftResult.RESUMED))
    assert sample(metrics, "zhiyin_drafts_total", result="adopted") == 1
    assert sample(metrics, "zhiyin_drafts_total", result="resumed") == 1
    assert sample(metrics, "zhiyin_draft_won_seconds_sum") == 0.12
    assert sample(metrics, "zhiyin_draft_wasted_tokens_total", kind="prompt") == 30
    assert sample(metrics, "zhiyin_draft_wasted_tokens_total", kind="completion") == 5


def test_a_stage_that_a_draft_had_reached_before_the_commit_took_no_time() -> None:
    metrics = Metrics()
    metrics.on_event(ended(timings=TurnTimings(first_token_ms=-80.0)))
    assert sample(metrics, "zhiyin_turn_stage_seconds_sum", stage="first_token") == 0
    assert sample(metrics, "zhiyin_turn_stage_seconds_count", stage="first_token") == 1


def test_the_tokens_of_a_summary_are_counted_too() -> None:
    metrics = Metrics()
    metrics.on_event(summed_up("s1-1", "They met."))
    assert sample(metrics, "zhiyin_tokens_total", kind="prompt") == 200
