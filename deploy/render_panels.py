"""Render the dashboards from a real run: the proxy under a drill's traffic, a Prometheus that scrapes it, a picture per dashboard.

Run as `python -m deploy.render_panels` from the project's root; needs the program prometheus (Debian package of that name). During the
run a rule is added in shadow, then a policy file is broken and mended, so that reloads and shadow hits show up too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from deploy.check_image import ROOT, ask, free_port
from deploy.grafana.boards import BOARDS
from deploy.grafana.panel import RATE, WHERE, Board, Panel
from deploy.panels.plot import Series, legend, picture
from deploy.panels.traffic import Traffic, rehearsed, send

PICTURES: Final = ROOT / "deploy" / "pictures"
READY_S: Final = 30.0
RATE_WINDOW: Final = "10s"

SHADOW_RULE: Final = """
rules:
  - id: rehearsal.long_answers
    when: "request.max_tokens > 2048"
    then: {refuse: {code: too_long, message: "Ask for fewer tokens."}}
    mode: shadow
"""
BROKEN_RULE: Final = SHADOW_RULE.replace("request.max_tokens", "request.max_token")


class Run(NamedTuple):
    """Where everything listens and lies."""

    folder: Path
    traffic: str
    admin: str
    prometheus: str


@contextmanager
def program(*arguments: str | Path, ready: str, log: Path, **environment: str) -> Iterator[None]:
    """A program that runs until the block ends. Raises RuntimeError when `ready` doesn't answer 200 in time."""
    with log.open("wb") as output:
        process = subprocess.Popen([*map(str, arguments)], stdout=output, stderr=output, env=os.environ | environment)
        try:
            end = time.monotonic() + READY_S
            while ask(ready)[0] != 200:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{arguments[0]} isn't ready:\n{log.read_text('utf-8')[-2000:]}")
                time.sleep(0.1)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def prepare(folder: Path, traffic: Traffic) -> Run:
    """Policies, settings and scrape configuration of one run."""
    ports = [free_port() for _ in range(3)]
    shutil.copytree(ROOT / "policies", folder / "policies")
    (folder / "accounts.yaml").write_text(traffic.accounts, "utf-8")
    settings = {
        "policies": str(folder / "policies"),
        "listen": {"port": ports[0]},
        "admin": {"port": ports[1]},
        "identity": {
            "trusted_proxies": ["127.0.0.0/8"],
            "account_header": "x-account",
            "accounts_file": str(folder / "accounts.yaml"),
        },
        "detection": {"sweep_s": 3.0},
        "log": {"records": "file", "file": str(folder / "records.jsonl"), "format": "json"},
        "shutdown": {"drain_s": 0.0, "streams_s": 5.0},
    }
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    scrape = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "5s"},
        "rule_files": [str(ROOT / "deploy" / "prometheus" / "rules" / "*.yaml")],
        "scrape_configs": [{"job_name": "tos-proxy", "static_configs": [{"targets": [f"127.0.0.1:{ports[1]}"]}]}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(scrape), "utf-8")
    return Run(folder, *(f"http://127.0.0.1:{port}" for port in ports))


async def rehearse(run: Run, traffic: Traffic, seconds: float) -> int:
    """Send the traffic and change the policies meanwhile."""
    changes = asyncio.ensure_future(_change_policies(run.folder / "policies" / "rehearsal.yaml", seconds))
    answered = await send(traffic, run.traffic, seconds)
    await changes
    return answered


async def _change_policies(path: Path, seconds: float) -> None:
    for share, text in ((0.25, SHADOW_RULE), (0.35, BROKEN_RULE), (0.15, SHADOW_RULE)):
        await asyncio.sleep(seconds * share)
        await asyncio.to_thread(path.write_text, text, "utf-8")


def query(run: Run, expression: str, began: float, ended: float) -> list[dict[str, Any]]:
    """Prometheus's answer to a range query, a point a second."""
    plain = expression.replace(WHERE, 'job="tos-proxy"').replace(RATE, RATE_WINDOW)
    asked = urllib.parse.urlencode({"query": plain, "start": began, "end": ended, "step": 1})
    with urllib.request.urlopen(f"{run.prometheus}/api/v1/query_range?{asked}", timeout=30) as answer:  # noqa: S310 - loopback
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return result


def panel_series(run: Run, panel: Panel, began: float, ended: float) -> list[Series]:
    """Every series of a panel, undefined values left out."""
    found: list[Series] = []
    for each in panel.queries:
        for series in query(run, each.expr, began, ended):
            points = [(at - began, float(value)) for at, value in series["values"] if value not in {"NaN", "+Inf", "-Inf"}]
            if points:
                found.append((legend(each.legend, series["metric"]), [at for at, _ in points], [value for _, value in points]))
    return found


def answers(run: Run, board: Board, began: float, ended: float) -> dict[str, list[Series]]:
    """Panel title -> its series."""
    return {panel.title: panel_series(run, panel, began, ended) for panel in board.panels}


def main() -> int:
    """Rehearse, ask, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--target", type=Path, default=PICTURES)
    chosen = parser.parse_args()
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        print("prometheus is not installed (Debian package prometheus)")
        return 2
    traffic = rehearsed(chosen.seconds)
    with tempfile.TemporaryDirectory(prefix="tos-proxy-panels-") as name:
        folder = Path(name)
        run = prepare(folder, traffic)
        serve: list[str | Path] = [sys.executable, "-m", "proxy", "serve", "--settings", folder / "settings.yaml"]
        watch = [prometheus, f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
        watch += [f"--web.listen-address={run.prometheus.removeprefix('http://')}"]
        with (
            program(*serve, ready=f"{run.admin}/readyz", log=folder / "proxy.log"),
            program(*watch, ready=f"{run.prometheus}/-/ready", log=folder / "prometheus.log"),
        ):
            began = time.time()
            sent = asyncio.run(rehearse(run, traffic, chosen.seconds))
            time.sleep(3)
            ended = time.time()
            chosen.target.mkdir(exist_ok=True)
            for board in BOARDS:
                series = answers(run, board, began, ended)
                picture(board, series, chosen.target / f"{board.name}.png")
                empty = [title for title, found in series.items() if not found]
                print(
                    f"{board.name}.png: {len(series) - len(empty)} of {len(series)} panels have data"
                    + (f"; none: {', '.join(empty)}" if empty else "")
                )
    print(f"{sent} requests in {chosen.seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
