"""Distillation: accounts and campaigns on the ladder, the evidence behind them, and what the search costs."""

from __future__ import annotations

from typing import Final

from deploy.grafana.panel import WHERE, Board, Panel, Query, one, per_second, share, stat

DISTILLATION: Final = Board(
    "distillation",
    "distillation",
    "Campaigns found, accounts by level, evidence. `/risk` on the admin listener names them and says why.",
    (
        stat("Confirmed campaigns", f'max(tosproxy_detection_campaigns{{{WHERE}, state="confirmed"}})'),
        stat("Accounts in campaigns", f"max(tosproxy_detection_campaign_accounts{{{WHERE}}})"),
        stat("Found in 24 h", f"round(max(increase(tosproxy_detection_campaigns_found_total{{{WHERE}}}[1d])))"),
        stat(
            "Brake",
            f"max(tosproxy_detection_brake{{{WHERE}}})",
            "bool_on_off",
            "On: the ladder is lowered because too many accounts would be punished.",
        ),
        Panel(
            "Accounts above level 0",
            (Query(f'max by (level) (tosproxy_detection_accounts{{{WHERE}, level!="0"}})', "level {{level}}"),),
            stacked=True,
        ),
        one("Campaigns by state", f"max by (state) (tosproxy_detection_campaigns{{{WHERE}}})", "{{state}}"),
        one("Accounts with evidence, by family", f"max by (family) (tosproxy_detection_evidence_accounts{{{WHERE}}})", "{{family}}"),
        Panel(
            "Requests by the account's level",
            (Query(per_second("tosproxy_risk_requests_total", "level", 'level!="0"'), "level {{level}}"),),
            "reqps",
            stacked=True,
        ),
        one(
            "From when a campaign was first a candidate to its confirmation",
            f"max(tosproxy_detection_time_to_detection_seconds{{{WHERE}}})",
            "latest campaign",
            "s",
        ),
        one(
            "Indexes, share filled",
            share(
                f"max by (index) (tosproxy_detection_index_entries{{{WHERE}}})",
                f"max by (index) (tosproxy_detection_index_capacity{{{WHERE}}})",
            ),
            "{{index}}",
            "percentunit",
        ),
        one("Forgotten for want of room", per_second("tosproxy_detection_evictions_total", "index"), "{{index}}", "cps"),
        one(
            "CPU per exchange observed",
            share(per_second("tosproxy_detection_observe_seconds_total"), per_second("tosproxy_detection_observations_total")),
            "all replicas",
            "s",
        ),
        one("Time of a search for campaigns", f"max by (instance) (tosproxy_detection_sweep_seconds{{{WHERE}}})", "{{instance}}", "s"),
    ),
)
