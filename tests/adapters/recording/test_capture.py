from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from proxy.adapters.recording import Capture, TraceFile, open_capture
from proxy.adapters.recording.entry import Scribe
from proxy.adapters.traffic.http1 import Head
from proxy.audit.record import Record
from proxy.dialects.call import Usage
from proxy.errors import ConfigError
from proxy.identity.caller import Account, Caller, Region
from proxy.identity.region import EdgeHeaders
from proxy.replay.recorded import Recorded, read_trace
from proxy.settings import Settings

AT = 1_790_000_000.0
BODY = b'{"model": "m-large",\n "messages": [{"role": "user", "content": "Is \\u2713 my secret plan good?"}], "max_tokens": 64}'
HEADERS = [("host", "api.example.com"), ("user-agent", "curl/8.1"), ("content-type", "application/json")]
SECRETS = (
    "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization", "proxy-anything", "x-amz-security-token", "x-injected",
)  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> float:
        return self.now


def head(path="/v1/chat/completions", headers=(), method="POST") -> Head:
    return Head(
        method, path, "key=query-secret", [*HEADERS, *headers], "api.example.com", "application/json", "", len(BODY), False, False, ""
    )


def caller(name="acct-1", ip="84.128.0.1", **region) -> Caller:
    account = Account(
        name, "header", listed=True, tier="free", country="DE", opened_at=AT - 86_400.0, tags=("beta",), sources=(("tier", "a.yaml:1"),)
    )
    return Caller(ip, Region("DE", status="ok", **region), account)


def record(number=1, at=AT, **changes) -> Record:
    made = Record(f"d-{number}", at, "sha256:1", outcome="allowed", status=200, upstream_status=200, usage=Usage(9, 21, 4, 3), total_s=1.5)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def one(capture: Capture, said: Record, asked: Head | None = None, body: bytes = BODY, who: Caller | None = None) -> None:
    capture.took(said, asked or head(), body, who or caller())
    capture.ended(said)


def lines(path) -> list[dict]:
    return [json.loads(line) for _, line in TraceFile(path).lines()]


def read(path) -> list[Recorded]:
    file = TraceFile(path)
    return list(read_trace(file.lines(), file.name))


def test_nothing_is_recorded_unless_asked_for():
    assert open_capture(Settings()) is None


def test_a_line_says_what_was_asked_by_whom_and_what_came_back(tmp_path):
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies=True))
    one(capture, record())
    capture.close()
    (line,) = lines(tmp_path / "t.jsonl")
    assert line == {
        "at": AT, "duration_s": 1.5, "client_ip": "84.128.0.1",
        "account": {"id": "acct-1", "source": "header", "listed": True, "tier": "free", "country": "DE", "tags": ["beta"], "age_days": 1.0},
        "method": "POST", "path": "/v1/chat/completions",
        "headers": [["host", ""], ["user-agent", "curl/8.1"], ["content-type", "application/json"]],
        "body": {"model": "m-large", "messages": [{"role": "user", "content": "Is \u2713 my secret plan good?"}], "max_tokens": 64},
        "response": {"status": 200, "input_tokens": 9, "output_tokens": 21, "reasoning_tokens": 3},
    }  # fmt: skip
    assert len(read(tmp_path / "t.jsonl")) == 1
    assert (tmp_path / "t.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("bodies", [True, False])
def test_no_credential_is_ever_recorded(tmp_path, bodies):
    sent = [(name, f"secret-{place}") for place, name in enumerate(SECRETS)] + [("x-nobody-knows", "secret-unknown")]
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies, injected=("x-injected",)))
    one(capture, record(), head(headers=sent))
    capture.close()
    text = (tmp_path / "t.jsonl").read_text()
    assert not re.search(r"secret-|query-secret", text)
    assert [name for name, _ in lines(tmp_path / "t.jsonl")[0]["headers"]] == ["host", "user-agent", "content-type", "x-nobody-knows"]


