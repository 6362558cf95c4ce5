"""The front door: what `serve` prints can be pasted, and what keeps it from serving is told in a line."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import ROOT

FREE = {"TOSPROXY_LISTEN__PORT": "0", "TOSPROXY_ADMIN__PORT": "0", "TOSPROXY_SHUTDOWN__DRAIN_S": "0", "TOSPROXY_LOG__RECORDS": "off"}
LAST = "what was counted"


@pytest.fixture
def greeting() -> Iterator[Callable[..., list[str]]]:
    """Start the proxy under these variables, after what the shell does `before`; gives the commands that it prints, while it serves."""
    started: list[subprocess.Popen[str]] = []

    def start(before: str = "", **variables: str) -> list[str]:
        process = subprocess.Popen(
            ["sh", "-c", f'{before} exec "$0" -m proxy serve', sys.executable], cwd=ROOT, env={**os.environ, **FREE, **variables},
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
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


def test_more_connections_than_a_shell_gives_descriptors_are_served(greeting):
    (address,) = {found[1] for found in map(re.compile(r"http://(127[^/]+)/v1").search, greeting("ulimit -Sn 128;")) if found}
    host, _, port = address.partition(":")
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((host, int(port)), timeout=10)) for _ in range(200)]
        for client in clients:
            client.sendall(b"GET /v1/models HTTP/1.1\r\nhost: p\r\n\r\n")
        assert {client.recv(12) for client in clients} == {b"HTTP/1.1 200"}
