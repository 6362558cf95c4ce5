"""SIGTERM to the real command, under load: nobody is refused while it drains, no stream is dropped, and a second signal is quick."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import OPEN, ROOT
from tests.e2e.conftest import CHAT
from tests.e2e.origin import OK, Origin
from tests.e2e.test_streams import HEAD, STREAM

STREAMS = 200
CALLS_PER_S = 300
CALLS = 900
"""Three seconds of them: SIGTERM comes after the first, and the proxy drains for longer than the other two."""
DRAIN_S = 4.0
EVENTS = 30


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


async def _exchange(address: str, body: bytes, opened: asyncio.Semaphore | None = None) -> bytes:
    """One POST on a connection of its own: everything that came back. `opened` is told of the first bytes."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    with closing(writer):
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\ncontent-type: application/json\r\nconnection: close\r\n")
        writer.write(b"content-length: %d\r\n\r\n%b" % (len(body), body))
        received = await reader.read(65536)
        if opened is not None:
            opened.release()
        return received + await reader.read()


async def _stopped_under_load(process: subprocess.Popen[bytes], address: str, thinker: Thinker) -> tuple[list[bytes], list[bytes]]:
    """The answers to requests made at a steady rate around SIGTERM, and the streams that were open meanwhile."""
    loop = asyncio.get_running_loop()
    opened = asyncio.Semaphore(0)
    streams = [loop.create_task(_exchange(address, STREAM, opened)) for _ in range(STREAMS)]
    for _ in streams:
        await opened.acquire()
    calls: list[asyncio.Task[bytes]] = []
    sent = asyncio.Event()

    def send() -> None:
        calls.append(loop.create_task(_exchange(address, CHAT)))
        if len(calls) == CALLS // 3:
            process.send_signal(signal.SIGTERM)
        if len(calls) == CALLS:
            sent.set()
        else:
            loop.call_at(began + len(calls) / CALLS_PER_S, send)

    began = loop.time()
    send()
    await sent.wait()
    answers = await asyncio.gather(*calls)
    await asyncio.to_thread(_until_it_refuses, address)
    thinker.go_on.set()
    return answers, await asyncio.gather(*streams)


def test_under_load_nobody_is_refused_while_it_drains_and_no_stream_is_dropped(command):
    thinker = Thinker()
    with closing(Origin(thinker)) as origin:
        process, address = command(origin, DRAIN_S, 60)
        answers, streams = asyncio.run(_stopped_under_load(process, address, thinker))
        assert process.wait(30) == 0
    assert [answer for answer in answers if not (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\n{}"))] == []
    assert len(answers) == CALLS
    whole = [answer for answer in streams if answer.count(b"data: ") == EVENTS + 1 and answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")]
    assert len(whole) == STREAMS


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
