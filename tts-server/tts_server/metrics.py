"""Figures of the speech service for Prometheus, in a registry of its own. docs/wire.md lists them; a test compares."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

FIRST_CHUNK_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """No label names a caller or a voice; nothing that was said is counted but its length."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "zhiyin_speech_requests",
            "Requests for speech that ended: spoken, left (the caller), failed (the engine) or refused.",
            ("outcome",),
            registry=self.registry,
        )
        self.characters = Counter(
            "zhiyin_speech_characters", "Characters of the texts that were taken on.", registry=self.registry
        )
        self.first_chunk = Histogram(
            "zhiyin_speech_first_chunk_seconds",
            "From a request that was read to its first sound.",
            buckets=FIRST_CHUNK_BUCKETS_S,
            registry=self.registry,
        )
        self.under_way = Gauge("zhiyin_speech_under_way", "Texts being spoken now.", registry=self.registry)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type, in the dialect that an Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type
