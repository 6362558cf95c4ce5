"""Limits: who runs out of which budget, and whether the store that counts them is well."""

from __future__ import annotations

from typing import Final

from deploy.grafana.panel import WHERE, Board, Panel, Query, one, per_second, share, stat, zero

CHECKS: Final = "tosproxy_limit_checks_total"
DENIALS: Final = "tosproxy_limit_denials_total"

LIMITS: Final = Board(
    "limits",
    "limits",
    "Budgets asked, denied and counted.",
    (
        stat("Denied per second", zero(per_second(DENIALS, where='mode="enforce"')), "reqps"),
        stat(
            "Store lost on replicas",
            f"sum(tosproxy_limit_store_degraded{{{WHERE}}})",
            help="Replicas that decide alone. 0 without a shared store.",
        ),
        stat("Keys in memory", f"sum(tosproxy_limit_keys{{{WHERE}}})"),
        stat("Open leases", f"sum(tosproxy_limit_open_leases{{{WHERE}}})", help="Concurrency that is taken."),
        one("Denied, by limit", per_second(DENIALS, "limit", 'mode="enforce"'), "{{limit}}", "reqps"),
        one("Shadow: would have been denied, by limit", per_second(DENIALS, "limit", 'mode="shadow"'), "{{limit}}", "reqps"),
        one(
            "Share denied, by limit",
            share(per_second(DENIALS, "limit"), per_second(CHECKS, "limit")),
            "{{limit}}",
            "percentunit",
            "Shadow denials included.",
        ),
        one("Asked, by limit", per_second(CHECKS, "limit"), "{{limit}}", "reqps"),
        Panel(
            "Shared store",
            (
                Query(per_second("tosproxy_limit_degraded_total"), "decided without it"),
                Query(per_second("tosproxy_limit_store_failures_total"), "calls too late or failed"),
                Query(per_second("tosproxy_limit_store_dropped_total"), "corrections lost"),
            ),
            "reqps",
        ),
        Panel(
            "Key table",
            (
                Query(f"sum(tosproxy_limit_keys{{{WHERE}}})", "keys"),
                Query(f"sum(increase(tosproxy_limit_overflow_total{{{WHERE}}}[$__rate_interval]))", "counted in a shared bucket"),
            ),
            help="Overflow means state.max_keys is too small, or someone makes up keys.",
        ),
    ),
)
