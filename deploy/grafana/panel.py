"""What a dashboard consists of, before it becomes Grafana's JSON."""

from __future__ import annotations

from typing import Final, NamedTuple

WHERE: Final = "$where"
"""Stands in expressions for the label matchers of the dashboard's variables."""
RATE: Final = "$__rate_interval"


class Query(NamedTuple):
    """One expression and the legend of its series, as Grafana writes it: {{label}}."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One chart."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    """A Grafana unit id: reqps, s, bytes, percentunit, short, none."""
    kind: str = "timeseries"
    """timeseries, stat, table or bargauge."""
    stacked: bool = False
    help: str = ""
    width: int = 12
    """Of 24 columns."""


class Board(NamedTuple):
    """One dashboard; its name is the file's."""

    name: str
    title: str
    help: str
    panels: tuple[Panel, ...]


def one(title: str, expr: str, legend: str = "", unit: str = "short", help: str = "") -> Panel:  # noqa: A002 - the field's name
    """A time series of one expression, half the page wide."""
    return Panel(title, (Query(expr, legend),), unit, help=help)


def stat(title: str, expr: str, unit: str = "short", help: str = "") -> Panel:  # noqa: A002 - the field's name
    """One number, a quarter of the page wide."""
    return Panel(title, (Query(expr),), unit, "stat", help=help, width=6)


def per_second(metric: str, by: str = "", where: str = "") -> str:
    """The rate of a counter, summed over replicas and all labels but `by`."""
    matchers = f"{WHERE}, {where}" if where else WHERE
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{{{matchers}}}[{RATE}]))"


def quantile(q: float, histogram: str, by: str = "") -> str:
    """A quantile of a histogram over all replicas; an average of quantiles would be none."""
    grouping = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({grouping}) (rate({histogram}_bucket{{{WHERE}}}[{RATE}])))"


def share(part: str, whole: str, spread: str = "") -> str:
    """`part` / `whole`, and nothing at all rather than a division by zero. `spread`: a label that only `part` has."""
    joined = f" ignoring ({spread}) group_left ()" if spread else ""
    return f"{part} /{joined} ({whole} > 0)"


def zero(expr: str) -> str:
    """0 where a counter has not begun: a labelled series appears with its first event."""
    return f"{expr} or vector(0)"
