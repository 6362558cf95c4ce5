"""Text for Prometheus from counts: pure rendering, so that it can run in a thread while the counts go on changing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family

from proxy.adapters.prometheus.table import METRICS, Metric

Labels = tuple[str, ...]


class Sample(NamedTuple):
    """One value of a metric in the table, as a part of the proxy tells it. `labels` are in the table's order."""

    name: str
    value: float
    labels: Labels = ()


class Distribution:
    """Counts of a histogram's buckets, each beside the others and not cumulated, and the sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> Distribution:
        """The counts as they are now."""
        other = Distribution(self.bounds)
        other.counts, other.total = self.counts.copy(), self.total
        return other


Snapshot = Mapping[str, Mapping[Labels, float | Distribution]]
"""Values by metric name and label values."""


def render(snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
    """The exposition and its content type, in the format that `accept` (the header) prefers. Takes about 10 us a series."""
    registry = CollectorRegistry()
    registry.register(_Once(snapshot))
    ProcessCollector(registry=registry)
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


class _Once:
    """A collector of one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def describe(self) -> Iterable[Family]:
        return ()

    def collect(self) -> Iterable[Family]:
        for metric in METRICS:
            values = self._snapshot.get(metric.name, {})
            yield _family(metric, {(): 0.0} if not values and metric.kind == "counter" and not metric.labels else values)


def _family(metric: Metric, values: Mapping[Labels, float | Distribution]) -> Family:
    family = Family(metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name, metric.help, metric.kind)
    for labels, value in values.items():
        named = dict(zip(metric.labels, labels, strict=True))
        if isinstance(value, Distribution):
            _add_buckets(family, metric.name, named, value)
        else:
            family.add_sample(metric.name, named, value)
    return family


def _add_buckets(family: Family, name: str, labels: dict[str, str], value: Distribution) -> None:
    bounds = [*map(str, value.bounds), _INFINITE]
    cumulated = list(accumulate(value.counts))
    for bound, number in zip(bounds, cumulated, strict=True):
        family.add_sample(f"{name}_bucket", {**labels, "le": bound}, number)
    family.add_sample(f"{name}_sum", labels, value.total)
    family.add_sample(f"{name}_count", labels, cumulated[-1])


_INFINITE: Final = "+Inf"
