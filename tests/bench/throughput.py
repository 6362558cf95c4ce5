"""What the proxy costs: requests per second and CPU microseconds per request, side by side in one run.

    .venv/bin/python tests/bench/throughput.py [--seconds 3] [--rounds 3]

Rows: the upstream itself (answers from memory), nginx as a proxy where it is installed, a bare pass-through on our own data plane, a plain aiohttp
proxy, and the proxy with the shipped policies, with and without the detector. 2 kB prompts over keep-alive connections, one process each. Proxies
run on one core, the load and the upstream on another, which is what bounds the first row and nginx's rate. Rounds are interleaved and medians shown; ratios within one run are what to trust,
those of user time most: system time grows with every wake-up of a peer that sleeps because the proxy is slower, whatever the proxy itself does.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvloop

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.load import EVENTS, ask  # noqa: E402 - it is found through the line above

BARE = "bare pass-through, our data plane"
UNWATCHED = "proxy, policies without detector"
CONCURRENCY = (1, 32, 256)
WARM_CONNECTIONS = 32
WARM_S = 1.0
"""What a process does for the first time is nobody's cost of a request."""
TICKS_S = os.sysconf("SC_CLK_TCK")


def nginx(folder: Path, stack: ExitStack, origin: int) -> tuple[int, int]:
    """A one-worker nginx that passes everything on, unbuffered; gives its port and process."""
    port, path = free_port(), folder / "nginx.conf"
    location = 'proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;'
    path.write_text(
        f"worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\nevents {{ worker_connections 4096; }}\n"
        f"http {{ access_log off; keepalive_requests 100000000; client_body_buffer_size 64k;\n"
        f"upstream origin {{ server 127.0.0.1:{origin}; keepalive 256; }}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }} }}\n"
    )
    return port, stack.enter_context(started(["nginx", "-c", str(path), "-p", str(folder)], port))


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(command: list[str], port: int, core: int = 0) -> Iterator[int]:
    """A process that listens on `port`; gives the id of the process that does the work."""
    process = subprocess.Popen(pinned(command, core), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"did not start: {' '.join(command)}")
            time.sleep(0.05)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield int(children[0]) if children and command[0] == "nginx" else process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def cpu_s(pid: int) -> tuple[float, float]:
    """CPU seconds used so far: user, system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / TICKS_S, int(fields[12]) / TICKS_S


def pinned(command: list[str], core: int) -> list[str]:
    """The command on one core, where there are two."""
    return ["taskset", "-c", str(core), *command] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else command


def load(port: int, connections: int, seconds: float, unit: str) -> tuple[float, int, int]:
    """Answers a second, answers, and how many were errors, from a process of its own."""
    command = [sys.executable, __file__, "--role", unit, "--port", str(port), "--seconds", str(seconds), "--connections", str(connections)]
    rate, done, bad = subprocess.run(pinned(command, 1), capture_output=True, text=True, check=True).stdout.split()
    return float(rate), int(done), int(bad)


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=CONCURRENCY)
    parser.add_argument("--records", choices=("file", "off"), default="file")
    parser.add_argument("--role", default="")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--upstream", default="")
    given = parser.parse_args()
    if given.role in {"request", "event"}:
        print(*uvloop.run(ask(given.port, given.connections[0], given.seconds, stream=given.role == "event")))
        return
    if given.role:
        from tests.bench.pass_throughs import run_role

        uvloop.run(run_role(given.role, given.port, given.upstream))
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 - nginx drops its privileges
        rows = prepare(folder, stack, given.records)
        report(rows, given, "request", 1)
        given.connections = [32]
        report([row for row in rows if row[0] != UNWATCHED], given, "event", EVENTS)


def prepare(folder: Path, stack: ExitStack, records: str) -> list[tuple[str, int, int]]:
    """Start every row: what it is, its port, its process."""

    def role(name: str, upstream: str = "", core: int = 0) -> tuple[int, int]:
        port = free_port()
        command = [sys.executable, __file__, "--role", name, "--port", str(port), "--upstream", upstream]
        return port, stack.enter_context(started(command, port, core))

    origin, model = role("model", core=1)
    upstream = f"http://127.0.0.1:{origin}"
    rows = [("upstream itself", origin, model)]
    if shutil.which("nginx"):
        rows.append(("nginx proxy_pass", *nginx(folder, stack, origin)))
    rows += [(BARE, *role("bare", upstream)), ("plain aiohttp proxy", *role("plain", upstream))]
    shutil.copytree(ROOT / "policies", folder / "policies")
    raise_limits(folder / "policies")
    for label, detect in ((UNWATCHED, "false"), ("proxy, everything", "true")):
        rows.append((label, *proxy(folder, stack, upstream, detect, records)))
    return rows


def raise_limits(policies: Path) -> None:
    """The same limits with budgets that one loud client doesn't exhaust, so that every request goes all the way."""
    path = policies / "limits.yaml"
    text = re.sub(r"rate: \d+(\.\d+)?/", "rate: 900000000/", path.read_text())
    text = re.sub(r"max: \d+", "max: 100000", re.sub(r"burst: \d+", "burst: 900000000", text))
    path.write_text(text)


def proxy(folder: Path, stack: ExitStack, upstream: str, detect: str, records: str) -> tuple[int, int]:
    """Start the proxy with the shipped policies; gives its port and process."""
    port = free_port()
    settings = folder / f"settings-{detect}.yaml"
    settings.write_text(
        f"policies: {folder}/policies\nlisten: {{port: {port}}}\nadmin: {{port: 0}}\nupstreams: [{{name: origin, url: '{upstream}'}}]\n"
        f"log: {{records: '{records}', file: {folder}/records-{detect}.jsonl}}\ndetection: {{enabled: {detect}}}\n"
    )
    return port, stack.enter_context(started([sys.executable, "-m", "proxy", "serve", "-s", str(settings)], port))


def report(rows: list[tuple[str, int, int]], given: argparse.Namespace, unit: str, each: int) -> None:
    """Measure in interleaved rounds and print medians."""
    seconds, rounds = given.seconds, given.rounds
    for _, port, _ in rows:
        load(port, WARM_CONNECTIONS, WARM_S, unit)
    for connections in given.connections:
        results: dict[str, list[tuple[float, float, float]]] = {label: [] for label, _, _ in rows}
        failed: dict[str, int] = dict.fromkeys(results, 0)
        for _ in range(rounds):
            for label, port, pid in rows:
                before = cpu_s(pid)
                rate, done, bad = load(port, connections, seconds, unit)
                user, system = ((after - then) * 1e6 / max(done * each, 1) for after, then in zip(cpu_s(pid), before, strict=True))
                results[label].append((rate * each, user, system))
                failed[label] += bad
        medians = {label: [statistics.median(values) for values in zip(*measured, strict=True)] for label, measured in results.items()}
        _, bare_user, bare_system = medians[BARE]
        print(f"\n{connections} connections: median of {rounds} rounds of {seconds:g} s; CPU in microseconds per {unit}")
        print(f"{'':36}{unit + 's/s':>11}{'user':>8}{'to bare':>8}{'system':>8}{'all':>8}{'to bare':>8}{'errors':>8}")
        for label, (rate, user, system) in medians.items():
            cpu, bare = user + system, bare_user + bare_system
            print(f"{label:36}{rate:11.0f}{user:8.1f}{user / bare_user:8.2f}{system:8.1f}{cpu:8.1f}{cpu / bare:8.2f}{failed[label]:8}")


if __name__ == "__main__":
    main()
