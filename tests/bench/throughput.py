"""What the proxy costs: requests per second and CPU microseconds per request, side by side in one run.

    .venv/bin/python tests/bench/throughput.py [--seconds 3] [--rounds 3]

Rows: the upstream itself (nginx answering from memory), nginx as a proxy, a bare pass-through on our own data plane, a plain aiohttp proxy, and the
proxy with the shipped policies, with and without the detector. 2 kB prompts over keep-alive connections, one process each. Needs wrk and nginx.
Proxies run on one core, the load and the upstream on another. Rounds are interleaved and medians shown; ratios within one run are what to trust,
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

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

BARE = "bare pass-through, our data plane"
CONCURRENCY = (1, 32, 256)
EVENTS = 100
TICKS_S = os.sysconf("SC_CLK_TCK")

ANSWER = (
    '{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"demo","choices":[{"index":0,"message":{"role":"assistant",'
    '"content":"'
    + "An answer of some words. " * 16
    + '"},"finish_reason":"stop"}],"usage":{"prompt_tokens":420,"completion_tokens":90,"total_tokens":510}}'
)
WRK = """wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer sk-bench"
wrk.headers["user-agent"] = "OpenAI/Python 1.99.0"
wrk.headers["x-stainless-lang"] = "python"
wrk.headers["x-stainless-retry-count"] = "0"
wrk.headers["accept"] = "application/json"
wrk.body = '{"model":"demo","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"%s"}],"max_tokens":512,"temperature":0.7}'
"""
PROMPT = " ".join(f"word{number % 97} of a prompt" for number in range(100))[:1800]


def nginx_conf(folder: Path, port: int, location: str, extra: str = "") -> Path:
    """A one-worker nginx."""
    path = folder / f"nginx-{port}.conf"
    path.write_text(
        f"worker_processes 1; daemon off; pid {folder}/{port}.pid; error_log {folder}/{port}.log;\nevents {{ worker_connections 4096; }}\n"
        f"http {{ access_log off; keepalive_requests 100000000; client_body_buffer_size 64k; {extra}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }} }}\n"
    )
    return path


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
    if not pid:
        return 0.0, 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / TICKS_S, int(fields[12]) / TICKS_S


def pinned(command: list[str], core: int) -> list[str]:
    """The command on one core, where there are two."""
    return ["taskset", "-c", str(core), *command] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else command


def wrk(url: str, script: Path, connections: int, seconds: float) -> tuple[float, int, int]:
    """Requests per second, requests done, answers that were errors."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script), url]
    out = subprocess.run(pinned(command, 1), capture_output=True, text=True, check=True).stdout
    done = int(re.search(r"(\d+) requests in", out)[1])  # type: ignore[index]
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), done, int(bad[1]) if bad else 0  # type: ignore[index]


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
    if given.role:
        import uvloop

        from tests.bench.pass_throughs import run_role

        uvloop.run(run_role(given.role, given.port, given.upstream))
        return
    if not (shutil.which("wrk") and shutil.which("nginx")):
        raise SystemExit("needs wrk and nginx")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 - nginx drops its privileges
        rows, script = prepare(folder, stack, given.records)
        report(rows, script, given, "request", 1)
        streams = folder / "stream.lua"
        streams.write_text((WRK % PROMPT).replace('"model":"demo"', '"model":"demo","stream":true'))
        given.connections = [32]
        report(stream_rows(folder, stack), streams, given, "event", EVENTS)


def prepare(folder: Path, stack: ExitStack, records: str) -> tuple[list[tuple[str, int, int]], Path]:
    """Start every row."""
    script = folder / "post.lua"
    script.write_text(WRK % PROMPT)
    origin = free_port()
    conf = nginx_conf(folder, origin, f"default_type application/json; return 200 '{ANSWER}';")
    stack.enter_context(started(["nginx", "-c", str(conf), "-p", str(folder)], origin, core=1))
    upstream = f"http://127.0.0.1:{origin}"
    rows = [("upstream itself", origin, 0)]
    port = free_port()
    pool = f"upstream origin {{ server 127.0.0.1:{origin}; keepalive 256; }}"
    conf = nginx_conf(folder, port, 'proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";', pool)
    rows.append(("nginx proxy_pass", port, stack.enter_context(started(["nginx", "-c", str(conf), "-p", str(folder)], port))))
    for label, role in ((BARE, "bare"), ("plain aiohttp proxy", "plain")):
        port = free_port()
        command = [sys.executable, __file__, "--role", role, "--port", str(port), "--upstream", upstream]
        rows.append((label, port, stack.enter_context(started(command, port))))
    shutil.copytree(ROOT / "policies", folder / "policies")
    raise_limits(folder / "policies")
    for label, detect in (("proxy, policies without detector", "false"), ("proxy, everything", "true")):
        rows.append((label, *proxy(folder, stack, upstream, detect, records, detect)))
    return rows, script


