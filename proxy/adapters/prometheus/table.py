"""Every metric the proxy exports: name, type, labels, meaning. Exposition, documentation, dashboards and tests are made from this table."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]

OVERHEAD_BUCKETS_S: Final = (0.0001, 0.00025, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.025, 0.1)
LATENCY_BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
LAG_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metric(NamedTuple):
    """One row of the table. `name` is the series' name as Prometheus sees it; a histogram's series add _bucket, _sum and _count."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"tosproxy_{name}", "counter", labels, text)


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"tosproxy_{name}", "gauge", labels, text)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(f"tosproxy_{name}", "histogram", labels, text, buckets)


EXCHANGE_METRICS: Final = (
    _counter(
        "requests_total", "Exchanges, by what became of them and the rule or limit that decided.", "endpoint", "model", "outcome", "rule"
    ),
    _counter("responses_total", "Answers by HTTP status.", "status"),
    _counter("request_bytes_total", "Bytes of request bodies received."),
    _counter("response_bytes_total", "Bytes of response bodies sent."),
    _histogram("overhead_seconds", "Own time from headers read to the request sent on, without waiting for the body.", OVERHEAD_BUCKETS_S),
    _histogram(
        "request_duration_seconds", "Time from the first byte of the request to the end of the answer.", LATENCY_BUCKETS_S, "outcome"
    ),
    _histogram("upstream_first_byte_seconds", "Time from the request sent on to the upstream's first byte.", LATENCY_BUCKETS_S, "upstream"),
    _histogram("upstream_duration_seconds", "Time from the request sent on to the end of the answer.", LATENCY_BUCKETS_S, "upstream"),
    _counter("upstream_errors_total", "Upstreams that couldn't be reached, broke the protocol or were too slow.", "upstream", "kind"),
    _counter("upstream_retries_total", "Requests sent again on a fresh connection after a keep-alive race.", "upstream"),
    _counter(
        "tokens_total",
        "Tokens by kind: input, output, cached and cache_write (parts of input), reasoning (part of output).",
        "model",
        "kind",
    ),
    _counter("usage_missing_total", "Successful answers to model calls without any token count.", "endpoint"),
    _counter("usage_estimated_total", "Answers whose tokens were counted by our own estimate.", "endpoint"),
    _counter("uninspected_total", "Requests passed without a reader, as a policy allows.", "endpoint"),
    _counter("unscanned_total", "Requests with text in which no pattern was looked for, since the prompt was too long.", "endpoint"),
    _counter("rule_hits_total", "Rules that matched, by how they counted: enforce, shadow, waived, sampled_out, error.", "rule", "mode"),
    _counter("limit_checks_total", "Requests that a limit was asked about.", "limit"),
    _counter("limit_denials_total", "Requests over a limit, by mode: enforce refused them, shadow would have.", "limit", "mode"),
    _counter("limit_degraded_total", "Requests whose limits were decided without the shared store."),
    _counter("clamps_total", "Parameters lowered by policy.", "parameter"),
    _counter(
        "clamps_unmet_total",
        "Parameters that policy bounds and that went out above it, since the model takes none or none as low.",
        "parameter",
    ),
    _counter("strips_total", "Parts removed from answers by policy.", "part"),
    _counter("regions_total", "Look-ups of the caller's region by result: ok, unknown, private, stale, error.", "status"),
    _counter("risk_requests_total", "Requests by the standing of their account on the risk ladder.", "level"),
    _counter("label_overflow_total", "Observations filed under other because a label had too many values.", "label"),
)
"""Made from records."""