def test_texts_are_recorded_only_when_asked_for(tmp_path):
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies=False))
    one(capture, record())
    capture.close()
    body = lines(tmp_path / "t.jsonl")[0]["body"]
    assert body["model"] == "m-large"
    assert body["max_tokens"] == 64
    content = body["messages"][0]["content"]
    assert (len(content), len(content.encode())) == (len("Is \u2713 my secret plan good?"), len("Is \u2713 my secret plan good?".encode()))
    assert "secret" not in content
    assert [one.outlined for one in read(tmp_path / "t.jsonl")] == [True]


def test_what_was_refused_got_no_response_and_what_carries_no_body_has_none(tmp_path):
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies=True))
    one(capture, record(1, outcome="refused", status=403, upstream_status=0, usage=Usage()))
    one(capture, record(2, at=AT + 1), head("/v1/models", method="GET"), b"")
    capture.close()
    first, second = lines(tmp_path / "t.jsonl")
    assert first["response"] is None
    assert second["body"] is None


def test_uploads_and_sessions_have_no_place_and_are_counted(tmp_path):
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies=True))
    one(capture, record(1), head("/v1/files"), b"--boundary")
    one(capture, record(2), head("/v1/realtime", method="GET"), b"")
    one(capture, record(3), head("/v1/unheard_of"), b"{}")
    one(capture, record(4), head(), b"this isn't JSON")
    one(capture, record(5))
    capture.close()
    assert capture.counts.left_out == 4
    assert len(lines(tmp_path / "t.jsonl")) == 1


def test_accounts_are_sampled_whole(tmp_path):
    def sampled(percent) -> set[str]:
        path = tmp_path / f"{percent}.jsonl"
        capture = Capture(path, Scribe(bodies=False), percent=percent)
        for number in range(1000):
            one(capture, record(number, AT + number), who=caller(f"acct-{number % 200}"))
        capture.close()
        seen = [line["account"]["id"] for line in lines(path)]
        assert all(seen.count(name) == 5 for name in set(seen))
        return set(seen)

    quarter, half = sampled(25.0), sampled(50.0)
    assert 25 < len(quarter) < 75
    assert 70 < len(half) < 130
    assert quarter < half
    assert sampled(25.1) >= quarter


def test_callers_without_an_account_are_sampled_by_address(tmp_path):
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies=False), percent=50.0)
    for number in range(400):
        one(capture, record(number, AT + number), who=caller("", f"84.128.0.{number % 100}"))
    capture.close()
    addresses = {line["client_ip"] for line in lines(tmp_path / "t.jsonl")}
    assert 25 < len(addresses) < 75
    assert capture.counts.written == 4 * len(addresses)


def test_lines_are_in_the_order_in_which_requests_came_however_they_ended(tmp_path):
    rng, clock = Random(3), Clock()
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies=False), settle_s=10.0, clock=clock)
    ends: list[tuple[float, Record]] = []
    for number in range(800):
        clock.now = AT + number * 0.5
        while ends and ends[0][0] <= clock.now:
            capture.ended(ends.pop(0)[1])
        said = record(number, clock.now)
        capture.took(said, head(), BODY, caller())
        ends.append((clock.now + rng.choice((0.1, 1.0, 60.0)), said))
        ends.sort(key=lambda end: end[0])
    for _, said in ends:
        capture.ended(said)
    capture.close()
    times = [recorded.at for recorded in read(tmp_path / "t.jsonl")]
    assert times == [AT + number * 0.5 for number in range(800)]
    assert capture.counts.dropped_late == 0


def test_what_comes_after_younger_lines_were_written_is_left_out_and_counted(tmp_path):
    clock = Clock()
    clock.now = AT + 1000
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies=False), settle_s=1.0, clock=clock)
    one(capture, record(1, AT + 100))
    deadline = 200
    while capture.counts.written == 0 and deadline:
        deadline -= 1
        os.sched_yield()
        capture._writer.join(0.02)
    one(capture, record(2, AT + 50))
    capture.close()
    assert [line["at"] for line in lines(tmp_path / "t.jsonl")] == [AT + 100]
    assert capture.counts.dropped_late == 1


