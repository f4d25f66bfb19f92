"""Figures for Prometheus, drawn from the events of sessions and from callbacks asked at each scrape.

Labels come from small sets of our own; engine and error names, which others may extend, are cut off at a number of
values. No label ever names a device, a session or a person. docs/operations.md lists every metric; a test compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contracts.events import (
    ConversationSummarised,
    DraftEnded,
    DraftResult,
    Event,
    Outcome,
    SessionClosed,
    SessionOpened,
    Stage,
    StageReached,
    TurnEnded,
    TurnTimings,
)

STAGE_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
INTERRUPTION_BUCKETS_S = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.8, 1.0)
LAG_BUCKETS_S = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

STAGES: dict[str, Callable[[TurnTimings], float | None]] = {
    "silence": lambda timings: timings.silence_ms,
    "transcribe": lambda timings: timings.transcribe_ms,
    "transcribe_wait": lambda timings: timings.transcribe_wait_ms,
    "draft_lead": lambda timings: timings.draft_lead_ms,
    "first_token": lambda timings: timings.first_token_ms,
    "first_clause": lambda timings: timings.first_clause_ms,
    "first_speech": lambda timings: timings.first_speech_ms,
    "first_sound": lambda timings: timings.first_sound_ms,
    "speech_end_to_sound": lambda timings: timings.speech_end_to_sound_ms,
    "filler": lambda timings: timings.filler_ms,
    "stop_heard": lambda timings: timings.stop_heard_ms,
}
"""Label `stage` of the stage histogram, and the timing behind it."""

MAX_LABEL_VALUES = 64
OTHER = "other"


class LabelValues:
    """Lets the first `limit` different values of a label through; every later one is "other"."""

    def __init__(self, limit: int = MAX_LABEL_VALUES) -> None:
        self._limit = limit
        self._values: set[str] = set()

    def __call__(self, value: str) -> str:
        if value in self._values:
            return value
        if len(self._values) >= self._limit:
            return OTHER
        self._values.add(value)
        return value


class Metrics:
    """All figures of one process, in a registry of its own. `on_event` is an EventSink."""

    def __init__(self, version: str = "") -> None:
        self.registry = CollectorRegistry()
        self._asked = _Asked()
        self.registry.register(self._asked)
        ProcessCollector(registry=self.registry)
        Info("zhiyin_build", "This program.", registry=self.registry).info({"version": version})
        self._stages = Histogram(
            "zhiyin_turn_stage_seconds",
            "Time of a turn until each stage, counted from the committed utterance (0 where a draft was there before); "
            "silence, transcribe and draft_lead by themselves, speech_end_to_sound from the true end of speech.",
            ("stage",),
            buckets=STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self._by_stage = [(self._stages.labels(stage), timing) for stage, timing in STAGES.items()]
        self._turns = self._counter("zhiyin_turns", "Turns that ended.", "outcome", "error_code", "trigger")
        self._tokens = self._counter("zhiyin_tokens", "Tokens of language models.", "kind")
        self._drafts = self._counter("zhiyin_drafts", "Replies begun at a pause, by what became of them.", "result")
        self._wasted = self._counter("zhiyin_draft_wasted_tokens", "Tokens of drafts that were thrown away.", "kind")
        self._won = Histogram(
            "zhiyin_draft_won_seconds",
            "What a turn did not have to wait for, because it adopted a draft.",
            buckets=STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self._opened = self._counter("zhiyin_sessions_opened", "Sessions opened.", "transport")
        self._closed = self._counter("zhiyin_sessions_closed", "Sessions closed.", "reason")
        self._failures = self._counter("zhiyin_engine_failures", "Turns that ended in an apology.", "engine", "code")
        self._sessions = self._gauge("zhiyin_sessions", "Sessions open now.")
        self._under_way = self._gauge("zhiyin_turns_under_way", "Turns being answered now.")
        self._lag_now = self._gauge("zhiyin_event_loop_lag_seconds", "How late the event loop was the last time.")
        self._lags = Histogram(
            "zhiyin_event_loop_delay_seconds",
            "How late the event loop was, asked ten times a second.",
            buckets=LAG_BUCKETS_S,
            registry=self.registry,
        )
        self._interruptions = self._counter("zhiyin_interruptions", "Speech over a reply in realtime mode.", "outcome")
        self._holds = Histogram(
            "zhiyin_interruption_seconds",
            "How long a reply was held until it was resumed, or stopped by a confirmed interruption.",
            ("outcome",),
            buckets=INTERRUPTION_BUCKETS_S,
            registry=self.registry,
        )
        self._label = {name: LabelValues() for name in ("error_code", "trigger", "transport", "reason", "engine")}
        self._open: set[str] = set()
        self._turn_of: dict[str, str] = {}
        self._blamed: dict[str, str] = {}
        self._sessions.set_function(lambda: len(self._open))
        self._under_way.set_function(lambda: len(self._turn_of))

    def on_event(self, event: Event) -> None:
        """Counts an event. Never blocks, never raises."""
        match event:
            case StageReached():
                self._stage_reached(event)
            case TurnEnded():
                self._turn_ended(event)
            case DraftEnded():
                self._draft_ended(event)
            case ConversationSummarised():
                self._count_tokens(event)
            case SessionOpened():
                self._open.add(event.session_id)
                self._opened.labels(self._label["transport"](event.transport)).inc()
            case SessionClosed():
                self._open.discard(event.session_id)
                self._turn_of.pop(event.session_id, None)
                self._blamed.pop(event.session_id, None)
                self._closed.labels(self._label["reason"](event.reason)).inc()

    def observe_lag(self, lag_s: float) -> None:
        """Takes one measurement of loop_lag.watch_loop_lag."""
        self._lag_now.set(lag_s)
        self._lags.observe(lag_s)

    def register_depth(self, queue: str, depth: Callable[[], float]) -> None:
        """`depth` is asked at each scrape how many entries wait in `queue`; the same name again replaces it."""
        self._asked.depths[queue] = depth

    def register_count(self, kind: str, count: Callable[[], float]) -> None:
        """`count` is asked at each scrape how many things of `kind` ("junk_frames", ...) were ever thrown away."""
        self._asked.counts[kind] = count

    def register_breaker(self, port: str, engine: str, state: Callable[[], float]) -> None:
        """`state` is asked at each scrape: 0 = the engine is asked, 1 = it is being tried, 2 = it is left alone."""
        self._asked.breakers[port, engine] = state

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type, in the dialect that an Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _stage_reached(self, event: StageReached) -> None:
        if event.stage is Stage.HEARD and event.turn_id:
            self._turn_of[event.session_id] = event.turn_id
        elif event.stage is Stage.APOLOGISED:
            self._blamed[event.session_id] = event.detail
        elif event.stage in (Stage.HELD, Stage.RESUMED, Stage.CONFIRMED, Stage.DISREGARDED):
            self._interruptions.labels(event.stage).inc()
            if event.since_held_ms is not None:
                self._holds.labels(event.stage).observe(event.since_held_ms / 1000)

    def _turn_ended(self, event: TurnEnded) -> None:
        self._turn_of.pop(event.session_id, None)
        blamed = self._blamed.pop(event.session_id, "")
        error_code = self._label["error_code"](event.error_code)
        self._turns.labels(event.outcome, error_code, self._label["trigger"](event.trigger)).inc()
        if event.error_code and event.outcome is Outcome.FAILED:
            self._failures.labels(self._label["engine"](blamed), error_code).inc()
        self._count_tokens(event)
        for stage, timing in self._by_stage:
            taken_ms = timing(event.timings)
            if taken_ms is not None:
                stage.observe(max(0.0, taken_ms) / 1000)

    def _count_tokens(self, event: TurnEnded | ConversationSummarised) -> None:
        self._tokens.labels("prompt").inc(event.prompt_tokens)
        self._tokens.labels("completion").inc(event.completion_tokens)

    def _draft_ended(self, event: DraftEnded) -> None:
        self._drafts.labels(event.result).inc()
        if event.result is DraftResult.ADOPTED:
            self._won.observe(event.won_ms / 1000)
        else:
            self._wasted.labels("prompt").inc(event.prompt_tokens)
            self._wasted.labels("completion").inc(event.completion_tokens)

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(name, says, labels, registry=self.registry)

    def _gauge(self, name: str, says: str) -> Gauge:
        return Gauge(name, says, registry=self.registry)


class _Asked(Collector):
    """Figures that others keep, asked when somebody wants to see them."""

    def __init__(self) -> None:
        self.depths: dict[str, Callable[[], float]] = {}
        self.counts: dict[str, Callable[[], float]] = {}
        self.breakers: dict[tuple[str, str], Callable[[], float]] = {}

    def collect(self) -> Iterable[Metric]:
        depths = GaugeMetricFamily("zhiyin_queue_depth", "Entries that wait in a queue.", labels=("queue",))
        for queue, depth in self.depths.items():
            depths.add_metric((queue,), depth())
        counts = CounterMetricFamily("zhiyin_discarded", "Things thrown away, by kind.", labels=("kind",))
        for kind, count in self.counts.items():
            counts.add_metric((kind,), count())
        breakers = GaugeMetricFamily(
            "zhiyin_engine_breaker_state", "0 asked, 1 being tried, 2 left alone.", labels=("port", "engine")
        )
        for named, state in self.breakers.items():
            breakers.add_metric(named, state())
        return depths, counts, breakers
