"""Do what deploy/Dockerfile does without a container engine, then serve one request from the result.

The build stage's COPY and RUN steps are read from the Dockerfile and run in a temporary folder, so they can't drift apart; then
the runtime stage's command is started on free ports, asked one question, asked for its health, and stopped.
Run as `python -m deploy.check_image` from the project's root. Dependencies come from the package index with their hashes.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
START_S: Final = 30.0
"""Longest wait for the proxy to be ready."""
STOP_S: Final = 20.0


class Step(NamedTuple):
    """One instruction of a Dockerfile, its continued lines joined."""

    word: str
    text: str


class Place(NamedTuple):
    """Where the image's paths lie on this machine, and the environment of its steps."""

    root: Path
    env: dict[str, str]

    def of(self, text: str) -> str:
        """`text` with the image's absolute paths moved under `root`."""
        return re.sub(r"(?<![\w./])/(?=(opt|src|etc)\b)", f"{self.root}/", text)


def read_dockerfile(path: Path) -> dict[str, list[Step]]:
    """Stage name -> its steps. Comments and heredocs: the first are dropped, the second aren't used here."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    stages: dict[str, list[Step]] = {}
    steps: list[Step] = []
    for text in filter(str.strip, "\n".join(lines).replace("\\\n", " ").splitlines()):
        word, _, rest = text.strip().partition(" ")
        if word == "FROM":
            steps = stages.setdefault(rest.split(" AS ")[1], [])
        steps.append(Step(word, rest.strip()))
    return stages


def copy(step: Step, place: Place, workdir: Path) -> None:
    """COPY from the project's root."""
    *sources, target = step.text.split()
    to = Path(place.of(target)) if target.startswith("/") else workdir / target
    for source in sources:
        found = ROOT / source
        if found.is_dir():
            shutil.copytree(found, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            into = to / found.name if target.endswith("/") or to.is_dir() else to
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, into)


def build(steps: list[Step], place: Place) -> None:
    """Run a stage's steps. Raises CalledProcessError when one fails."""
    workdir = place.root
    for step in steps:
        if step.word == "ENV":
            place.env.update(dict(pair.split("=", 1) for pair in step.text.split()))
        elif step.word == "WORKDIR":
            workdir = Path(place.of(step.text))
            workdir.mkdir(parents=True, exist_ok=True)
        elif step.word == "COPY" and "--from=" not in step.text:
            copy(step, place, workdir)
        elif step.word == "RUN":
            # A downloaded file is checked against its hash, so a cache changes nothing but the time this takes.
            env = {key: value for key, value in place.env.items() if key != "PIP_NO_CACHE_DIR"}
            subprocess.run(["/bin/sh", "-ec", place.of(step.text)], cwd=workdir, env=env, check=True)


def command(steps: list[Step], word: str, place: Place) -> list[str]:
    """The program of an exec-form instruction."""
    (text,) = (step.text for step in steps if step.word == word)
    words: list[str] = json.loads(text[text.index("[") :])
    return [place.of(part) for part in words]


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(
    url: str, body: Mapping[str, Any] | None = None, bearer: str = "check", headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Status and text of a request; status 0 when nothing answers."""
    data = json.dumps(body).encode() if body is not None else None
    told = {"content-type": "application/json", "authorization": f"Bearer {bearer}", **(headers or {})}
    request = urllib.request.Request(url, data, told)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


@contextlib.contextmanager
def serving(arguments: list[str], env: Mapping[str, str], admin_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The proxy, ready. Raises RuntimeError when it isn't in time or ends badly."""
    process = subprocess.Popen(arguments, env=dict(env), cwd="/")
    try:
        end = time.monotonic() + START_S
        while ask(f"http://127.0.0.1:{admin_port}/readyz")[0] != 200:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"not ready: exit status {process.returncode}")
            time.sleep(0.1)
        yield process
        process.send_signal(signal.SIGTERM)
        if process.wait(STOP_S) != 0:
            raise RuntimeError(f"exit status {process.returncode} after SIGTERM")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes whatever is sent and counts it."""

    def do_POST(self) -> None:
        """One batch of spans."""
        self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append(self.path)  # type: ignore[attr-defined]  # set where the server is made
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@contextlib.contextmanager
def collecting() -> Iterator[tuple[str, list[str]]]:
    """A collector of traces on this machine: where it listens, and what it was sent."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        taken: list[str] = []
        server.taken = taken  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", taken
        server.shutdown()


def written(root: Path) -> dict[str, float]:
    """Files and their times of change: what a read-only root file system would have forbidden shows up as a difference."""
    return {str(path): path.lstat().st_mtime for path in root.rglob("*")}


def serve_one(stages: Mapping[str, list[Step]], place: Place) -> None:
    """Start the runtime stage's command, ask it one question and for its health, stop it."""
    traffic, admin = free_port(), free_port()
    steps = stages["runtime"]
    env = place.env | {
        "TOSPROXY_POLICIES": place.of("/etc/tos-proxy/policies"),
        "TOSPROXY_LISTEN__HOST": "127.0.0.1",
        "TOSPROXY_LISTEN__PORT": str(traffic),
        "TOSPROXY_ADMIN__PORT": str(admin),
        "TOSPROXY_SHUTDOWN__DRAIN_S": "0",
    }
    before = written(place.root)
    with collecting() as (collector, spans):
        env["TOSPROXY_TRACING__ENDPOINT"] = collector
        ask_one(steps, place, env, traffic, admin)
    if not spans:
        raise RuntimeError("no trace reached the collector")
    if changed := set(written(place.root).items()) ^ set(before.items()):
        raise RuntimeError(f"the proxy wrote into its image: {sorted(changed)[:5]}")


def ask_one(steps: list[Step], place: Place, env: Mapping[str, str], traffic: int, admin: int) -> None:
    """One question, and one for its health, to the image's command."""
    with serving(command(steps, "ENTRYPOINT", place) + command(steps, "CMD", place), env, admin):
        question = {"model": "demo", "messages": [{"role": "user", "content": "Say hello."}]}
        status, text = ask(f"http://127.0.0.1:{traffic}/v1/chat/completions", question)
        print(f"answered {status}: {text[:200]}")
        if status not in {200, 403}:
            raise RuntimeError(f"expected an answer or a refusal by policy, not {status}")
        subprocess.run(command(steps, "HEALTHCHECK", place), env=dict(env), check=True, timeout=10)


def main() -> int:
    """Build, serve, report."""
    stages = read_dockerfile(ROOT / "deploy" / "Dockerfile")
    with tempfile.TemporaryDirectory(prefix="tos-proxy-image-") as folder:
        kept = ("LANG", "HOME", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "SSL_CERT_FILE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
        env = {key: os.environ[key] for key in kept if key in os.environ}
        place = Place(Path(folder), env | {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"})
        began = time.monotonic()
        build(stages["build"], place)
        build([step for step in stages["runtime"] if step.word in {"ENV", "COPY"}], place)
        bytes_ = sum(path.lstat().st_size for path in (place.root / "opt" / "tos-proxy").rglob("*"))
        print(f"built in {time.monotonic() - began:.0f} s; {bytes_ / 1e6:.0f} MB over the base image")
        serve_one(stages, place)
    print("image check passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