def test_recording_stops_at_its_size_restarts_included(tmp_path):
    path = tmp_path / "t.jsonl"
    kept = []
    for run in range(6):
        capture = Capture(path, Scribe(bodies=False), max_bytes=300_000)
        for number in range(500):
            one(capture, record(number, AT + 1000 * run + number))
        capture.close()
        kept.append(capture.counts.written)
    total = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert total < 300_000 + 256 * 600
    assert kept[0] > 0
    assert kept[-1] == 0
    assert len(list(tmp_path.iterdir())) > 1


def test_an_earlier_file_is_set_aside_whole(tmp_path):
    for run in range(2):
        capture = Capture(tmp_path / "t.jsonl.gz", Scribe(bodies=False))
        one(capture, record(run, AT + run))
        capture.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    assert [recorded.at for file in files for recorded in read(file)] == [AT, AT + 1]


def test_a_compressed_file_is_gzip_and_readable_while_it_grows(tmp_path):
    path = tmp_path / "t.jsonl.gz"
    clock = Clock()
    clock.now = AT + 1000
    capture = Capture(path, Scribe(bodies=True), settle_s=1.0, clock=clock)
    for number in range(100):
        one(capture, record(number, AT + number))
    capture.close()
    with gzip.open(path) as opened:
        assert len(opened.readlines()) == 100
    assert path.stat().st_size < 4000
    whole, end_mark = path.read_bytes(), 2 + 8  # an empty last block, then checksum and length
    path.write_bytes(whole[:-end_mark])  # as it is while the proxy runs, and when that was killed
    assert len(lines(path)) == 100


def test_a_queue_that_is_full_drops_and_counts(tmp_path):
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies=False))
    capture.close()
    big = b'{"model": "' + b"x" * (20 << 20) + b'"}'
    for number in range(5):
        one(capture, record(number), body=big)
    assert capture.counts.dropped_full == 2


def test_a_disk_that_refuses_ends_the_capture_and_nothing_else(tmp_path):
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies=False))
    os.dup2(os.open("/dev/full", os.O_WRONLY), capture._file)
    one(capture, record())
    capture.close()
    assert capture.counts.dropped_size == 1
    one(capture, record(2))


def test_a_file_that_cannot_be_opened_is_told():
    with pytest.raises(ConfigError, match=re.escape("capture.file: can't be opened")):
        Capture(Path("/proc/nowhere/t.jsonl"), Scribe(bodies=False))


def test_a_record_that_was_never_taken_is_passed_over(tmp_path):
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies=False))
    capture.ended(record(7))
    capture.close()
    assert capture.counts == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("region", "sent", "kept"),
    [({"subdivision": ""}, "DE", True), ({}, "NZ", False), ({"asn": 7}, "DE", True)],
)
def test_region_headers_are_recorded_only_where_they_were_believed(tmp_path, region, sent, kept):
    capture = Capture(tmp_path / "t.jsonl", Scribe(bodies=False, edge=EdgeHeaders("cf-ipcountry")))
    one(capture, record(), head(headers=[("cf-ipcountry", sent)]), who=caller(**region))
    capture.close()
    assert (["cf-ipcountry", sent] in lines(tmp_path / "t.jsonl")[0]["headers"]) == kept


def test_settings_decide_how_it_is_done(tmp_path):
    asked: dict[str, Any] = {
        "capture": {"file": tmp_path / "t.jsonl", "bodies": True},
        "upstreams": [{"name": "a", "url": "http://127.0.0.1:1", "inject": [{"header": "X-Custom", "value_env": "K"}]}],
        "geo": {"edge": {"country": "CF-IPCountry"}},
    }
    capture = open_capture(Settings(**asked))
    assert capture is not None
    one(capture, record(), head(headers=[("x-custom", "s3cr3t"), ("cf-ipcountry", "DE")]))
    capture.close()
    (line,) = lines(tmp_path / "t.jsonl")
    assert line["headers"][3:] == [["cf-ipcountry", "DE"]]
    assert "plan" in line["body"]["messages"][0]["content"]
