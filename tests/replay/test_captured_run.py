"""What the running proxy decided and wrote down is decided alike when it is replayed."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import orjson
import pytest

from proxy.adapters.accounts.sources import AccountSources
from proxy.adapters.memory_store import MemoryStore
from proxy.adapters.recording import Capture, TraceFile
from proxy.adapters.recording.entry import Scribe
from proxy.adapters.traffic.http1 import Head
from proxy.audit.record import Record
from proxy.decide import Decider, Decision, observation_of
from proxy.detection.campaigns.ticket import Ticket
from proxy.detection.config import DetectionConfig
from proxy.detection.detector import Detector
from proxy.dialects.call import NO_USAGE, Usage
from proxy.dialects.routes import find_route
from proxy.identity.address import Trust
from proxy.identity.identify import Sources, identify
from proxy.identity.movement import Movements
from proxy.policy.load import load
from proxy.policy.ruleset import Ruleset
from proxy.replay.immediate import immediately
from proxy.replay.outcomes import Replayed, judged
from proxy.replay.recorded import Recorded, read_trace
from proxy.replay.replayer import Replayer
from tests.replay.lines import AT, EVIDENCE, GEO, INTENTS

POLICIES = rb"""
patterns: {plans: {values: ["secret plan"]}}
rules:
  - {id: regions.korea, when: client.country == 'KP', then: {refuse: {code: unsupported_region, message: No.}}}
  - {id: regions.half, when: client.country == 'FR', then: {tag: [half]}, enforce_percent: 50}
  - {id: usage.plans, when: "'plans' in request.patterns", then: {clamp: {max_tokens: 10}}}
  - {id: usage.long, when: request.input_tokens > 60, then: {tag: [long]}}
  - {id: usage.moving, when: account.countries_24h > 4 && request.model == 'm-small', then: {strip: [reasoning]}}
  - {id: usage.shadow, when: request.stream, then: {refuse: {code: streaming, message: No.}}, mode: shadow}
limits:
  - {id: limits.requests, per: [account.id], count: requests, rate: 15/1m, burst: 4}
  - {id: limits.tokens, per: [account.id, request.model], count: total_tokens, rate: 1500/1m, burst: 900}
  - {id: limits.concurrent, per: [account.id], count: concurrent, max: 2}
waivers:
  - {id: w.team, waives: [limits.requests], when: "account.id == 'team'", expires: 2027-01-01, reason: r, approver: a}
