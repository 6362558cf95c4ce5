"""What the real command writes: lines of JSON and nothing else, and no secret of anybody's."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import OPEN, ROOT
from tests.e2e.conftest import status
from tests.e2e.origin import Origin

SECRET = "5ecret"
"""Part of everything that nobody may read in a log."""


def written_by_a_run(folder: Path, *arguments: str) -> tuple[str, str]:
    """Standard output and error of a proxy whose every secret is known, with its shared store and trace collector unreachable."""
    (folder / "policies").mkdir()
    limit = "limits:\n  - {id: limits.a, source: test, per: [account.id], count: requests, rate: 100/1m}\n"
    (folder / "policies" / "open.yaml").write_text(OPEN["open.yaml"] + limit)
    (folder / "token").write_text(f"admin-{SECRET}")
    with closing(Origin()) as origin:
        settings = {
            "policies": str(folder / "policies"),
            "listen": {"port": 0},
            "admin": {"port": 0, "token_file": str(folder / "token")},
            "upstreams": [{"name": "origin", "url": origin.url, "inject": [{"value_env": "UPSTREAM_KEY"}]}],
            "identity": {"digest_key": f"digest-key-{SECRET}"},
            "state": {"kind": "redis", "url": f"redis://user:{SECRET}@127.0.0.1:9/0"},
            "tracing": {"endpoint": f"http://127.0.0.1:9/v1/traces?key={SECRET}"},
            "log": {"level": "debug"},
            "shutdown": {"drain_s": 0},
        }
        (folder / "settings.yaml").write_text(json.dumps(settings))
        env = os.environ | {"UPSTREAM_KEY": f"upstream-{SECRET}"}
        command = [sys.executable, "-m", "proxy", "serve", "-s", str(folder / "settings.yaml"), *arguments]
        with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            first = process.stderr.readline()
            told = dict(part.split("=", 1) for part in first.split() if "=" in part) if arguments else json.loads(first)
            calls(told["traffic"].strip("'").removeprefix("http://"))
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    return out, first + err


def calls(address: str) -> None:
    """An allowed call, one that names two credentials, and one that isn't JSON."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": f"my {SECRET}"}]})
    for headers, sent in (({}, body), ({"x-api-key": f"other-{SECRET}"}, body), ({}, f"{{{SECRET}")):
        with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
            given = {"content-type": "application/json", "authorization": f"Bearer sk-{SECRET}", **headers}
            connection.request("POST", f"/v1/chat/completions?note={SECRET}", sent, given)
            connection.getresponse().read()


def test_every_line_is_an_event_in_json_and_no_secret_is_in_any(tmp_path):
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the tracing extra is not installed")
    out, err = written_by_a_run(tmp_path)
    assert SECRET not in out + err
    records = [json.loads(line) for line in out.splitlines()]
    events = [json.loads(line) for line in err.splitlines()]
    assert [record["event"] for record in records] == ["record"] * 3
    assert all(event["level"] in {"debug", "info", "warning", "error"} and event["event"] and event["timestamp"] for event in events)
    assert {"serving", "draining", "stopped", "library"} <= {event["event"] for event in events}


def test_the_form_for_people_holds_no_secret_either(tmp_path):
    out, err = written_by_a_run(tmp_path, "--log-format", "console")
    assert SECRET not in out + err
    assert "serving" in err
    assert not [line for line in err.splitlines() if line.startswith("{")]


def test_what_became_of_captured_exchanges_is_told_when_the_capture_ends(front, tmp_path):
    """Lines that were dropped are missing from every replay, which the file itself can't show."""
    proxy = front(capture={"file": tmp_path / "t.jsonl"})
    assert status(proxy.post()) == 200
    assert status(proxy.raw(b"GET /v1/models HTTP/1.1\r\nhost: proxy\r\n\r\n")) == 200
    proxy.proxy.stop()
    (ended,) = [event for event in proxy.proxy.events if event["event"] == "capture ended"]
    counts = ("written", "dropped_full", "dropped_late", "dropped_size", "left_out")
    assert [ended[name] for name in counts] == [2, 0, 0, 0, 0]
