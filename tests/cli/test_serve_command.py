"""The front door: what `serve` prints can be pasted, and what keeps it from serving is told in a line."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import ROOT

FREE = {"TOSPROXY_LISTEN__PORT": "0", "TOSPROXY_ADMIN__PORT": "0", "TOSPROXY_SHUTDOWN__DRAIN_S": "0", "TOSPROXY_LOG__RECORDS": "off"}
LAST = "what was counted"


@pytest.fixture
def greeting() -> Iterator[Callable[..., list[str]]]:
    """Start the proxy under these variables; gives the commands that it prints, while it serves."""
    started: list[subprocess.Popen[str]] = []

    def start(**variables: str) -> list[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "proxy", "serve"], cwd=ROOT, env={**os.environ, **FREE, **variables}, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stderr is not None
        lines: list[str] = []
        while not (lines[-2:-1] and LAST in lines[-2]):
            line = process.stderr.readline()
            assert line, lines
            lines.append(line.strip())
        return [line for line in lines if line.startswith("curl ")]

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=30)


def _run(command: str, **variables: str) -> str:
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, env={**os.environ, **variables}).stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"TOSPROXY_IDENTITY__FORWARDED_HEADER": "forwarded", "TOSPROXY_ADMIN__TOKEN": "a token of the admin page"},
    ],
    ids=["as shipped", "another header and a token"],
)
def test_the_printed_commands_show_an_allowed_call_a_refused_one_and_the_metrics(greeting, variables):
    allowed, refused, counted = greeting(**variables)
    assert '"choices":[{' in _run(allowed)
    assert '"code":"unsupported_region"' in _run(refused)
    told = _run(counted, ADMIN_TOKEN="a token of the admin page")
    assert set(re.findall(r'outcome="(\w+)"', told)) == {"allowed", "refused"}


def test_no_command_is_printed_that_would_not_do_what_it_says(greeting):
    assert len(greeting(TOSPROXY_IDENTITY__TRUSTED_PROXIES='["10.0.0.0/8"]')) == 2


def test_an_address_in_use_is_told_in_a_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "proxy", "serve"], cwd=ROOT, env={**os.environ, **FREE, "TOSPROXY_LISTEN__PORT": port},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "can't listen" in ended.stderr
    assert port in ended.stderr


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:very/secret@127.0.0.1", "redis://:very#secret@127.0.0.1:6379", "redis://:very?secret@127.0.0.1:6379/0",
        "very-secret:6379", "redis://[very-secret", "redis://127.0.0.1/0?password_of=very-secret",
    ],
)  # fmt: skip
def test_a_store_that_cannot_be_one_is_told_in_a_line_that_quotes_nothing_of_it(url):
    given = {"TOSPROXY_STATE__KIND": "redis", "TOSPROXY_STATE__URL": url, "TOSPROXY_IDENTITY__DIGEST_KEY": "0123456789abcdef"}
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "serve"], cwd=ROOT, env={**os.environ, **FREE, **given}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "state.url" in done.stderr
    assert "Traceback" not in done.stderr
    assert "very" not in done.stderr
