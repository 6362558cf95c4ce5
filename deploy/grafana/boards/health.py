"""Health: is the proxy itself well?"""

from __future__ import annotations

from typing import Final

from deploy.grafana.panel import WHERE, Board, Panel, Query, one, per_second, quantile, stat

OVERHEAD: Final = "tosproxy_overhead_seconds"
LAG: Final = "tosproxy_event_loop_lag_seconds"

HEALTH: Final = Board(
    "health",
    "health",
    "The proxy itself: overhead, event loop, memory, records, databases.",
    (
        stat("Replicas ready", f"sum(tosproxy_ready{{{WHERE}}})"),
        stat("Overhead, 99 %", quantile(0.99, OVERHEAD), "s", "Own time from headers read to the request sent on."),
        stat("Event loop delay, 99 %", quantile(0.99, LAG), "s", "How long a ready stream waits for its turn."),
        stat("Records lost in 24 h", f"round(sum(increase(tosproxy_records_dropped_total{{{WHERE}}}[1d])))"),
        Panel(
            "Overhead",
            (Query(quantile(0.5, OVERHEAD), "median"), Query(quantile(0.95, OVERHEAD), "95 %"), Query(quantile(0.99, OVERHEAD), "99 %")),
            "s",
        ),
        one("Event loop delay, 99 %, by replica", quantile(0.99, LAG, "instance"), "{{instance}}", "s"),
        one("Open requests", f"sum by (instance) (tosproxy_open_requests{{{WHERE}}})", "{{instance}}"),
        Panel(
            "Connections",
            (
                Query(f"sum(tosproxy_connections{{{WHERE}}})", "open"),
                Query(per_second("tosproxy_connections_refused_total", "reason"), "closed unserved: {{reason}}"),
            ),
            help="limit: listen.max_connections are open. preface: no PROXY protocol header, or a broken one.",
        ),
        one("Memory", f"process_resident_memory_bytes{{{WHERE}}}", "{{instance}}", "bytes"),
        one("CPU, cores", f"rate(process_cpu_seconds_total{{{WHERE}}}[$__rate_interval])", "{{instance}}"),
        one("Open files", f"process_open_fds{{{WHERE}}}", "{{instance}}"),
        Panel(
            "Records",
            (
                Query(per_second("tosproxy_records_written_total"), "written"),
                Query(per_second("tosproxy_records_dropped_total", "reason"), "lost: {{reason}}"),
                Query(f"sum(tosproxy_records_waiting{{{WHERE}}})", "waiting"),
            ),
        ),
        Panel(
            "Upstream failures",
            (
                Query(per_second("tosproxy_upstream_errors_total", "upstream, kind"), "{{upstream}} {{kind}}"),
                Query(per_second("tosproxy_upstream_retries_total", "upstream"), "{{upstream}} retried"),
            ),
            "reqps",
        ),
        one("Age of region databases", f"max by (database) (tosproxy_database_age_seconds{{{WHERE}}})", "{{database}}", "s"),
        one("Region databases usable", f"min by (database) (tosproxy_database_ok{{{WHERE}}})", "{{database}}", "bool"),
        one(
            "Labels filed under other",
            per_second("tosproxy_label_overflow_total", "label"),
            "{{label}}",
            "cps",
            "More values than the metric keeps apart.",
        ),
        one(
            "Parts that could not tell their state",
            per_second("tosproxy_source_errors_total", "instance"),
            "{{instance}}",
            "cps",
            "Their metrics are missing.",
        ),
        one("Versions", f"count by (version, python) (tosproxy_build_info{{{WHERE}}})", "{{version}} on Python {{python}}"),
    ),
)
