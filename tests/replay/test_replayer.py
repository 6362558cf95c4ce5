from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.identity.region import EdgeHeaders
from proxy.replay.outcomes import as_line
from proxy.replay.recorded import read_trace
from proxy.replay.replayer import MOST_SWEEPS
from tests.replay.lines import AT, GERMANY, KOREA, line, packed, replay, replayer

REGION = """rules:
  - {id: regions.korea, when: client.country == 'KP', then: {refuse: {code: unsupported_region, message: No.}}}
  - {id: regions.greece, when: client.country == 'GR', then: {refuse: {code: unsupported_region, message: No.}}, mode: shadow}
  - {id: usage.many, when: request.n > 4, then: {clamp: {n: 4}}}
  - {id: usage.long, when: request.max_tokens > 1000, then: {tag: [long]}}
  - {id: usage.thoughts, when: request.reasoning, then: {strip: [reasoning]}}
"""
NONE = "rules: [{id: none.at_all, when: request.n > 100000, then: {tag: [never]}}]\n"
ONE_AT_A_TIME = "limits: [{id: limits.one, per: [account.id], count: concurrent, max: 1}]\n"
HUNDRED_TOKENS = "limits: [{id: limits.tokens, per: [account.id], count: output_tokens, rate: 100/1h, burst: 1000}]\n"


def body(**more):
    return {"model": "m-large", "messages": [{"role": "user", "content": "Why?"}], **more}


@pytest.mark.parametrize(
    ("changes", "outcome", "rule", "shadow"),
    [
        ({}, "allow", "", ()),
        ({"client_ip": KOREA}, "refuse", "regions.korea", ()),
        ({"client_ip": "62.1.0.1"}, "allow", "", ("regions.greece",)),
        ({"body": body(n=8)}, "clamp", "usage.many", ()),
        ({"body": body(max_tokens=2000)}, "tag", "usage.long", ()),
        ({"body": body(max_tokens=2000, n=8)}, "clamp", "usage.many", ()),
        ({"body": body(reasoning_effort="high")}, "clamp", "usage.thoughts", ()),
        ({"path": "/v1/unheard_of"}, "refuse", "rejected.unknown_endpoint", ()),
        ({"body": {"model": 7, "messages": [{"role": "user", "content": "x"}]}}, "refuse", "rejected.invalid_type", ()),
        ({"body": None}, "refuse", "rejected.invalid_type", ()),
        ({"method": "GET", "path": "/v1/models", "body": None}, "allow", "", ()),
        ({"path": "/v1/chat/completions?x=1"}, "allow", "", ()),
    ],
)
def test_an_exchange_becomes_what_the_rules_say(changes, outcome, rule, shadow):
    (replayed,) = replay(REGION, [line(**changes)])
    assert (replayed.outcome, replayed.rule, replayed.shadow) == (outcome, rule, shadow)


def test_a_body_that_live_traffic_would_be_refused_for_is_refused():
    deep: dict = {}
    for _ in range(80):
        deep = {"a": deep}
    (replayed,) = replay(REGION, [line(body=body(metadata=deep))])
    assert replayed.rule == "rejected.json_too_deep"


def test_an_exchange_is_in_flight_until_its_end():
    times = [AT, AT + 1.9, AT + 2.0, AT + 2.1]
    outcomes = [one.outcome for one in replay(NONE + ONE_AT_A_TIME, [line(at) for at in times])]
    assert outcomes == ["allow", "throttle", "allow", "throttle"]


def test_what_is_refused_holds_nothing_and_uses_nothing():
    policies = REGION + ONE_AT_A_TIME
    lines = [line(AT, client_ip=KOREA, duration_s=100.0), line(AT + 1), line(AT + 1.5, client_ip=KOREA)]
    assert [one.outcome for one in replay(policies, lines)] == ["refuse", "allow", "refuse"]


def test_real_usage_takes_the_place_of_the_estimate_when_the_answer_ends():
    short = {"status": 200, "input_tokens": 9, "output_tokens": 10, "reasoning_tokens": 0}
    asked = body(max_tokens=1000)
    ended = [line(AT, body=asked, response=short), line(AT + 3, body=asked, response=short)]
    running = [line(AT, body=asked, response=short), line(AT + 1, body=asked, response=short)]
    assert [one.outcome for one in replay(NONE + HUNDRED_TOKENS, ended)] == ["allow", "throttle"]
    assert [one.outcome for one in replay(NONE + HUNDRED_TOKENS, [*ended, line(AT + 400, body=asked, response=short)])][-1] == "allow"
    assert [one.outcome for one in replay(NONE + HUNDRED_TOKENS, [*running, line(AT + 400, body=asked)])] == ["allow", "throttle", "allow"]
    spent = [line(AT, body=asked, response={"status": 200, "output_tokens": 1000}), line(AT + 400, body=asked)]
    assert [one.outcome for one in replay(NONE + HUNDRED_TOKENS, spent)] == ["allow", "throttle"]


