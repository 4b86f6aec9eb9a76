"""Counts for Prometheus: kept as plain numbers while requests pass, put into words when asked."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from asof.engine.live.answers import Answer, Figure, Live
from asof.faces.http.gate import Gate

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
BOUNDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
)  # fmt: skip
"""Upper bounds of the latency histogram, in seconds."""


class Measures:
    """What passed through the doors."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = defaultdict(int)
        self.seconds: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS) + 1))
        self.total: dict[str, float] = defaultdict(float)
        self.predictions: dict[str, int] = defaultdict(int)
        self.fallbacks = 0
        self.unrecorded = 0
        self.left = 0

    def passed(self, endpoint: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self.requests[endpoint, status] += 1
        self.seconds[endpoint][bisect_left(BOUNDS, seconds)] += 1
        self.total[endpoint] += seconds

    def answered(self, answers: Sequence[Answer]) -> None:
        """Predictions were given."""
        for answer in answers:
            self.predictions[answer.model] += 1
            if answer.fallback:
                self.fallbacks += 1
            if not answer.recorded:
                self.unrecorded += 1


class Exposition:
    """All figures of a running system in Prometheus's text format."""

    def __init__(self, measures: Measures, gate: Gate, live: Live, about: dict[str, str]) -> None:
        self._measures = measures
        self._gate = gate
        self._live = live
        self._about = about
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)  # memory, processor, open files

    def text(self) -> bytes:
        """The figures now."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The figures as the library's metric families."""
        yield from self._own()
        yield from engine_families(self._live.figures())

    def _own(self) -> Iterator[Metric]:
        m, gate = self._measures, self._gate
        yield InfoMetricFamily("asof_build", "The system that is served.", value=self._about)
        ready, _ = self._live.ready()
        yield GaugeMetricFamily("asof_ready", "Whether requests are answered.", value=int(ready))
        requests = CounterMetricFamily(
            "asof_requests", "HTTP requests answered.", labels=["endpoint", "status"]
        )
        for (endpoint, status), count in [*m.requests.items()]:
            requests.add_metric([endpoint, str(status)], count)
        yield requests
        yield self._latency()
        yield _counter("asof_predictions", "Predictions by fitted model.", "model", m.predictions)
        yield CounterMetricFamily(
            "asof_fallbacks", "Predictions by the declared fallback.", value=m.fallbacks
        )
        yield CounterMetricFamily(
            "asof_unrecorded", "Predictions that could not be recorded.", value=m.unrecorded
        )
        yield GaugeMetricFamily(
            "asof_requests_under_way", "Requests under way.", value=len(gate.flights)
        )
        yield GaugeMetricFamily(
            "asof_bodies_under_way_bytes", "Bytes of their bodies.", value=gate.pending_bytes
        )
        yield CounterMetricFamily(
            "asof_requests_turned_away", "Requests answered 503 at once.", value=gate.turned_away
        )
        yield CounterMetricFamily(
            "asof_requests_left", "Requests whose client left before the answer.", value=m.left
        )

    def _latency(self) -> Metric:
        family = HistogramMetricFamily(
            "asof_request_duration_seconds", "From a request's head to its answer.",
            labels=["endpoint"],
        )  # fmt: skip
        for endpoint, counts in [*self._measures.seconds.items()]:
            below, buckets = 0, list[tuple[str, float]]()
            for bound, count in zip((*BOUNDS, float("inf")), counts, strict=True):
                below += count
                buckets.append(("+Inf" if bound == float("inf") else repr(bound), below))
            family.add_metric([endpoint], buckets, self._measures.total[endpoint])
        return family


def engine_families(figures: Iterable[Figure]) -> Iterator[Metric]:
    """The engine's figures, those of one name in one family."""
    families: dict[str, Any] = {}
    for figure in figures:
        family = families.get(figure.name)
        if family is None:
            kind = CounterMetricFamily if figure.grows else GaugeMetricFamily
            family = families[figure.name] = kind(
                f"asof_{figure.name}", figure.meaning, labels=list(figure.labels)
            )
        family.add_metric(list(figure.labels.values()), figure.value)
    yield from families.values()


def _counter(name: str, meaning: str, label: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=[label])
    for value, count in [*counts.items()]:
        family.add_metric([value], count)
    return family
