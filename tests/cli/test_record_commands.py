from __future__ import annotations

import gzip
import http.client
import json
import os
import time
from contextlib import closing

import pytest

from proxy.adapters.audit_log import AuditLog, FileSink
from proxy.adapters.prometheus import METRICS
from proxy.audit.chain import chain_key
from proxy.audit.record import Record
from tests.cli.running import folder, run, told

SECRET = "a secret of the operator's, long enough"
LATER = "the secret that replaced it"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "later").write_text(LATER)
    for name in ("key", "later"):
        (tmp_path / f"{name}.yaml").write_text(f"identity: {{digest_key_file: {tmp_path / name}}}\n")
    return tmp_path


def written(place, numbers=range(5), secret=SECRET, **options):
    log = AuditLog(FileSink(place / "records.jsonl", chain_key(secret.encode()), **options))
    for number in numbers:
        record = Record(
            f"d-{number}", time.time(), "sha256:1", outcome="refused", rule="regions.korea", country="KP", geo_status="ok", status=403
        )
        record.limits = (("limits.requests", True, 7.5, False),)
        log.write(record)
    log.close()
    return place / "records.jsonl"


def test_a_log_that_nobody_touched_verifies(place):
    log = written(place)
    result = run("audit", "verify", log, "-s", place / "key.yaml")
    assert result.exit_code == 0
    assert "0 findings" in result.stdout
    assert told("audit", "verify", log, "-s", place / "key.yaml")["sound"] is True


def test_what_retention_took_is_said(place):
    for _ in range(3):
        log = written(place, rotate_bytes=100, keep_files=1)
    result = run("audit", "verify", log, "-s", place / "key.yaml")
    assert result.exit_code == 0
    assert "older files are gone" in result.stdout
    assert told("audit", "verify", log, "-s", place / "key.yaml")["first"] > 1


def test_a_touched_line_is_told_with_its_place(place):
    log = written(place)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:2], lines[2].replace(b"403", b"200"), *lines[3:]]))
    result = run("audit", "verify", log, "-s", place / "key.yaml")
    assert result.exit_code == 1
    assert f"{log}:3: edited" in result.stdout
    shown = run("audit", "show", "d-1", "--log", log, "-s", place / "key.yaml")
    assert shown.exit_code == 1
    assert "CHANGED" in shown.stdout


def test_a_log_of_two_keys_needs_both(place):
    log = written(place)
    written(place, range(5, 9), LATER)
    alone = run("audit", "verify", log, "-s", place / "later.yaml")
    assert alone.exit_code == 1
    assert alone.stdout.count("unknown_key") == 1
    assert "--old-key-file" in alone.stderr
    assert run("audit", "verify", log, "-s", place / "later.yaml", "--old-key-file", place / "key").exit_code == 0


def test_a_log_without_a_key_or_a_key_without_a_log_are_told_together(place):
    result = run("audit", "verify", place / "nowhere.jsonl")
    assert result.exit_code == 2
    assert "2 problems" in result.stderr


@pytest.mark.parametrize("rotated", [False, True])
def test_a_log_that_somebody_compressed_is_told_in_a_line(place, rotated):
    log = written(place)
    packed = place / f"records-{4:015d}.jsonl" if rotated else log
    packed.write_bytes(gzip.compress(log.read_bytes()))
    told = f"{packed}: is compressed; unpack it first, such as with gunzip\n1 problem\n"
    assert run("audit", "verify", log, "-s", place / "key.yaml").stderr == told
    assert run("audit", "show", "d-1", "--log", log).stderr == told
    assert run("explain", folder(place / "p"), "d-1", "--log", log).stderr == told


def test_one_record_is_shown(place):
    log = written(place)
    result = run("audit", "show", "d-3", "--log", log, "-s", place / "key.yaml")
    assert result.exit_code == 0
    assert "as it was written" in result.stdout
    said = told("audit", "show", "d-3", "--log", log)
    assert said["record"]["rule"] == "regions.korea"
    assert (said["chained"], said["sound"]) == (True, None)
    assert run("audit", "show", "d-33", "--log", log).exit_code == 2
    assert run("audit", "show", "d-3", "--log", place / "nowhere").exit_code == 2


def test_a_decision_can_be_explained_from_its_record(place):
    log, policies = written(place), folder(place / "p")
    result = run("explain", policies, "d-2", "--log", log)
    assert result.exit_code == 0
    assert "refused by regions.korea" in result.stdout
    assert f"recorded in {log}:4: refused by regions.korea" in result.stdout
    assert "client.country = 'KP'  from the record" in result.stdout
    assert "not by these policies" in result.stdout
    assert "limit limits.requests as recorded: within, 7.5 left" in result.stdout
    said = told("explain", policies, "d-2", "--log", log)
    assert said["record"]["id"] == "d-2"
    assert said["facts"]["request.n"]["source"].startswith("assumed")
    assert run("explain", policies, "d-99", "--log", log).exit_code == 2
    assert run("explain", policies, "d-2", "--log", place).exit_code == 2