def raise_limits(policies: Path) -> None:
    """The same limits with budgets that one loud client doesn't exhaust, so that every request goes all the way."""
    path = policies / "limits.yaml"
    text = re.sub(r"rate: \d+(\.\d+)?/", "rate: 900000000/", path.read_text())
    text = re.sub(r"max: \d+", "max: 100000", re.sub(r"burst: \d+", "burst: 900000000", text))
    path.write_text(text)


def stream_rows(folder: Path, stack: ExitStack) -> list[tuple[str, int, int]]:
    """The same proxies before an upstream that streams."""
    origin = free_port()
    stack.enter_context(started([sys.executable, __file__, "--role", "events", "--port", str(origin)], origin, core=1))
    upstream = f"http://127.0.0.1:{origin}"
    rows = [("upstream itself", origin, 0)]
    port = free_port()
    pool = f"upstream origin {{ server 127.0.0.1:{origin}; keepalive 256; }}"
    location = 'proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;'
    conf = nginx_conf(folder, port, location, pool)
    rows.append(("nginx proxy_pass", port, stack.enter_context(started(["nginx", "-c", str(conf), "-p", str(folder)], port))))
    for label, role in ((BARE, "bare"), ("plain aiohttp proxy", "plain")):
        port = free_port()
        command = [sys.executable, __file__, "--role", role, "--port", str(port), "--upstream", upstream]
        rows.append((label, port, stack.enter_context(started(command, port))))
    rows.append(("proxy, everything", *proxy(folder, stack, upstream, "true", "file", "stream")))
    return rows


def proxy(folder: Path, stack: ExitStack, upstream: str, detect: str, records: str, name: str) -> tuple[int, int]:
    """Start the proxy with the shipped policies; gives its port and process."""
    port = free_port()
    settings = folder / f"settings-{name}.yaml"
    settings.write_text(
        f"policies: {folder}/policies\nlisten: {{port: {port}}}\nadmin: {{port: 0}}\nupstreams: [{{name: origin, url: '{upstream}'}}]\n"
        f"log: {{records: '{records}', file: {folder}/records-{name}.jsonl}}\ndetection: {{enabled: {detect}}}\n"
    )
    return port, stack.enter_context(started([sys.executable, "-m", "proxy", "serve", "-s", str(settings)], port))


def report(rows: list[tuple[str, int, int]], script: Path, given: argparse.Namespace, unit: str, each: int) -> None:
    """Measure in interleaved rounds and print medians."""
    seconds, rounds = given.seconds, given.rounds
    for connections in given.connections:
        results: dict[str, list[tuple[float, float, float]]] = {label: [] for label, _, _ in rows}
        failed: dict[str, int] = dict.fromkeys(results, 0)
        for _ in range(rounds):
            for label, port, pid in rows:
                before = cpu_s(pid)
                rate, done, bad = wrk(f"http://127.0.0.1:{port}/v1/chat/completions", script, connections, seconds)
                user, system = ((after - then) * 1e6 / max(done * each, 1) for after, then in zip(cpu_s(pid), before, strict=True))
                results[label].append((rate * each, user, system))
                failed[label] += bad
        medians = {label: [statistics.median(values) for values in zip(*measured, strict=True)] for label, measured in results.items()}
        _, bare_user, bare_system = medians[BARE]
        print(f"\n{connections} connections: median of {rounds} rounds of {seconds:g} s; CPU in microseconds per {unit}")
        print(f"{'':36}{unit + 's/s':>11}{'user':>8}{'to bare':>8}{'system':>8}{'all':>8}{'to bare':>8}{'errors':>8}")
        for label, (rate, user, system) in medians.items():
            cpu = (
                f"{user:8.1f}{user / bare_user:8.2f}{system:8.1f}{user + system:8.1f}{(user + system) / (bare_user + bare_system):8.2f}"
                if user
                else " " * 40
            )
            print(f"{label:36}{rate:11.0f}{cpu}{failed[label]:8}")


if __name__ == "__main__":
    main()
