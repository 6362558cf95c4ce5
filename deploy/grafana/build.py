"""Write dashboards/*.json from boards/. Run as `python -m deploy.grafana.build`; `--check` only says whether they are current.

Every name is checked against the metrics that the proxy exports: a panel that asks for one that is gone is named, and nothing is written.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from deploy.grafana.boards import BOARDS
from deploy.grafana.panel import WHERE, Board, Panel
from deploy.prometheus.expressions import FOREIGN, exported, problems, recorded

TARGET: Final = Path(__file__).parent / "dashboards"
RULES: Final = Path(__file__).parents[1] / "prometheus" / "rules"
COLUMNS: Final = 24
HEIGHTS: Final = {"stat": 4, "timeseries": 8, "table": 8, "bargauge": 8}
MATCHERS: Final = 'job=~"$job", instance=~"$instance"'
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]


def faults(boards: tuple[Board, ...], known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Each panel that names a metric or label which nothing exports."""
    for board in boards:
        for panel in board.panels:
            for query in panel.queries:
                for problem in problems(query.expr, known):
                    yield f"dashboard {board.name}, panel {panel.title!r}: {problem}"


def variable(name: str, query: str) -> Json:
    """A drop-down of a label's values, all of them at first."""
    return {
        "name": name,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def custom(panel: Panel) -> Json:
    """How a panel draws."""
    if panel.kind != "timeseries":
        return {}
    return {"fillOpacity": 25 if panel.stacked else 8, "lineWidth": 1, "stacking": {"mode": "normal" if panel.stacked else "none"}}


def options(panel: Panel) -> Json:
    """What a panel shows beside its data."""
    if panel.kind == "timeseries":
        return {
            "legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return {"reduceOptions": {"calcs": ["lastNotNull"]}} if panel.kind in {"stat", "bargauge"} else {}


def panel_json(panel: Panel, number: int, x: int, y: int) -> Json:
    """One panel at its place in the grid."""
    instant = panel.kind in {"table", "bargauge"}
    return {
        "id": number,
        "title": panel.title,
        "description": panel.help,
        "type": panel.kind,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": HEIGHTS[panel.kind]},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": custom(panel)}, "overrides": []},
        "options": options(panel),
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": DATASOURCE,
                "expr": query.expr.replace(WHERE, MATCHERS),
                "legendFormat": query.legend or "__auto",
                "instant": instant,
                "range": not instant,
                **({"format": "table"} if panel.kind == "table" else {}),
            }
            for index, query in enumerate(panel.queries)
        ],
    }


def placed(panels: tuple[Panel, ...]) -> list[Json]:
    """Panels from left to right, a new row when the next doesn't fit."""
    x = y = row = 0
    shown: list[Json] = []
    for number, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y, row = 0, y + row, 0
        shown.append(panel_json(panel, number, x, y))
        x, row = x + panel.width, max(row, HEIGHTS[panel.kind])
    return shown


def board_json(board: Board) -> Json:
    """A whole dashboard."""
    return {
        "uid": f"tos-proxy-{board.name}",
        "title": f"tos-proxy: {board.title}",
        "description": board.help,
        "tags": ["tos-proxy"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": [
            {"type": "dashboards", "title": "tos-proxy", "tags": ["tos-proxy"], "asDropdown": True, "keepTime": True, "includeVars": True}
        ],
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {}},
                variable("job", "label_values(tosproxy_build_info, job)"),
                variable("instance", 'label_values(tosproxy_build_info{job=~"$job"}, instance)'),
            ]
        },
        "panels": placed(board.panels),
    }


def build() -> dict[str, str]:
    """File name -> text."""
    return {f"{board.name}.json": json.dumps(board_json(board), indent=1) + "\n" for board in BOARDS}


def main() -> int:
    """Write the dashboards, or with --check fail when they are not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of date")
    check = parser.parse_args().check
    wrong = list(faults(BOARDS, FOREIGN | exported() | recorded(RULES)))
    files = build()
    wrong += [f"{name} is out of date: run python -m deploy.grafana.build" for name, text in files.items() if check and _read(name) != text]
    print("\n".join(wrong) if wrong else "current" if check else f"{len(files)} dashboards")
    if wrong or check:
        return int(bool(wrong))
    TARGET.mkdir(exist_ok=True)
    for name, text in files.items():
        (TARGET / name).write_text(text, "utf-8")
    return 0


def _read(name: str) -> str:
    path = TARGET / name
    return path.read_text("utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
