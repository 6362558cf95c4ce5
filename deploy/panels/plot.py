"""One picture per dashboard from what Prometheus answered to its panels' queries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from deploy.grafana.panel import Board, Panel

Series = tuple[str, list[float], list[float]]
"""Legend, seconds since the start, values."""

COLUMNS: Final = 3
LEGEND_LINES: Final = 6
LEGEND_CHARS: Final = 30
"""So that two columns fit below a chart, where they hide no line."""
GAP_S: Final = 3.0
INCHES: Final = (5.2, 3.1)


def picture(board: Board, answers: Mapping[str, list[Series]], target: Path) -> None:
    """Draw every panel of a board, numbers first, and write a PNG."""
    numbers = [panel for panel in board.panels if panel.kind == "stat"]
    charts = [panel for panel in board.panels if panel.kind != "stat"]
    rows = -(-len(charts) // COLUMNS)
    figure = Figure(figsize=(INCHES[0] * COLUMNS, INCHES[1] * rows + 1.2), layout="constrained")
    (top,), (below,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.1, INCHES[1] * rows])
    for place, panel in zip(top.subplots(1, max(1, len(numbers)), squeeze=False)[0], numbers, strict=True):
        _number(place, panel, answers[panel.title])
    grid = below.subplots(rows, COLUMNS, squeeze=False).flat
    for place, panel in zip(grid, charts, strict=False):
        _chart(place, panel, answers[panel.title])
    for place in list(below.axes)[len(charts) :]:
        place.axis("off")
    figure.savefig(target, dpi=65, metadata={"Software": None}, pil_kwargs={"optimize": True})


def _number(place: Axes, panel: Panel, series: list[Series]) -> None:
    value = series[0][2][-1] if series and series[0][2] else None
    place.axis("off")
    place.text(0.5, 0.62, "no data" if value is None else worded(value, panel.unit), ha="center", va="center", fontsize=20, weight="bold")
    place.text(0.5, 0.1, panel.title, ha="center", va="center", fontsize=10, color="#555555")


def _chart(place: Axes, panel: Panel, series: list[Series]) -> None:
    shown = sorted(series, key=lambda each: -max(each[2], default=0.0))
    place.set_title(panel.title, fontsize=11, loc="left")
    place.yaxis.set_major_formatter(FuncFormatter(lambda value, _: worded(value, panel.unit)))
    place.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:.0f} s"))
    place.tick_params(labelsize=8)
    place.grid(alpha=0.25)
    if not shown:
        place.text(0.5, 0.5, "nothing happened", ha="center", va="center", transform=place.transAxes, color="#888888", fontsize=9)
        place.set_xticks([])
        place.set_yticks([])
    elif panel.stacked:
        _stack(place, shown)
    else:
        for name, seconds, values in shown:
            place.plot(*_with_gaps(seconds, values), label=name, linewidth=1.1)
    place.set_ylim(bottom=0)
    if panel.unit == "bool":
        place.set_yticks([0, 1])
    handles, labels = place.get_legend_handles_labels()
    if any(labels):
        more = [f"and {len(labels) - LEGEND_LINES} more"] if len(labels) > LEGEND_LINES else []
        named = [name if len(name) <= LEGEND_CHARS else f"{name[: LEGEND_CHARS - 1]}…" for name in labels[:LEGEND_LINES]]
        place.legend(
            handles[: LEGEND_LINES + len(more)], named + more,
            fontsize=8, loc="upper left", bbox_to_anchor=(-0.02, -0.1), ncols=2, frameon=False, columnspacing=1.0, handlelength=1.2,
        )  # fmt: skip


def _with_gaps(seconds: list[float], values: list[float]) -> tuple[list[float], list[float]]:
    """The same points, and a break in the line where Prometheus had none."""
    shown: tuple[list[float], list[float]] = ([], [])
    for second, value in zip(seconds, values, strict=True):
        if shown[0] and second - shown[0][-1] > GAP_S:
            shown[0].append(second)
            shown[1].append(float("nan"))
        shown[0].append(second)
        shown[1].append(value)
    return shown


def _stack(place: Axes, series: list[Series]) -> None:
    instants = sorted({second for _, seconds, _ in series for second in seconds})
    rows = []
    for _, seconds, values in series:
        known = dict(zip(seconds, values, strict=True))
        rows.append([known.get(instant, 0.0) for instant in instants])
    place.stackplot(instants, rows, labels=[name for name, _, _ in series], alpha=0.75)


def worded(value: float, unit: str) -> str:
    """A value as Grafana would write it, roughly."""
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit in {"bool", "bool_yes_no", "bool_on_off"}:
        return {"bool_on_off": ("off", "on")}.get(unit, ("no", "yes"))[int(value > 0)]
    if unit == "s":
        return _seconds(value)
    factor, letter = next(((size, name) for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if abs(value) >= size), (1.0, ""))
    ending = {"reqps": "/s", "cps": "/s", "bytes": "B", "Bps": "B/s"}.get(unit, "")
    return f"{value / factor:.3g}{' ' if letter or ending else ''}{letter}{ending}"


def _seconds(value: float) -> str:
    for size, name in ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")):
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value * 1e6:.3g} us" if value else "0 s"


def legend(template: str, metric: Mapping[str, Any]) -> str:
    """Grafana's legend: {{label}} replaced by the series' value of it."""
    text = template or ", ".join(str(value) for name, value in metric.items() if name != "__name__")
    for name, value in metric.items():
        text = text.replace("{{" + name + "}}", str(value))
    return re.sub(r"\{\{\w+\}\}", "none", text)
