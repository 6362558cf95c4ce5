"""Alerts, recording rules and dashboards: what they ask for is what the proxy exports, and each alert is proven to fire."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from deploy.grafana import build
from deploy.grafana.boards import BOARDS
from deploy.grafana.panel import RATE, WHERE
from deploy.prometheus.expressions import FOREIGN, exported, problems, recorded, rules, used
from proxy.adapters.prometheus import METRICS
from proxy.settings import Settings

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules"
CASES = sorted((PROMETHEUS / "tests").glob("*.yaml"))
ALERTS = [name for name, rule in rules(RULES) if "alert" in rule]
KNOWN = FOREIGN | exported() | recorded(RULES)
PANELS = [(board.name, panel.title, query.expr) for board in BOARDS for panel in board.panels for query in panel.queries]


def plain(expression: str) -> str:
    """A panel's expression as Prometheus reads it."""
    return expression.replace(WHERE, 'job=~".*"').replace(RATE, "1m")


def test_promtool_finds_nothing_in_rules_and_configuration(promtool):
    promtool("check", "rules", *sorted(RULES.glob("*.yaml")))
    promtool("check", "config", "--syntax-only", PROMETHEUS / "prometheus.yaml")


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_each_alert_fires_when_it_should_and_not_otherwise(promtool, case):
    promtool("test", "rules", case)


def test_every_alert_has_a_case_in_which_it_fires():
    fired = {
        check["alertname"]
        for path in CASES
        for test in yaml.safe_load(path.read_text())["tests"]
        for check in test["alert_rule_test"]
        if check["exp_alerts"]
    }
    assert fired == set(ALERTS)


def test_every_alert_has_a_runbook():
    headings = re.findall(r"^### (TosProxy\w+)$", (ROOT / "deploy" / "README.md").read_text(), re.MULTILINE)
    assert headings == ALERTS


@pytest.mark.parametrize(("name", "expression"), [(name, rule["expr"]) for name, rule in rules(RULES)])
def test_a_rule_names_only_metrics_and_labels_that_the_proxy_exports(name, expression):
    assert [f"rule {name}: {problem}" for problem in problems(expression, KNOWN)] == []


def test_annotations_name_only_labels_that_the_alert_carries():
    for name, rule in rules(RULES):
        if "alert" in rule:
            named = used(rule["expr"])
            carried = named.grouped.union(*(KNOWN[metric] for metric, _ in named.metrics), {"job", "instance"})
            asked = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
            assert asked <= carried, name


def test_a_panel_names_only_metrics_and_labels_that_the_proxy_exports():
    assert list(build.faults(BOARDS, KNOWN)) == []


def test_every_panel_is_promql(promtool, tmp_path):
    group = {"name": "panels", "rules": [{"record": f"panel:{n}", "expr": plain(expr)} for n, (_, _, expr) in enumerate(PANELS)]}
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [group]}))
    promtool("check", "rules", tmp_path / "panels.yaml")


def test_a_metric_that_is_removed_is_missed_by_the_panel_and_the_alert_that_used_it():
    without = {name: labels for name, labels in KNOWN.items() if name != "tosproxy_detection_brake"}
    assert list(build.faults(BOARDS, without)) == ["dashboard distillation, panel 'Brake': no metric tosproxy_detection_brake"]
    missed = [name for name, rule in rules(RULES) if problems(rule["expr"], without)]
    assert missed == ["TosProxyDetectionBrake"]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_whichever_metric_is_removed_is_missed_by_each_panel_and_rule_that_used_it(metric):
    gone = {name for name in exported() if name == metric.name or name in {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}}
    without = {name: labels for name, labels in KNOWN.items() if name not in gone}

    def names(expression: str) -> bool:
        return any(re.search(rf"\b{name}\b", expression) for name in gone)

    panels = {f"dashboard {board}, panel {title!r}" for board, title, expression in PANELS if names(expression)}
    assert {fault.rpartition(": ")[0] for fault in build.faults(BOARDS, without)} == panels
    asking = {name for name, rule in rules(RULES) if names(rule["expr"])}
    assert {name for name, rule in rules(RULES) if problems(rule["expr"], without)} == asking


def test_a_label_that_is_removed_is_missed_too():
    without = KNOWN | {"tosproxy_limit_denials_total": frozenset({"limit"})}
    faults = list(build.faults(BOARDS, without))
    assert "dashboard limits, panel 'Denied, by limit': tosproxy_limit_denials_total has no label mode" in faults


@pytest.mark.parametrize(
    ("expression", "metrics", "grouped"),
    [
        ('up{job="x"} == 0', {"up": ("job",)}, set()),
        ("sum by (a, b) (rate(m_total[5m]))", {"m_total": ()}, {"a", "b"}),
        ("sum(m) by (a) / on (b) group_left (c) n", {"m": (), "n": ()}, {"a", "b", "c"}),
        ('m{a!~"x{y}|by (z)", b="}"} offset 1h or m2', {"m": ("a", "b"), "m2": ()}, set()),
        ("histogram_quantile(0.99, sum by (le) (rate(h_bucket{$where}[$__rate_interval])))", {"h_bucket": ()}, {"le"}),
        ("m unless on (i) n > 1e3", {"m": (), "n": ()}, {"i"}),
    ],
)
def test_names_and_labels_are_read_from_promql(expression, metrics, grouped):
    assert used(expression) == (tuple(metrics.items()), frozenset(grouped))


def test_the_dashboards_are_current():
    shown = {path.name: path.read_text() for path in build.TARGET.glob("*.json")}
    assert shown == build.build(), "run python -m deploy.grafana.build"


def test_no_two_panels_overlap_and_ids_are_unique():
    for text in build.build().values():
        panels = json.loads(text)["panels"]
        taken = [
            (x, y)
            for panel in panels
            for place in [panel["gridPos"]]
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(taken) == len(set(taken))
        assert max(x for x, _ in taken) < 24
        assert len({panel["id"] for panel in panels}) == len(panels)


def test_a_legend_names_labels_that_the_query_returns():
    for board in BOARDS:
        for panel in board.panels:
            for query in panel.queries:
                named = used(query.expr)
                carried = named.grouped.union(*(KNOWN[metric] for metric, _ in named.metrics), {"instance", "job"})
                assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= carried, (board.name, panel.title)


def test_the_alert_on_old_databases_knows_the_age_that_settings_allow():
    expression = dict(rules(RULES))["TosProxyRegionDatabaseStale"]["expr"]
    assert f"> {Settings().geo.max_age_days:.0f} * 86400" in expression
