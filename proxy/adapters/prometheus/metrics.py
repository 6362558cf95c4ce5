"""Counts what records say, and asks the parts of the proxy for their state when Prometheus does.

Counts are plain dictionaries: a third of the time of the client library's children, and a record touches twenty of them.
"""

from __future__ import annotations

import asyncio
import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from proxy.adapters.prometheus.exposition import Distribution, Labels, Sample, Snapshot, render
from proxy.adapters.prometheus.labels import OTHER, LabelValues
from proxy.adapters.prometheus.table import BY_NAME
from proxy.audit.record import Record

Source = Callable[[], Iterable[Sample]]
"""Tells the state of one part of the proxy, on the event loop, in well under a millisecond."""

_BOUNDS: Final = {"endpoint": 100, "model": 100, "rule": 500, "upstream": 50, "tag": 100}
_MOST_SERIES: Final = 2000
"""Of requests_total, whose labels multiply: 2,000 take 20 ms to render."""

_TOKENS: Final = ("input", "output", "cached", "reasoning", "cache_write")
_LAG_EVERY_S: Final = 0.25


class Metrics:
    """One object a process. `observe` runs on the event loop for every exchange; `exposition` answers a scrape."""

    def __init__(self, version: str) -> None:
        self._values = {label: LabelValues(most) for label, most in _BOUNDS.items()}
        self._requests: dict[Labels, float] = {}
        self._statuses: defaultdict[int, float] = defaultdict(float)
        self._levels: defaultdict[int, float] = defaultdict(float)
        self._regions: defaultdict[str, float] = defaultdict(float)
        self._hits: dict[Labels, float] = {}
        self._passes: dict[str, float] = {}
        self._denials: dict[Labels, float] = {}
        self._tokens: dict[str, list[float]] = {}
        self._sizes = [0.0, 0.0]
        self._rare: dict[str, defaultdict[Labels, float]] = defaultdict(lambda: defaultdict(float))
        self._overhead = Distribution(BY_NAME["tosproxy_overhead_seconds"].buckets)
        self._lag = Distribution(BY_NAME["tosproxy_event_loop_lag_seconds"].buckets)
        self._durations: dict[str, Distribution] = {}
        self._first_bytes: dict[str, Distribution] = {}
        self._upstream_durations: dict[str, Distribution] = {}
        self._sources: list[Source] = [lambda: (Sample("tosproxy_build_info", 1.0, (version, platform.python_version())),)]
        self._source_errors = 0

    def add_source(self, source: Source) -> None:
        """Ask `source` at every scrape. One that fails is left out and counted; the others are exported all the same."""
        self._sources.append(source)

    def know(self, label: str, values: list[str]) -> None:
        """Label values (of endpoint, model, rule, upstream) that always get a series of their own: what policies and settings name."""
        self._values[label].know(values)

    def observe(self, record: Record) -> None:
        """Count one exchange. A key that was counted before is counted at once; a new one is first bounded."""
        key = (record.endpoint, record.model, record.outcome, record.rule)
        try:
            self._requests[key] += 1.0
        except KeyError:
            self._observe_new(record, key)
        self._statuses[record.status] += 1.0
        self._levels[record.risk_level] += 1.0
        self._regions[record.geo_status] += 1.0
        self._sizes[0] += record.request_bytes
        self._sizes[1] += record.response_bytes
        if record.decide_s > 0.0:
            self._overhead.observe(record.decide_s)
        _spread(self._durations, record.outcome, record.total_s)
        if record.hits or record.limits:
            self._observe_rules(record)
        if record.upstream:
            self._observe_upstream(record)
        if not record.inspected:
            self._count("uninspected_total", self._values["endpoint"].of(record.endpoint))
        if record.unscanned_chars:
            self._count("unscanned_total", self._values["endpoint"].of(record.endpoint))

    def observe_lag(self, lag_s: float) -> None:
        """Count one delay of the event loop."""
        self._lag.observe(lag_s)

    async def watch_lag(self) -> None:
        """Sample the event loop's delay for ever; to be run as a task."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + _LAG_EVERY_S
            await asyncio.sleep(_LAG_EVERY_S)
            self.observe_lag(max(clock() - due, 0.0))

    async def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Answer to a scrape and its content type. The counts are copied here, the text is made in a thread."""
        return await asyncio.to_thread(render, self.snapshot(), accept)

    def hits(self) -> Mapping[Labels, float]:
        """How often each rule counted, by id and mode."""
        return self._hits

    def denials(self) -> Mapping[Labels, float]:
        """How often each limit denied, by id and mode."""
        return self._denials

    def snapshot(self) -> Snapshot:
        """Every value as it is now."""
        values: dict[str, dict[Labels, float | Distribution]] = {}
        for sample in self._told():
            values.setdefault(sample.name, {})[sample.labels] = sample.value
        counted = self._counted() | self._spreads() | {name: {**labelled} for name, labelled in self._rare.items()}
        counted["label_overflow_total"] = {(label,): float(known.overflowed) for label, known in self._values.items()}
        counted["source_errors_total"] = {(): float(self._source_errors)}
        return values | {f"tosproxy_{name}": each for name, each in counted.items()}

    def _counted(self) -> dict[str, dict[Labels, float | Distribution]]:
        checks = dict(self._passes)
        for (limit, _), number in self._denials.items():
            checks[limit] = checks.get(limit, 0.0) + number
        tokens = self._tokens.items()
        return {
            "requests_total": {**self._requests},
            "responses_total": {(str(status),): number for status, number in self._statuses.items()},
            "risk_requests_total": {(str(level),): number for level, number in self._levels.items()},
            "regions_total": {(status,): number for status, number in self._regions.items() if status},
            "request_bytes_total": {(): self._sizes[0]},
            "response_bytes_total": {(): self._sizes[1]},
            "rule_hits_total": {**self._hits},
            "limit_checks_total": {(limit,): number for limit, number in checks.items()},
            "limit_denials_total": {**self._denials},
            "tokens_total": {(model, kind): number for model, numbers in tokens for kind, number in zip(_TOKENS, numbers, strict=True)},
        }

    def _spreads(self) -> dict[str, dict[Labels, float | Distribution]]:
        labelled = {
            "upstream_first_byte_seconds": self._first_bytes,
            "upstream_duration_seconds": self._upstream_durations,
            "request_duration_seconds": self._durations,
        }
        spreads: dict[str, dict[Labels, float | Distribution]] = {
            name: {(label,): spread.copy() for label, spread in each.items()} for name, each in labelled.items()
        }
        spreads["overhead_seconds"] = {(): self._overhead.copy()}
        spreads["event_loop_lag_seconds"] = {(): self._lag.copy()}
        return spreads

    def _told(self) -> list[Sample]:
        told: list[Sample] = []
        for source in self._sources:
            try:
                samples = list(source())
            except Exception:  # noqa: BLE001  a part that can't tell its state must not take the other parts' metrics away
                self._source_errors += 1
                continue
            known = [sample for sample in samples if sample.name in BY_NAME and len(sample.labels) == len(BY_NAME[sample.name].labels)]
            self._source_errors += len(samples) - len(known)
            told += known
        return told

    def _count(self, name: str, *labels: str) -> None:
        self._rare[name][labels] += 1.0

    def _observe_new(self, record: Record, key: Labels) -> None:
        values = self._values
        endpoint = values["endpoint"].of(record.endpoint)
        model = values["model"].of(record.model, admit=_succeeded(record))
        key = (endpoint, model, record.outcome, values["rule"].of(record.rule))
        if key not in self._requests and len(self._requests) >= _MOST_SERIES:
            key = (endpoint, OTHER, record.outcome, OTHER)
        self._requests[key] = self._requests.get(key, 0.0) + 1.0

    def _observe_upstream(self, record: Record) -> None:
        usage = record.usage
        upstream = self._values["upstream"].of(record.upstream)
        _spread(self._upstream_durations, upstream, record.total_s - record.decide_s)
        if record.first_byte_s > 0.0:
            _spread(self._first_bytes, upstream, record.first_byte_s)
        if record.upstream_error:
            self._count("upstream_errors_total", upstream, record.upstream_error)
        if record.upstream_retries:
            self._count("upstream_retries_total", upstream)
        if usage.input_tokens or usage.output_tokens:
            tokens = self._tokens.get(record.model)
            if tokens is None:
                tokens = self._tokens.setdefault(self._values["model"].of(record.model, admit=_succeeded(record)), [0.0] * len(_TOKENS))
            tokens[0] += usage.input_tokens
            tokens[1] += usage.output_tokens
            tokens[2] += usage.cached_tokens
            tokens[3] += usage.reasoning_tokens
            tokens[4] += usage.cache_write_tokens
            if usage.estimated:
                self._count("usage_estimated_total", self._values["endpoint"].of(record.endpoint))
        elif record.model and record.outcome == "allowed" and _succeeded(record):
            self._count("usage_missing_total", self._values["endpoint"].of(record.endpoint))

    def _observe_rules(self, record: Record) -> None:
        for rule, mode, _, _ in record.hits:
            try:
                self._hits[rule, mode] += 1.0
            except KeyError:
                key = (self._values["rule"].of(rule), mode)
                self._hits[key] = self._hits.get(key, 0.0) + 1.0
        for limit, allowed, _, shadow in record.limits:
            if allowed and limit in self._passes:
                self._passes[limit] += 1.0
            else:
                self._observe_limit(self._values["rule"].of(limit), allowed=allowed, mode="shadow" if shadow else "enforce")
        if record.limits_degraded:
            self._count("limit_degraded_total")
        for parameter in record.clamped:
            self._count("clamps_total", self._values["tag"].of(parameter))
        for parameter in record.unmet:
            self._count("clamps_unmet_total", self._values["tag"].of(parameter))
        for part in record.stripped:
            self._count("strips_total", self._values["tag"].of(part))

    def _observe_limit(self, limit: str, *, allowed: bool, mode: str) -> None:
        if allowed:
            self._passes[limit] = self._passes.get(limit, 0.0) + 1.0
        else:
            self._denials[limit, mode] = self._denials.get((limit, mode), 0.0) + 1.0


def _succeeded(record: Record) -> bool:
    return 200 <= record.upstream_status < 300


def _spread(spreads: dict[str, Distribution], label: str, seconds: float) -> None:
    spread = spreads.get(label)
    if spread is None:
        spread = spreads[label] = Distribution(BY_NAME["tosproxy_request_duration_seconds"].buckets)
    spread.observe(max(0.0, seconds))
