"""The front door: what `serve` prints can be pasted, and what keeps it from serving is told in a line."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

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


def _not_started(variables: Mapping[str, str], settings: Path | None = None) -> list[str]:
    """What `serve` says, line by line, when it doesn't start."""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("TOSPROXY_")}
    words = [sys.executable, "-m", "proxy", "serve", *(["--settings", str(settings)] if settings else [])]
    ended = subprocess.run(words, cwd=ROOT, env={**quiet, **variables}, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    return ended.stderr.splitlines()


@pytest.mark.parametrize("listener", ["listen", "admin"])
def test_an_address_in_use_is_told_with_the_setting_to_change(listener):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        variable = f"TOSPROXY_{listener.upper()}__PORT"
        told, _ = _not_started(FREE | {variable: port})
    assert told == (
        f"variable {variable}: {listener}.port: can't listen on 127.0.0.1 port {port}: Address already in use; "
        "take another port, or end what listens there"
    )


def test_an_address_that_is_not_of_this_machine_is_told_with_its_line(tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("listen: {host: 192.0.2.1, port: 0}\n")
    told, _ = _not_started({}, settings)
    assert told.startswith(f"{settings}:1:16: listen.host: can't listen on 192.0.2.1 port 0: ")


def test_secrets_and_files_that_are_not_there_are_told_at_once_by_file_or_line_and_no_value_is_shown(tmp_path):
    settings, gone = tmp_path / "settings.yaml", tmp_path / "gone"
    (tmp_path / "two").write_text("one secret\nanother secret\n")
    settings.write_text(
        f"""admin: {{token_file: {gone}}}
identity: {{digest_key: a-secret, account_headers: {{colour: x-colour}}}}
detection: {{evidence_file: {gone}, bank_file: {gone}}}
upstreams:
  - name: a
    url: http://a
    inject:
      - {{value_env: THAT_IS_NOT_SET}}
      - {{value_env: THAT_NO_HEADER_CARRIES}}
      - {{value_file: {gone}}}
      - {{value_file: {tmp_path / "two"}}}
"""
    )
    told = _not_started({"THAT_NO_HEADER_CARRIES": "schl\u00fcssel"}, settings)
    readable = "can't be read: No such file or directory; name a readable file"
    visible = "give one line of visible ASCII characters"
    assert sorted(told) == sorted(
        [
            f"{gone}: admin.token_file: {readable}",
            f"{gone}: detection.evidence_file: {readable}",
            f"{gone}: detection.bank_file: {readable}",
            f"{gone}: upstreams[0].inject[2].value_file: {readable}",
            f"{settings}:2:24: identity.digest_key: has too few or too many bytes; give 16 to 64 random bytes, such as `openssl rand -hex 32` prints",
            f"{settings}:2:51: identity.account_headers: unknown attributes ['colour']; known: org, tier, verified, country, owner_country, owner_share, opened, tags",
            f"{settings}:8:21: upstreams[0].inject[0].value_env: the variable THAT_IS_NOT_SET isn't set; set it, or name another",
            f"{settings}:9:21: upstreams[0].inject[1].value_env: the variable THAT_NO_HEADER_CARRIES holds no secret; {visible}",
            f"{tmp_path / 'two'}: upstreams[0].inject[3].value_file: doesn't hold a secret; {visible}",
            "9 problems",
        ]
    )


def test_more_connections_than_a_shell_gives_descriptors_are_served(greeting):
    (address,) = {found[1] for found in map(re.compile(r"http://(127[^/]+)/v1").search, greeting("ulimit -Sn 128;")) if found}
    host, _, port = address.partition(":")
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((host, int(port)), timeout=10)) for _ in range(200)]
        for client in clients:
            client.sendall(b"GET /v1/models HTTP/1.1\r\nhost: p\r\n\r\n")
        assert {client.recv(12) for client in clients} == {b"HTTP/1.1 200"}


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
