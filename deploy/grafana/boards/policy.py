"""Policy and shadow: which policies are in force, what each rule does, what the shadow rules would do."""

from __future__ import annotations

from typing import Final

from deploy.grafana.panel import WHERE, Board, Panel, Query, one, per_second, share, stat, zero

HITS: Final = "tosproxy_rule_hits_total"
REQUESTS: Final = "tosproxy_requests_total"

POLICY: Final = Board(
    "policy",
    "policy and shadow",
    "Roll a rule out here: shadow first, then a share of the subjects, then everybody.",
    (
        stat(
            "Reload works",
            f"min(tosproxy_policy_reload_ok{{{WHERE}}})",
            "bool_yes_no",
            "No: files on disk can't be loaded, the last good policies judge.",
        ),
        stat(
            "Revisions in force",
            f"count(count by (revision) (tosproxy_policy_info{{{WHERE}}} == 1))",
            help="More than one for longer than a roll-out: replicas disagree.",
        ),
        stat("Age of the policies", f"time() - max(tosproxy_policy_loaded_timestamp_seconds{{{WHERE}}})", "s"),
        stat(
            "Rules that failed, per second",
            zero(per_second(HITS, where='mode="error"')),
            "reqps",
            "A condition that fails does what its on_error says.",
        ),
        one("Shadow: what would have happened, by rule", per_second(HITS, "rule", 'mode="shadow"'), "{{rule}}", "reqps"),
        one("Enforced, by rule", per_second(HITS, "rule", 'mode="enforce"'), "{{rule}}", "reqps"),
        one(
            "Share of requests that a shadow rule matched",
            share(per_second(HITS, "rule", 'mode="shadow"'), per_second(REQUESTS), spread="rule"),
            "{{rule}}",
            "percentunit",
            "What enforcing it would touch.",
        ),
        Panel(
            "Matched but not enforced",
            (
                Query(per_second(HITS, "rule", 'mode="waived"'), "{{rule}} waived"),
                Query(per_second(HITS, "rule", 'mode="sampled_out"'), "{{rule}} outside enforce_percent"),
            ),
            "reqps",
        ),
        one("Rules that failed", per_second(HITS, "rule", 'mode="error"'), "{{rule}}", "reqps"),
        Panel(
            "Requests and answers changed",
            (
                Query(per_second("tosproxy_clamps_total", "parameter"), "clamped {{parameter}}"),
                Query(per_second("tosproxy_clamps_unmet_total", "parameter"), "above its bound {{parameter}}"),
                Query(per_second("tosproxy_strips_total", "part"), "stripped {{part}}"),
            ),
            "reqps",
        ),
        one(
            "Passed without being read",
            per_second("tosproxy_uninspected_total", "endpoint"),
            "{{endpoint}}",
            "reqps",
            "Endpoints that no dialect reads and a policy lets pass.",
        ),
        one(
            "Too long for patterns",
            per_second("tosproxy_unscanned_total", "endpoint"),
            "{{endpoint}}",
            "reqps",
            "Requests whose text patterns see only at its beginning and end.",
        ),
        one("Rules and limits in force", f"max by (mode) (tosproxy_policy_rules{{{WHERE}}})", "{{mode}}"),
        one("Replicas by revision", f"count by (revision) (tosproxy_policy_info{{{WHERE}}} == 1)", "{{revision}}"),
        Panel(
            "Reloads",
            (
                Query(f"sum by (result) (increase(tosproxy_policy_reloads_total{{{WHERE}}}[$__rate_interval]))", "{{result}}"),
                Query(f"max(tosproxy_policy_reload_duration_seconds{{{WHERE}}})", "seconds the last one took"),
            ),
        ),
    ),
)
