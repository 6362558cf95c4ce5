"""The proxy as it runs: what it decided and captured is decided alike by `replay`, and lands in the records."""

from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path
from random import Random

import pytest

from proxy.adapters.audit_log import log_files
from proxy.adapters.geo import GeoDatabases
from proxy.adapters.memory_store import MemoryStore
from proxy.adapters.policy_folder import read_folder
from proxy.adapters.recording import TraceFile
from proxy.decide import Decider
from proxy.identity.movement import Movements
from proxy.policy.load import load
from proxy.replay.outcomes import Replayed
from proxy.replay.recorded import read_trace
from proxy.replay.replayer import Replayer

POLICIES = {
    "a.yaml": """patterns: {plans: {values: ["secret plan"]}}
rules:
  - {id: regions.korea, when: client.country == 'KP', then: {refuse: {code: unsupported_region, message: No.}}}
  - {id: usage.plans, when: "'plans' in request.patterns", then: {clamp: {max_tokens: 5}}}
  - {id: usage.many, when: request.max_tokens > 20, then: {tag: [long]}}
  - {id: usage.shadow, when: request.stream, then: {refuse: {code: streaming, message: No.}}, mode: shadow}
limits:
  - {id: limits.requests, per: [account.id], count: requests, rate: 30/1h, burst: 9}
  - {id: limits.tokens, per: [account.id], count: total_tokens, rate: 10/1h, burst: 200}
"""
}
ADDRESSES = ("84.128.0.1", "62.1.0.1", "175.45.176.1")
SAYINGS = ("Why is the sky blue?", "My secret plan is this.", "\u4f60\u597d")


def calls(address: tuple[str, int], account: int) -> None:
    rng = Random(account)
    connection = http.client.HTTPConnection(*address, timeout=20)
    for _ in range(40):
        body = {"model": "demo-small", "messages": [{"role": "user", "content": rng.choice(SAYINGS)}], "max_tokens": rng.choice((8, 24))}
        if rng.random() < 0.3:
            body["stream"] = True
        headers = {"authorization": f"Bearer key-{account}", "content-type": "application/json", "x-forwarded-for": rng.choice(ADDRESSES)}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        connection.getresponse().read()
    connection.close()


def records(path: Path) -> list[dict]:
    lines = [json.loads(line) for file in log_files(path) for line in file.read_bytes().splitlines()]
    return sorted((line["body"] for line in lines if line["kind"] == "record"), key=lambda record: record["at"])


def as_recorded(one: Replayed) -> tuple[object, ...]:
    decision = one.decision
    assert decision is not None
    outcome = {"refuse": "refused", "throttle": "limited"}.get(one.outcome, "allowed")
    limits = [(standing.limit, standing.allowed) for standing in decision.held.standings]
    return one.recorded.at, outcome, one.rule if outcome != "allowed" else "", sorted(hit.rule for hit in decision.hits), limits


def as_told(record: dict) -> tuple[object, ...]:
    hits = sorted(hit["rule"] for hit in record.get("hits", ()))
    limits = [(limit["limit"], limit["allowed"]) for limit in record.get("limits", ())]
    return record["at"], record["outcome"], record.get("rule", ""), hits, limits


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
def test_a_captured_run_gives_every_live_verdict_again(serve, tmp_path, name):
    proxy = serve(
        POLICIES,
        capture={"file": tmp_path / name, "bodies": True},
        log={"records": "file", "file": tmp_path / "records.jsonl"},
        identity={"digest_key": "0123456789abcdef", "trusted_proxies": ["127.0.0.0/8"]},
    )
    threads = [threading.Thread(target=calls, args=(proxy.address, account)) for account in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    proxy.stop()

    rules = load(read_folder(tmp_path / "policies0"), 0.0)
    replayer = Replayer(rules, Decider(MemoryStore(), None, Movements()), GeoDatabases([]))
    file = TraceFile(tmp_path / name)
    replayed = [replayer.step(recorded) for recorded in read_trace(file.lines(), file.name)]
    lived = records(tmp_path / "records.jsonl")
    assert len(lived) == len(replayed) == 120
    assert [as_recorded(one) for one in replayed] == [as_told(record) for record in lived]
    assert {record["outcome"] for record in lived} == {"allowed", "refused", "limited"}
    assert {record.get("rule") for record in lived} >= {"regions.korea", "limits.requests", "limits.tokens"}
    assert b"Bearer" not in b"".join(line for _, line in TraceFile(tmp_path / name).lines())
