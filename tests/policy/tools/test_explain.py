from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.policy_folder import read_folder
from proxy.policy.language.shapes.case_file import ORDINARY
from proxy.policy.load import load
from proxy.policy.tools.explain import explain
from tests.policy.generated import LIST_FILE, document, near_ordinary, rules

NOW = 1_795_520_000.0
SHIPPED = load(read_folder(Path(__file__).parents[3] / "policies"), NOW)
WAIVERS = b"""waivers:
  - {id: w.first, waives: [r.0, l.*], when: account.verified, expires: 2026-12-31, reason: r, approver: a}
  - {id: w.gone, waives: ["*"], when: "true", expires: 2026-01-01, reason: r, approver: a}
limits:
  - {id: l.a, per: [account.id], count: requests, rate: 1/1s, when: "request.n / request.turns > 0"}
  - {id: l.b, per: [account.id], count: requests, rate: 1/1s, mode: shadow}
"""


@settings(max_examples=60, deadline=None)
@given(st.lists(rules(), min_size=1, max_size=4), near_ordinary(), st.sampled_from([NOW - 40 * 86400, NOW, NOW + 40 * 86400]))
def test_an_explanation_agrees_with_the_verdict(texts, facts, now):
    ruleset = load({"a.yaml": document({f"r.{i}": text for i, text in enumerate(texts)}) + WAIVERS, "lists.yaml": LIST_FILE}, NOW)
    explanation = explain(ruleset, facts, now)
    assert explanation.verdict == ruleset.judge(facts, now)
    due = ruleset.due(facts, now)
    assert {looked.id for looked in explanation.limits if looked.acts} == {limit.id for limit in due.limits}
    assert {looked.id for looked in explanation.limits if looked.waived_by} == {hit.rule for hit in due.hits if hit.waived_by}


@settings(max_examples=100, deadline=None)
@given(near_ordinary())
def test_it_agrees_on_the_shipped_policies(facts):
    assert explain(SHIPPED, facts, NOW).verdict == SHIPPED.judge(facts, NOW)


def test_each_test_is_told_with_its_truth_and_the_facts_it_read():
    explanation = explain(SHIPPED, {**ORDINARY, "client.country": "CU"}, NOW, {"client.country": "the embedded database"})
    looked = next(looked for looked in explanation.rules if looked.id == "regions.unsupported.anthropic")
    assert looked.truth is True
    assert [(test.text, test.truth, dict(test.facts)) for test in looked.tests] == [
        ("client.country in lists.anthropic_api", False, {"client.country": "CU"}),
        ("client.geo_status != 'private'", True, {"client.geo_status": "ok"}),
    ]
    assert explanation.sources["client.country"] == "the embedded database"


def test_what_is_asleep_or_fails_is_told_in_words():
    text = b"""rules:
  - {id: a.off, when: "true", then: {tag: [x]}, mode: off}
  - {id: a.early, when: "true", then: {tag: [x]}, not_before: 2027-01-01}
  - {id: a.late, when: "true", then: {tag: [x]}, expires: 2026-01-01}
  - {id: a.fails, when: request.n / request.images > 1, then: {refuse: {code: c, message: m}}}
  - {id: a.skips, when: request.n / request.images > 1, then: {tag: [x]}, on_error: skip}
  - {id: a.some, when: "true", then: {tag: [x]}, enforce_percent: 0.0001}
"""
    explanation = explain(load({"a.yaml": text}, NOW), {**ORDINARY, "request.images": 0}, NOW)
    told = {looked.id: looked.outcome for looked in explanation.rules}
    assert told == {
        "a.off": "is switched off",
        "a.early": "doesn't count yet",
        "a.late": "has expired",
        "a.fails": "fails to evaluate: refuse",
        "a.skips": "fails to evaluate, which it skips",
        "a.some": "matches, but this subject is outside its 0.0001 %",
    }
    assert explanation.verdict.refusal is not None


def test_it_can_be_read_by_programs():
    told = json.loads(json.dumps(explain(SHIPPED, ORDINARY, NOW).as_dict()))
    assert told["verdict"]["outcome"] == "allow"
    assert told["revision"] == SHIPPED.revision
    assert {looked["kind"] for looked in told["rules"] + told["limits"]} == {"rule", "limit"}
