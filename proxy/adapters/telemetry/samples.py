"""Parts of the proxy tell their state to Prometheus: one function a part, each a Source of samples named in the metrics table."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping

from proxy.adapters.accounts.file import AccountsFile
from proxy.adapters.accounts.sources import AccountSources
from proxy.adapters.accounts.tokens import TokenAccounts
from proxy.adapters.audit_log import AuditLog
from proxy.adapters.geo import GeoDatabases
from proxy.adapters.memory_store import MemoryStore
from proxy.adapters.policy_folder import PolicyFolder
from proxy.adapters.prometheus import Sample
from proxy.adapters.redis_store import RedisStore
from proxy.adapters.traffic.listener import Listener
from proxy.detection.detector import Detector
from proxy.limits.ask import LimitStore

_ENTRIES: Mapping[str, str] = {"accounts": "accounts", "index_entries": "fingerprints", "candidates": "candidates"}
_CAPACITIES: Mapping[str, str] = {"accounts_capacity": "accounts", "index_capacity": "fingerprints", "candidates_capacity": "candidates"}
_EVICTIONS: Mapping[str, str] = {"accounts_evicted": "accounts", "index_evicted": "fingerprints", "candidates_dropped": "candidates"}


def connection_samples(listener: Listener) -> Iterator[Sample]:
    """Who is connected, and who was turned away before a request was read."""
    yield Sample("tosproxy_connections", float(listener.open_connections))
    for reason, number in listener.refused_connections.items():
        yield Sample("tosproxy_connections_refused_total", float(number), (reason,))


def policy_samples(folder: PolicyFolder) -> Iterator[Sample]:
    """The policies in force and how loading went."""
    status = folder.status
    yield Sample("tosproxy_policy_info", 1.0, (status.revision,))
    yield Sample("tosproxy_policy_loaded_timestamp_seconds", status.loaded_at)
    yield Sample("tosproxy_policy_reload_ok", 0.0 if status.problems else 1.0)
    yield Sample("tosproxy_policy_reloads_total", float(status.reloads), ("ok",))
    yield Sample("tosproxy_policy_reloads_total", float(status.reload_failures), ("failed",))
    yield Sample("tosproxy_policy_reload_duration_seconds", status.load_s)
    yield Sample("tosproxy_policy_expired", float(len(status.expired)))
    modes = Counter([rule.mode.value for rule in folder.current.rules] + [limit.mode.value for limit in folder.current.limits])
    for mode in ("enforce", "shadow", "off"):
        yield Sample("tosproxy_policy_rules", float(modes[mode]), (mode,))


def account_samples(file: AccountsFile | None, tokens: TokenAccounts | None, joined: AccountSources) -> Iterator[Sample]:
    """What is known of accounts, and what couldn't be believed or read."""
    if file is not None:
        yield Sample("tosproxy_accounts_listed", float(file.status.accounts))
        yield Sample("tosproxy_accounts_reload_ok", 0.0 if file.status.problems else 1.0)
    for attribute, times in joined.unreadable.items():
        yield Sample("tosproxy_account_attributes_unreadable_total", float(times), (attribute,))
    if tokens is not None:
        yield Sample("tosproxy_token_keys_ok", 0.0 if tokens.status.problems else 1.0)
        for reason, times in tokens.status.refused:
            yield Sample("tosproxy_tokens_refused_total", float(times), (reason,))


def geo_samples(databases: GeoDatabases) -> Iterator[Sample]:
    """Age and state of each region database."""
    now = time.time()
    for status in databases.status():
        yield Sample("tosproxy_database_build_timestamp_seconds", status.built_at, (status.name,))
        yield Sample("tosproxy_database_age_seconds", max(0.0, now - status.built_at), (status.name,))
        yield Sample("tosproxy_database_ok", 0.0 if status.problem else 1.0, (status.name,))


def store_samples(store: LimitStore) -> Iterator[Sample]:
    """Where limits are counted."""
    if isinstance(store, MemoryStore):
        yield Sample("tosproxy_limit_store_degraded", 0.0)
        yield Sample("tosproxy_limit_keys", float(store.keys))
        yield Sample("tosproxy_limit_open_leases", float(store.open_leases))
        yield Sample("tosproxy_limit_overflow_total", float(store.overflowed))
    elif isinstance(store, RedisStore):
        yield Sample("tosproxy_limit_store_degraded", float(store.degraded))
        yield Sample("tosproxy_limit_store_failures_total", float(store.failures))
        yield Sample("tosproxy_limit_store_dropped_total", float(store.dropped))
        yield Sample("tosproxy_limit_overflow_total", float(store.overflowed))


def record_samples(records: AuditLog) -> Iterator[Sample]:
    """The log of records: what it wrote, what waits, what it had to drop."""
    yield Sample("tosproxy_records_written_total", float(records.written))
    yield Sample("tosproxy_records_waiting", float(records.waiting))
    yield Sample("tosproxy_records_dropped_total", float(records.dropped_full), ("queue",))
    yield Sample("tosproxy_records_dropped_total", float(records.dropped_unwritten), ("write",))


def detector_samples(detector: Detector) -> Iterator[Sample]:
    """Accounts, campaigns and the sizes of what the detector remembers."""
    told = detector.metrics()
    for level, accounts in _by_label(told, "accounts_by_level"):
        yield Sample("tosproxy_detection_accounts", accounts, (level,))
    for family, accounts in _by_label(told, "accounts_by_family"):
        yield Sample("tosproxy_detection_evidence_accounts", accounts, (family,))
    yield Sample("tosproxy_detection_campaigns", _number(told, "candidates") - _number(told, "campaigns"), ("candidate",))
    yield Sample("tosproxy_detection_campaigns", _number(told, "campaigns"), ("confirmed",))
    yield Sample("tosproxy_detection_campaign_accounts", _number(told, "campaign_accounts"))
    yield Sample("tosproxy_detection_campaigns_found_total", _number(told, "campaigns_found"))
    yield Sample("tosproxy_detection_time_to_detection_seconds", _number(told, "time_to_detection_s"))
    yield Sample("tosproxy_detection_brake", _number(told, "brake"))
    yield Sample("tosproxy_detection_observations_total", _number(told, "observations"))
    for name, keys in (("index_entries", _ENTRIES), ("index_capacity", _CAPACITIES), ("evictions_total", _EVICTIONS)):
        for key, label in keys.items():
            yield Sample(f"tosproxy_detection_{name}", _number(told, key), (label,))


def _number(told: Mapping[str, float | Mapping[str, float]], key: str) -> float:
    """A KeyError here is counted by the exporter: a part that stops telling something must not look like a zero."""
    value = told[key]
    return value if isinstance(value, float) else 0.0


def _by_label(told: Mapping[str, float | Mapping[str, float]], key: str) -> Iterator[tuple[str, float]]:
    value = told[key]
    if isinstance(value, Mapping):
        yield from value.items()
