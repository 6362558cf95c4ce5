"""Which metrics and labels a PromQL expression names, and whether the proxy exports them.

Not a parser of PromQL, which promtool is: names, label matchers and groupings are all that is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from proxy.adapters.prometheus import METRICS

TARGET_LABELS: Final = frozenset({"job", "instance", "namespace", "pod"})
"""Labels that the scrape adds to every series."""

FOREIGN: Final = {
    "up": frozenset[str](),
    "process_resident_memory_bytes": frozenset[str](),
    "process_open_fds": frozenset[str](),
    "process_max_fds": frozenset[str](),
    "process_cpu_seconds_total": frozenset[str](),
    "process_start_time_seconds": frozenset[str](),
}
"""Metrics of Prometheus itself and of the client library."""

_TOKEN: Final = re.compile(r"""\$?[A-Za-z_:][A-Za-z0-9_:]*|"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[0-9][0-9a-zA-Z.]*|[=!<>~]{1,2}|\S""")
_NAME: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*\Z")
_GROUPINGS: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS: Final = _GROUPINGS | {"and", "or", "unless", "bool", "offset", "inf", "nan", "Inf", "NaN"}


class Used(NamedTuple):
    """What one expression names."""

    metrics: tuple[tuple[str, tuple[str, ...]], ...]
    """Each series selector: its metric and the labels it matches on."""
    grouped: frozenset[str]
    """Labels that survive or join: by, on, group_left."""


def used(expression: str) -> Used:
    """The metrics and labels that `expression` names."""
    tokens: list[str] = _TOKEN.findall(expression)
    metrics: list[tuple[str, tuple[str, ...]]] = []
    grouped: set[str] = set()
    at = 0
    while at < len(tokens):
        token, after = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else ""
        at += 1
        if token in _GROUPINGS and after == "(":
            end = tokens.index(")", at)
            grouped.update(filter(_NAME.match, tokens[at:end]))
            at = end + 1
        elif _NAME.match(token) and token not in _WORDS and after != "(" and not (after in _GROUPINGS and _aggregates(tokens, at)):
            end = tokens.index("}", at) if after == "{" else at
            labels = tuple(
                name for name, sign in zip(tokens[at:end], tokens[at + 1 : end + 1], strict=False) if _NAME.match(name) and sign[0] in "=!"
            )
            metrics.append((token, labels))
            at = end
    return Used(tuple(metrics), frozenset(grouped))


def _aggregates(tokens: list[str], at: int) -> bool:
    """`sum by (x) (...)`: the name before a grouping that another parenthesis follows is an operator."""
    end = tokens.index(")", at)
    return end + 1 < len(tokens) and tokens[end + 1] == "(" and tokens[at] in {"by", "without"}


def exported() -> dict[str, frozenset[str]]:
    """Series name -> its own labels, for all that the proxy exports, as Prometheus sees them."""
    series: dict[str, frozenset[str]] = {}
    for metric in METRICS:
        labels = frozenset(metric.labels)
        if metric.kind == "histogram":
            series |= {f"{metric.name}_sum": labels, f"{metric.name}_count": labels, f"{metric.name}_bucket": labels | {"le"}}
        else:
            series[metric.name] = labels
    return series


def rules(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every rule of a folder's files with the name of what it makes: an alert or a series."""
    for path in sorted(folder.glob("*.yaml")):
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            for rule in group["rules"]:
                yield rule.get("alert") or rule["record"], rule


def recorded(folder: Path) -> dict[str, frozenset[str]]:
    """Series name -> labels, for all that the recording rules make."""
    return {name: used(rule["expr"]).grouped for name, rule in rules(folder) if "record" in rule}


def problems(expression: str, known: Mapping[str, frozenset[str]]) -> list[str]:
    """Metrics and labels of `expression` that are not in `known`."""
    named = used(expression)
    found = [f"no metric {metric}" for metric, _ in named.metrics if metric not in known]
    present = [(metric, labels) for metric, labels in named.metrics if metric in known]
    found += [
        f"{metric} has no label {label}" for metric, labels in present for label in labels if label not in known[metric] | TARGET_LABELS
    ]
    carried = TARGET_LABELS.union(*(known[metric] for metric, _ in present))
    found += [f"nothing here has a label {label}" for label in sorted(named.grouped - carried)] if not found else []
    return found
