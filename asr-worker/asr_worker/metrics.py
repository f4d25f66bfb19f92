"""Figures of the speech worker for Prometheus, in a registry of their own. docs/wire-jobs.md lists them."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

JOB_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """No label names a caller or what was said."""

    def __init__(self, connections: Callable[[], float] = lambda: 0.0) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._jobs = Counter(
            "zhiyin_jobs",
            "Jobs that ended: done, failed, refused (full) or cancelled (by the caller).",
            ("kind", "outcome"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "zhiyin_job_seconds",
            "From a job that was read to its answer.",
            buckets=JOB_BUCKETS_S,
            registry=self.registry,
        )
        self.under_way = Gauge("zhiyin_jobs_under_way", "Jobs being done or waiting now.", registry=self.registry)
        callers = Gauge("zhiyin_job_connections", "Connected callers.", registry=self.registry)
        callers.set_function(connections)

    def job_ended(self, kind: str, outcome: str, took_s: float) -> None:
        """`kind` is one of contracts.jobs.KINDS."""
        self._jobs.labels(kind, outcome).inc()
        if outcome == "done":
            self._seconds.observe(took_s)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type, in the dialect that an Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type
