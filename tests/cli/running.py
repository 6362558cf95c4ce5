"""Commands run in this process, and traffic and policies for them to run on."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from proxy.cli.app import build
from tests.replay.lines import AT, KOREA, line

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "policies"
RULES = """rules:
  - id: regions.korea
    when: client.country == 'KP'
    then: {refuse: {code: unsupported_region, message: No.}}
    source: The terms.
  - id: usage.many
    when: request.n > 4
    then: {clamp: {n: 4}}
    source: The terms.
limits:
  - {id: limits.requests, per: [account.id], count: requests, rate: 1/1m, burst: 2}
"""


def run(*words: object) -> Result:
    """Run a command line in this process. An exception that isn't an exit is raised."""
    result = CliRunner().invoke(build(), [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result


def started(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The same as a program of its own."""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("TOSPROXY_")}
    return subprocess.run(
        [sys.executable, "-m", "proxy", *map(str, words)], cwd=ROOT, input=stdin, capture_output=True, timeout=60, check=False, env=quiet
    )


def told(*words: object) -> Any:
    """What a command prints as JSON."""
    return json.loads(run(*words, "--json").stdout)


def folder(at: Path, files: str | Mapping[str, str] = RULES) -> Path:
    """A policy folder."""
    for name, text in ({"a.yaml": files} if isinstance(files, str) else files).items():
        path = at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return at


def trace(path: Path, lines: Iterable[Mapping[str, Any]]) -> Path:
    """A file of recorded traffic."""
    data = b"".join(json.dumps(one).encode() + b"\n" for one in lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def a_day(path: Path) -> Path:
    """Six exchanges: one from a refused region, one clamped, one over the limit, three allowed."""
    many = {"model": "m-large", "messages": [{"role": "user", "content": "Why?"}], "n": 8}
    return trace(
        path,
        [
            line(AT),
            line(AT + 1, client_ip=KOREA, account={"id": "acct-2"}),
            line(AT + 2, body=many),
            line(AT + 3),
            line(AT + 300, account={"id": "acct-3"}),
            line(AT + 600),
        ],
    )