STATE_METRICS: Final = (
    _gauge("build_info", "The running version.", "version", "python"),
    _gauge("ready", "1 while the proxy accepts traffic."),
    _gauge("open_requests", "Exchanges under way, streams included."),
    _gauge("connections", "Client connections open."),
    _counter(
        "connections_refused_total",
        "Connections closed unserved: limit (listen.max_connections are open), preface (no PROXY protocol header, or a broken one).",
        "reason",
    ),
    _histogram("event_loop_lag_seconds", "Delays of the event loop, sampled.", LAG_BUCKETS_S),
    _gauge("policy_info", "The policies in force.", "revision"),
    _gauge("policy_rules", "Rules and limits in force, by mode.", "mode"),
    _gauge("policy_loaded_timestamp_seconds", "When the policies in force were loaded."),
    _gauge("policy_reload_ok", "0 while files on disk can't be loaded and the last good policies stay in force."),
    _counter("policy_reloads_total", "Attempts to load changed policies, by result: ok, failed.", "result"),
    _gauge("policy_reload_duration_seconds", "Time the last load took."),
    _gauge("policy_expired", "Rules and waivers whose last day has passed: they do nothing any more."),
    _gauge("accounts_listed", "Accounts in the accounts file."),
    _gauge("accounts_reload_ok", "0 while the accounts file on disk can't be used and the last good one stays in force."),
    _counter("account_attributes_unreadable_total", "Attributes in headers of a trusted gateway that couldn't be read.", "attribute"),
    _gauge("token_keys_ok", "0 while the key set on disk can't be used and the last good one stays in force."),
    _counter("tokens_refused_total", "Tokens that weren't believed, by reason.", "reason"),
    _gauge("database_build_timestamp_seconds", "When a region database was built.", "database"),
    _gauge("database_age_seconds", "Age of a region database's data.", "database"),
    _gauge("database_ok", "0 while a region database on disk can't be used and the last good one stays in force.", "database"),
    _gauge("limit_store_degraded", "1 while the shared limit store is lost and this process decides alone."),
    _counter("limit_store_failures_total", "Calls that the shared limit store didn't answer in time."),
    _counter("limit_store_dropped_total", "Corrections and ended leases that never reached the shared store."),
    _gauge("limit_keys", "Limit keys held in memory."),
    _gauge("limit_open_leases", "Concurrency leases held in memory."),
    _counter("limit_overflow_total", "Spends counted in a shared bucket because the key table was full."),
    _counter("source_errors_total", "Parts that failed to tell their state, or told an unknown metric."),
    _counter("records_written_total", "Records written to the log."),
    _counter("records_dropped_total", "Records lost, by reason: queue (it was full), write (the disk refused).", "reason"),
    _gauge("records_waiting", "Records waiting for the writer."),
)
"""Asked of the parts when scraped."""

DETECTION_METRICS: Final = (
    _gauge("detection_accounts", "Accounts by their standing on the risk ladder.", "level"),
    _gauge("detection_campaigns", "Groups of accounts that are followed, by state: candidate, confirmed as a campaign.", "state"),
    _gauge("detection_campaign_accounts", "Accounts that are members of a campaign."),
    _counter("detection_campaigns_found_total", "Campaigns that became confirmed."),
    _gauge("detection_evidence_accounts", "Accounts with evidence of a family.", "family"),
    _gauge("detection_time_to_detection_seconds", "From when a campaign was first a candidate to its confirmation, for the latest one."),
    _gauge("detection_index_entries", "Entries in an index of the detector.", "index"),
    _gauge("detection_index_capacity", "Entries that an index of the detector can hold.", "index"),
    _counter("detection_evictions_total", "Entries forgotten for want of room.", "index"),
    _gauge("detection_brake", "1 while the brake lowers the ladder because too many accounts would be punished."),
    _counter("detection_observations_total", "Exchanges that the detector observed."),
    _counter("detection_observe_seconds_total", "CPU time spent observing exchanges."),
    _gauge("detection_sweep_seconds", "Time the last search for campaigns took."),
)
"""Asked of the detector when scraped; absent without one."""

METRICS: Final = EXCHANGE_METRICS + STATE_METRICS + DETECTION_METRICS
BY_NAME: Final = {metric.name: metric for metric in METRICS}
