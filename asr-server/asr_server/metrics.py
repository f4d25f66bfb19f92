"""Figures of the ears for Prometheus, in a registry of their own. docs/wire.md lists them; a test compares."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from asr_server.hearing_socket import SocketCounters


class Metrics:
    """All figures of one asr-server. No label names a session or what was said."""

    def __init__(self, counters: SocketCounters) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Figures(counters))

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type, in the dialect that an Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _Figures(Collector):
    def __init__(self, counters: SocketCounters) -> None:
        self._counters = counters

    def collect(self) -> Iterable[Metric]:
        counters = self._counters
        yield GaugeMetricFamily("zhiyin_hearing_connections", "Connected clients", counters.connections)
        yield GaugeMetricFamily("zhiyin_hearing_sessions", "Sessions with open ears", counters.sessions)
        yield CounterMetricFamily("zhiyin_hearing_packets", "Opus packets taken", counters.packets)
        yield CounterMetricFamily("zhiyin_hearing_junk", "Connections ended for junk", counters.junk)
        events = CounterMetricFamily("zhiyin_hearing_events", "Events told", labels=["kind"])
        for kind, count in counters.events.items():
            events.add_metric([kind], count)
        yield events