def test_observing_serves_what_policy_would_refuse_and_still_says_so():
    lines = [line(AT, client_ip=KOREA), line(AT + 0.1, client_ip=KOREA)]
    over = replayer(REGION, observe=True, detector=True)
    outcomes = [over.step(recorded).outcome for recorded in read_trace(packed(lines), "t")]
    assert outcomes == ["refuse", "refuse"]
    report = over.decider.detector.account("acct-1", AT + 1)
    assert report is not None
    assert report.requests == 2
    judging = replayer(REGION, detector=True)
    for recorded in read_trace(packed(lines), "t"):
        judging.step(recorded)
    assert judging.decider.detector.account("acct-1", AT + 1) is None


class Sweeping:
    """Takes the detector's place to write down when it is asked to search."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def sweep(self, now):
        self.at.append(now)


def sweeps(times, **options) -> list[float]:
    over = replayer(NONE, **options)
    recorder = Sweeping()
    for recorded in read_trace(packed([line(at, account={"id": ""}) for at in times]), "t"):
        over.decider.detector = None
        over.decider.detector = recorder  # type: ignore[assignment]
        over.step(recorded)
    return recorder.at


def test_campaigns_are_searched_for_on_a_schedule_of_event_time():
    assert sweeps([AT, AT + 14.9, AT + 15, AT + 61]) == [AT + 15, AT + 30, AT + 45, AT + 60]
    assert sweeps([AT, AT + 25], sweep_s=10.0) == [AT + 10, AT + 20]


def test_a_gap_of_years_is_crossed_at_once():
    times = sweeps([0.0, 2e11])
    assert len(times) == MOST_SWEEPS + 1
    assert times[-1] == 2e11
    assert sweeps([0.0, 2e11, 2e11 + 15]) == [*times, 2e11 + 15]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50), st.integers(0, 3)), min_size=1, max_size=40))
def test_concurrency_never_exceeds_its_limit_and_is_used_up_to_it(drawn):
    spans = sorted((AT + round(at, 3), round(length, 3), f"a{account}") for at, length, account in drawn)
    lines = [line(at, duration_s=length, account={"id": account}) for at, length, account in spans]
    open_until: dict[str, list[float]] = {}
    for one, (at, length, account) in zip(replay(NONE + ONE_AT_A_TIME, lines), spans, strict=True):
        busy = [until for until in open_until.get(account, []) if until > at]
        assert one.outcome == ("throttle" if busy else "allow")
        if not busy:
            open_until[account] = [at + length]


def test_the_region_is_the_databases_unless_a_believed_edge_said_otherwise():
    policy = "rules: [{id: regions.seen, when: client.country == 'NZ', then: {tag: [nz]}}]\n"
    told = [line(headers=[["cf-ipcountry", "NZ"]])]
    assert replay(policy, told)[0].outcome == "allow"
    assert replay(policy, told, edge=EdgeHeaders("cf-ipcountry"))[0].outcome == "tag"
    assert replay(policy, [line()], edge=EdgeHeaders("cf-ipcountry"))[0].outcome == "allow"


def test_the_time_of_a_rule_is_the_time_of_the_exchange():
    policy = "rules: [{id: r.dated, when: 'true', then: {tag: [x]}, not_before: 2026-09-22, expires: 2026-09-22}]\n"
    day = 86_400.0
    assert [one.outcome for one in replay(policy, [line(AT), line(AT + day), line(AT + 2 * day)])] == ["allow", "tag", "allow"]


def test_account_attributes_are_those_of_the_line():
    policy = (
        "rules: [{id: r.young, when: \"account.age_days < 10.0 && account.tier == 'free' && 'beta' in account.tags\", then: {tag: [x]}}]\n"
    )
    young = {"id": "a", "tier": "free", "age_days": 4, "tags": ["beta"]}
    assert [one.outcome for one in replay(policy, [line(account=young), line(account={**young, "age_days": 40})])] == ["tag", "allow"]


def test_an_outcome_is_told_in_the_lines_of_the_format():
    (replayed,) = replay(REGION, [line(client_ip=KOREA)])
    assert as_line(replayed, {"timing": 1.9}) == {
        "at": AT, "account": "acct-1", "outcome": "refuse", "rule": "regions.korea", "shadow": (),
        "risk": {"level": 0, "score": 0.0, "families": {"timing": 1.9}}, "campaign": "", "revision": replayed.revision,
    }  # fmt: skip


def test_the_same_traffic_gives_the_same_outcomes_every_time():
    lines = [line(AT + step, client_ip=KOREA if step % 5 == 0 else GERMANY) for step in range(50)]
    first, second = ([as_line(one, {}) for one in replay(REGION + ONE_AT_A_TIME, lines, detector=True)] for _ in range(2))
    assert first == second


def test_an_address_that_policy_passes_unread_is_passed():
    policies = NONE + "uninspected: [{method: GET, path: /v1/unheard_of, reason: scanned elsewhere}]\n"
    replayed = replay(policies, [line(method="GET", path="/v1/unheard_of", body=None), line(path="/v1/unheard_of")])
    assert [(one.outcome, one.rule) for one in replayed] == [("allow", ""), ("refuse", "rejected.unknown_endpoint")]
    assert replayed[0].decision.facts["request.inspected"] is False
