"""SIGTERM to the real command, under load: nobody is refused while it drains, no stream is dropped, and a second signal is quick."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import OPEN, ROOT
from tests.e2e.conftest import CHAT
from tests.e2e.origin import OK, Origin
from tests.e2e.test_streams import HEAD, STREAM

STREAMS = 12
EVENTS = 30
DRAIN_S = 0.8


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], str]]]:
    """Start `python -m proxy serve` and give the process and its address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(origin: Origin, drain_s: float, streams_s: float, log: str = "{records: 'off'}") -> tuple[subprocess.Popen[bytes], str]:
        policies = tmp_path / "policies"
        policies.mkdir()
        for name, text in OPEN.items():
            (policies / name).write_text(text)
        settings = tmp_path / "settings.yaml"
        settings.write_text(
            f"policies: {policies}\nlisten: {{port: 0}}\nadmin: {{port: 0}}\nupstreams: [{{name: origin, url: '{origin.url}'}}]\n"
            f"log: {log}\nshutdown: {{drain_s: {drain_s}, streams_s: {streams_s}}}\n"
        )
        process = subprocess.Popen([sys.executable, "-m", "proxy", "serve", "-s", settings], cwd=ROOT, stderr=subprocess.PIPE)
        started.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if b'"serving"' in line:
                threading.Thread(target=process.stderr.read, daemon=True).start()
                return process, json.loads(line)["traffic"].removeprefix("http://")
        raise AssertionError("it never served")

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


class Thinker:
    """Streams begin at once and go on when `go_on` is set; other calls are answered at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, connection: Any, request: bytes) -> bool:
        """Answer one request."""
        if STREAM not in request:
            connection.sendall(OK)
            return True
        connection.sendall(HEAD)
        for number in range(EVENTS):
            piece = b'data: {"n":%d}\n\n' % number
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            if number == EVENTS // 2:
                assert self.go_on.wait(30)
        connection.sendall(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        return True


def _post(address: str, body: bytes, opened: threading.Semaphore | None = None) -> tuple[str | None, bytes]:
    """What `connection` says, and the body."""
    with closing(http.client.HTTPConnection(address, timeout=30)) as connection:
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        if opened is not None:
            opened.release()
        read = answer.read()
        assert answer.status == 200
        return answer.getheader("connection"), read


def _until_it_drains(address: str) -> int:
    """Make requests until an answer says that it is the last; how many there were."""
    for served in range(10_000):
        if _post(address, CHAT)[0] == "close":
            return served
    raise AssertionError("it never drained")


def _until_it_refuses(address: str) -> None:
    host, _, port = address.partition(":")
    for _ in range(100_000):
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))):
                return
    raise AssertionError("it never stopped accepting")


def test_nobody_is_refused_while_it_drains_and_no_stream_is_dropped(command):
    thinker = Thinker()
    with closing(Origin(thinker)) as origin:
        process, address = command(origin, DRAIN_S, 20)
        opened = threading.Semaphore(0)
        finished: list[bytes] = []
        streams = [threading.Thread(target=lambda: finished.append(_post(address, STREAM, opened)[1])) for _ in range(STREAMS)]
        for stream in streams:
            stream.start()
        for _ in streams:
            assert opened.acquire(timeout=10)
        process.send_signal(signal.SIGTERM)
        served, until = 0, time.monotonic() + DRAIN_S * 0.75
        while time.monotonic() < until:
            assert _post(address, CHAT)[1] == b"{}"
            served += 1
        _until_it_refuses(address)
        thinker.go_on.set()
        for stream in streams:
            stream.join(20)
        assert process.wait(10) == 0
    assert served > 10
    assert len(finished) == STREAMS
    assert all(answer.count(b"data: ") == EVENTS + 1 and answer.endswith(b"data: [DONE]\n\n") for answer in finished)


def test_a_kept_connection_is_told_to_close_while_it_drains(command):
    with closing(Origin()) as origin:
        process, address = command(origin, 0.5, 5)
        with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
            for header in (None, "close"):
                connection.request("POST", "/v1/chat/completions", CHAT, {"content-type": "application/json"})
                answer = connection.getresponse()
                assert (answer.status, answer.getheader("connection"), answer.read()) == (200, header, b"{}")
                if header is None:
                    process.send_signal(signal.SIGTERM)
                    _until_it_drains(address)
        assert process.wait(10) == 0


def test_a_second_signal_waits_for_nobody_but_tells_streams_and_writes_records(command, tmp_path):
    records = tmp_path / "records.jsonl"
    with closing(Origin(Thinker())) as origin:
        process, address = command(origin, 30, 30, f"{{records: file, file: {records}}}")
        with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
            connection.request("POST", "/v1/chat/completions", STREAM, {"content-type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            _until_it_drains(address)
            process.send_signal(signal.SIGTERM)
            assert b'"code":"server_stopping"' in answer.read()
        assert process.wait(10) == 1
    outcomes = [json.loads(line)["body"].get("outcome") for line in records.read_text().splitlines()]
    assert outcomes.count("cut") == 1
    assert outcomes.count("allowed") >= 1