"""
NO_TEXTS = POLICIES.replace(b'patterns: {plans: {values: ["secret plan"]}}\n', b"").replace(
    b"""  - {id: usage.plans, when: "'plans' in request.patterns", then: {clamp: {max_tokens: 10}}}\n""", b""
)
ADDRESSES = ("84.128.0.1", "62.1.0.1", "2.0.0.1", "175.45.176.1", "203.0.113.9", "2a00:1450::1")
SAYINGS = ("Why?", "My secret plan is this", "\u4f60\u597d " * 20, "lorem ipsum " * 30, "\U0001f600" * 9)
SOURCES = Sources(
    Trust.parse(["127.0.0.1/32"]), GEO, AccountSources(None, {"tier": "x-tier", "opened": "x-opened"}), None, b"k" * 32, "x-account", None
)


class Sent(NamedTuple):
    head: Head
    raw: bytes
    at: float
    duration_s: float
    usage: Usage


def traffic(seed: int, requests: int) -> Iterator[Sent]:
    rng, at = Random(seed), AT
    for _ in range(requests):
        at += rng.expovariate(2.0)
        claude = rng.random() < 0.3
        body = {
            "model": rng.choice(("m-large", "m-small")),
            "messages": [{"role": "user", "content": rng.choice(SAYINGS)}],
            "max_tokens": 300,
        }
        if rng.random() < 0.3:
            body["stream"] = True
        headers = [
            ("host", "api.example.com"), ("x-forwarded-for", rng.choice(ADDRESSES)), ("x-account", rng.choice(("team", "ada", "bob", "eve"))),
            ("x-tier", rng.choice(("free", "paid"))), ("x-opened", rng.choice(("2026-09-01", "2020-01-31"))),
            ("user-agent", "curl/8"), ("authorization", "Bearer s3cret"),
        ]  # fmt: skip
        path = "/v1/messages" if claude else "/v1/chat/completions"
        raw = orjson.dumps(body)
        head = Head("POST", path, "", headers, "api.example.com", "application/json", "", len(raw), False, False, "")
        yield Sent(head, raw, at, rng.choice((0.2, 0.5, 1.0, 12.0)), Usage(rng.randrange(200), rng.randrange(300), 0, 0))


def decider() -> Decider:
    return Decider(MemoryStore(), Detector(EVIDENCE, DetectionConfig(index_bits=12, doorkeeper_bits=14), None, 0, INTENTS), Movements())


def live(rules: Ruleset, capture: Capture, sent: list[Sent]) -> list[Replayed]:
    """The steps of the handler, in event time."""
    decider_, verdicts = decider(), []
    ends: list[tuple[float, int, Decision, Ticket | None, Usage]] = []
    for number, (head, raw, at, duration_s, usage) in enumerate(sent):
        while ends and ends[0][0] <= at:
            until, _, decision, ticket, spent = heapq.heappop(ends)
            decider_.watched(ticket, spent, 200, until)
            immediately(decider_.settle(decision, spent, until))
        record = Record(f"d-{number}", at, rules.revision)
        caller, _ = identify(SOURCES, "127.0.0.1", head.headers, "", at)
        call = find_route(head.method, head.path).read(orjson.loads(raw), rules.vocabulary.models.aliases)
        seen = observation_of(caller, call, head.headers, "", at)
        decision = immediately(decider_.decide(rules, caller, call, seen, at))
        capture.took(record, head, raw, caller)
        if decision.allowed:
            heapq.heappush(ends, (at + duration_s, number, decision, decider_.watch(decision, seen, at), usage))
            record.outcome, record.upstream_status, record.usage, record.total_s = "allowed", 200, usage, duration_s
        else:
            decider_.turned_away(seen, 429, at)
            record.outcome, record.usage, record.total_s = "refused", NO_USAGE, 0.001
        capture.ended(record)
        verdicts.append(judged(Recorded(number, at, duration_s, caller.ip, caller.account, "POST", head.path, [], None, None), decision))
    capture.close()
    return verdicts


def told(one: Replayed) -> tuple[object, ...]:
    decision = one.decision
    assert decision is not None
    return (
        one.recorded.at, one.recorded.account.id, one.outcome, one.rule, one.shadow, decision.hits, dict(decision.clamps), decision.strips,
        decision.tags, [(standing.limit, standing.allowed, round(standing.remaining, 3)) for standing in decision.held.standings], one.revision,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("policies", "bodies"), [(POLICIES, True), (NO_TEXTS, True), (NO_TEXTS, False)], ids=["texts", "plain", "no texts"]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_replay_of_what_was_captured_gives_every_verdict_again(tmp_path, policies, bodies, seed):
    rules = load({"a.yaml": policies}, AT)
    sent = list(traffic(seed, 600))
    path = tmp_path / "t.jsonl.gz"
    verdicts = live(rules, Capture(path, Scribe(bodies)), sent)
    file = TraceFile(path)
    replayer = Replayer(rules, decider(), GEO)
    replayed = [replayer.step(recorded) for recorded in read_trace(file.lines(), file.name)]
    assert [told(one) for one in replayed] == [told(one) for one in verdicts]
    assert {one.outcome for one in replayed} >= {"allow", "tag", "clamp", "throttle", "refuse"}
    assert len({one.rule for one in replayed}) > 6 - (b"plans" not in policies)
    assert b"s3cret" not in path.read_bytes()