def test_records_printed_to_a_stream_are_found_too(place):
    printed = place / "stdout.jsonl"
    printed.write_text(
        'noise\n{"event":"serving","id":"d-7"}\n{"event":"record","id":"d-7","outcome":"allowed","facts":{"request.n":9}}\n{"id":'
    )
    assert told("audit", "show", "d-7", "--log", printed)["record"]["outcome"] == "allowed"
    said = told("explain", folder(place / "p"), "d-7", "--log", printed)
    assert said["facts"]["request.n"] == {"value": 9, "source": "the record"}
    assert said["verdict"]["clamps"] == {"n": 4}


@pytest.mark.parametrize(("record", "tags"), [({"unscanned_chars": 7}, ["long"]), ({}, [])])
def test_a_record_tells_what_no_pattern_looked_at(place, record, tags):
    printed = place / "stdout.jsonl"
    printed.write_text(json.dumps({"event": "record", "id": "d-7", "outcome": "allowed", **record}))
    policies = folder(place / "p", "rules: [{id: a.long, when: request.unscanned_chars > 0, then: {tag: [long]}}]\n")
    said = told("explain", policies, "d-7", "--log", printed)
    assert said["facts"]["request.unscanned_chars"] == {"value": record.get("unscanned_chars", 0), "source": "the record"}
    assert said["verdict"]["tags"] == tags


def test_a_log_may_come_through_a_pipe(place):
    printed, shell = os.pipe()
    os.write(shell, b'{"event":"record","id":"d-7","outcome":"allowed","facts":{"request.n":9}}\n')
    os.close(shell)
    try:
        assert told("audit", "show", "d-7", "--log", f"/dev/fd/{printed}")["record"]["outcome"] == "allowed"
    finally:
        os.close(printed)


def test_every_metric_is_listed():
    assert [metric["name"] for metric in told("metrics")] == [metric.name for metric in METRICS]
    markdown = run("metrics", "--markdown").stdout.splitlines()
    assert len(markdown) == len(METRICS) + 2
    assert all(metric.name in line for metric, line in zip(METRICS, markdown[2:], strict=True))
    assert METRICS[0].name in run("metrics").stdout
    assert json.loads(run("settings", "--json").stdout)


SEEN = """rules:
  - {id: usage.free, when: "account.tier == 'free' && request.logprobs", then: {clamp: {logprobs: false}}}
  - {id: usage.end_user, when: "request.end_user == 'canary-user'", then: {tag: [x]}}
  - {id: regions.declared, when: "account.country != client.country", then: {tag: [elsewhere]}}
  - {id: usage.many, when: request.n > 4, then: {refuse: {code: too_many, message: No.}}}
"""


@pytest.mark.parametrize("facts", [True, False])
def test_what_the_running_proxy_recorded_is_explained_as_it_was_judged(serve, place, facts):
    (place / "accounts.yaml").write_text("accounts:\n  team: {tier: free, country: DE}\n")
    log, policies = place / "live.jsonl", folder(place / "p", SEEN)
    identity = {"digest_key_file": place / "key", "trusted_proxies": ["127.0.0.0/8"], "account_header": "x-account"}
    proxy = serve(
        policies, log={"records": "file", "file": log, "facts": facts}, identity={**identity, "accounts_file": place / "accounts.yaml"}
    )
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "Why?"}], "logprobs": True, "user": "canary-user"}
    headers = {"content-type": "application/json", "x-account": "team", "x-forwarded-for": "84.128.0.1"}
    with closing(http.client.HTTPConnection(*proxy.address)) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        decision = connection.getresponse().getheader("x-tosproxy-decision")
    proxy.stop()
    said = told("explain", policies, decision, "--log", log)
    assert [hit["rule"] for hit in said["record"]["hits"]] == ["usage.end_user", "usage.free"]
    assert "canary-user" not in log.read_text()
    notes = "\n".join(said["notes"])
    assert "recorded as matching, though not by the facts below: usage.end_user (enforce)" in notes
    if facts:
        assert said["verdict"]["clamps"] == {"logprobs": False}
        assert said["facts"]["account.tier"] == {"value": "free", "source": "accounts.yaml:2"}
        assert "request.end_user: the record holds a digest" in notes
        assert "matching by the facts below" not in notes
    else:
        assert "usage.free (enforce)" in notes
        assert "the record doesn't hold account.country, account.tier" in notes


def test_a_decision_is_found_where_only_rotated_files_are_left(place):
    log = written(place, range(40), rotate_bytes=2000)
    log.unlink()
    assert told("explain", folder(place / "p"), "d-2", "--log", log)["record"]["id"] == "d-2"
