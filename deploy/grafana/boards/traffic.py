"""Traffic and verdicts: who asks for what, what becomes of it, how fast."""

from __future__ import annotations

from typing import Final

from deploy.grafana.panel import WHERE, Board, Panel, Query, one, per_second, quantile, share, stat, zero

REQUESTS: Final = "tosproxy_requests_total"
TERMS: Final = 'outcome=~"refused|limited"'
FAILURES: Final = 'outcome=~"upstream_error|error"'

TRAFFIC: Final = Board(
    "traffic",
    "traffic and verdicts",
    "What is asked, what the terms say, what comes back.",
    (
        stat("Requests per second", per_second(REQUESTS), "reqps"),
        stat("Share refused or limited", zero(share(per_second(REQUESTS, where=TERMS), per_second(REQUESTS))), "percentunit"),
        stat("Share failed", zero(share(per_second(REQUESTS, where=FAILURES), per_second(REQUESTS))), "percentunit"),
        stat("Open requests", f"sum(tosproxy_open_requests{{{WHERE}}})"),
        Panel("Requests by outcome", (Query(per_second(REQUESTS, "outcome"), "{{outcome}}"),), "reqps", stacked=True),
        Panel(
            "Refused and limited, by rule or limit",
            (Query(per_second(REQUESTS, "rule, outcome", TERMS), "{{rule}} ({{outcome}})"),),
            "reqps",
            stacked=True,
            help="The rule that was told to the caller. Others may have matched too: see Policy and shadow.",
        ),
        one("Requests by endpoint", per_second(REQUESTS, "endpoint"), "{{endpoint}}", "reqps"),
        one("Requests by model", per_second(REQUESTS, "model"), "{{model}}", "reqps", "Rare models are filed under other."),
        Panel("Answers by status", (Query(per_second("tosproxy_responses_total", "status"), "{{status}}"),), "reqps", stacked=True),
        Panel(
            "Tokens per second",
            (Query(per_second("tosproxy_tokens_total", "kind"), "{{kind}}"),),
            help="cached and cache_write are parts of input, reasoning part of output.",
        ),
        one("Output tokens by model", per_second("tosproxy_tokens_total", "model", 'kind="output"'), "{{model}}"),
        Panel(
            "Time to the upstream's first byte",
            (
                Query(quantile(0.5, "tosproxy_upstream_first_byte_seconds", "upstream"), "{{upstream}} median"),
                Query(quantile(0.95, "tosproxy_upstream_first_byte_seconds", "upstream"), "{{upstream}} 95 %"),
            ),
            "s",
        ),
        one("Whole exchange, 95 %", quantile(0.95, "tosproxy_request_duration_seconds", "outcome"), "{{outcome}}", "s"),
        Panel(
            "Bytes of bodies",
            (Query(per_second("tosproxy_request_bytes_total"), "received"), Query(per_second("tosproxy_response_bytes_total"), "sent")),
            "Bps",
        ),
        one(
            "Region of the caller, by result",
            per_second("tosproxy_regions_total", "status"),
            "{{status}}",
            "reqps",
            "unknown and stale are decided by policy; many at once mean a broken database or a proxy that isn't trusted.",
        ),
        Panel(
            "Answers without their own token count",
            (
                Query(per_second("tosproxy_usage_missing_total", "endpoint"), "{{endpoint}} missing"),
                Query(per_second("tosproxy_usage_estimated_total", "endpoint"), "{{endpoint}} estimated"),
            ),
            "reqps",
            help="Token limits settle on an estimate here.",
        ),
    ),
)
