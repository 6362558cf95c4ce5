from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.facts import Phase
from proxy.policy.judging import memo
from proxy.policy.judging.memory import LONGEST_TEXT
from proxy.policy.language.shapes.case_file import ORDINARY
from proxy.policy.load import load
from proxy.policy.names.prices import Price
from proxy.policy.verdict import ALLOW, Hit, Mode

DAY = 86_400.0
NOW = 1_795_478_400.0  # 2026-11-24 00:00 UTC


def ruleset(text: str):
    return load({"a.yaml": text.encode()}, NOW)


def test_a_request_that_no_rule_minds_gets_the_very_same_verdict():
    rules = ruleset("rules: [{id: a.b, when: request.n > 8, then: {tag: [x]}}]\n")
    assert rules.evaluate(Phase.REQUEST, ORDINARY, NOW) is ALLOW


def test_of_several_refusals_the_smallest_id_is_told_and_all_are_recorded():
    rules = ruleset("""rules:
  - {id: z.z, when: request.n > 1, then: {refuse: {code: last, message: m}, tag: [t]}}
  - {id: a.a, when: request.n > 1, then: {refuse: {code: first, message: m, step_up_url: "https://x.example"}}, source: clause}
""")
    verdict = rules.evaluate(Phase.REQUEST, {**ORDINARY, "request.n": 2}, NOW)
    assert verdict.refusal == ("a.a", "first", "m", "clause", "https://x.example")
    assert [hit.rule for hit in verdict.hits] == ["a.a", "z.z"]
    assert verdict.tags == {"t"}


def test_a_shadow_rule_is_recorded_and_changes_nothing():
    rules = ruleset(
        "rules: [{id: a.b, when: request.n > 1, then: {refuse: {code: c, message: m}, clamp: {n: 1}, strip: [reasoning]}, mode: shadow}]\n"
    )
    verdict = rules.evaluate(Phase.REQUEST, {**ORDINARY, "request.n": 2}, NOW)
    assert verdict[:4] == ALLOW[:4]
    assert verdict.hits == (("a.b", Mode.SHADOW, ("refuse", "clamp", "strip"), "", False, False),)


def test_effects_of_rules_that_act_unite_and_of_two_bounds_the_lower_holds():
    rules = ruleset("""rules:
  - {id: a.a, when: request.n > 1, then: {strip: [reasoning], clamp: {n: 4, max_tokens: 10}, tag: [x]}}
  - {id: b.b, when: request.n > 1, then: {strip: [logprobs], clamp: {n: 2, max_tokens: 20}, tag: [y]}}
""")
    verdict = rules.judge({**ORDINARY, "request.n": 5}, NOW)
    assert (verdict.refusal, dict(verdict.clamps), verdict.strips, verdict.tags) == (
        None, {"n": 2, "max_tokens": 10}, {"reasoning", "logprobs"}, {"x", "y"},
    )  # fmt: skip


def test_both_phases_are_one_verdict_whichever_comes_first_by_name():
    text = """rules:
  - {{id: {}.request, when: request.n > 1, then: {{refuse: {{code: asked, message: m}}, strip: [reasoning], tag: [x], clamp: {{n: 4}}}}}}
  - {{id: {}.signals, when: risk.level > 0, then: {{refuse: {{code: risky, message: m}}, strip: [logprobs], tag: [y], clamp: {{n: 2}}}}}}
"""
    facts = {**ORDINARY, "request.n": 5, "risk.level": 1}
    for first, second, code in (("a", "b", "asked"), ("b", "a", "risky")):
        verdict = ruleset(text.format(first, second)).judge(facts, NOW)
        assert verdict.refusal is not None
        assert verdict.refusal.code == code
        assert (dict(verdict.clamps), verdict.strips, verdict.tags) == ({"n": 2}, {"reasoning", "logprobs"}, {"x", "y"})
        assert [hit.rule for hit in verdict.hits] == sorted([f"{first}.request", f"{second}.signals"])
    alone = ruleset(text.format("a", "b")).judge({**facts, "request.n": 1}, NOW)
    assert (alone.refusal and alone.refusal.code, alone.strips) == ("risky", {"logprobs"})


def test_of_several_waivers_the_smallest_id_is_recorded():
    waiver = '{id: w.%s, waives: [a.b], when: "true", expires: 2026-12-31, reason: r, approver: a}'
    text = "rules: [{id: a.b, when: request.n > 1, then: {tag: [x]}}]\n"
    waived = ruleset(text + f"waivers:\n  - {waiver % 'z'}\n  - {waiver % 'a'}\n").judge({**ORDINARY, "request.n": 2}, NOW)
    assert [hit.waived_by for hit in waived.hits] == ["w.a"]


@pytest.mark.parametrize(
    ("hit", "counted"),
    [
        (Hit("a.b", Mode.ENFORCE, ()), "enforce"),
        (Hit("a.b", Mode.SHADOW, ()), "shadow"),
        (Hit("a.b", Mode.ENFORCE, (), sampled_out=True), "sampled_out"),
        (Hit("a.b", Mode.ENFORCE, (), waived_by="w.a", sampled_out=True), "waived"),
        (Hit("a.b", Mode.ENFORCE, (), waived_by="w.a", error=True), "error"),
    ],
)
def test_a_hit_counts_as_what_became_of_it(hit, counted):
    assert hit.counted == counted


def test_a_condition_that_fails_refuses_where_the_rule_refuses_and_is_never_just_false():
    text = "rules: [{id: a.b, when: request.n / request.images > 1, then: {refuse: {code: c, message: m}}%s}]\n"
    facts = {**ORDINARY, "request.images": 0}
    verdict = ruleset(text % "").evaluate(Phase.REQUEST, facts, NOW)
    assert verdict.refusal is not None
    assert verdict.hits[0].error
    skipped = ruleset(text % ", on_error: skip").evaluate(Phase.REQUEST, facts, NOW)
    assert skipped.refusal is None
    assert skipped.hits[0].error


def test_a_missing_or_mistyped_fact_fails_the_rules_that_read_it_and_no_other():
    rules = ruleset("""rules:
  - {id: a.tier, when: account.tier == 'gold', then: {refuse: {code: c, message: m}}}
  - {id: a.stream, when: request.stream, then: {tag: [x]}}
  - {id: a.tags, when: "'x' in account.tags", then: {tag: [y]}}
  - {id: a.org, when: account.org.startsWith('x'), then: {tag: [z]}}
""")
    facts = {name: value for name, value in ORDINARY.items() if name != "account.tier"}
    verdict = rules.evaluate(Phase.REQUEST, facts, NOW)
    assert [(hit.rule, hit.error) for hit in verdict.hits] == [("a.tier", True)]
    assert verdict.refusal is not None
    unhashable = rules.evaluate(Phase.REQUEST, {**ORDINARY, "account.tags": ["x"]}, NOW)
    assert [hit.rule for hit in unhashable.hits] == ["a.tags"]
    for fact, rule in (("account.tags", "a.tags"), ("account.org", "a.org")):
        mistyped = rules.evaluate(Phase.REQUEST, {**ORDINARY, fact: 3}, NOW)
        assert [(hit.rule, hit.error) for hit in mistyped.hits] == [(rule, True)]


def test_days_begin_and_end_at_midnight_utc_and_clocks_may_run_backwards():
    rules = ruleset("rules: [{id: a.b, when: request.n > 0, then: {tag: [x]}, not_before: 2026-11-24, expires: 2026-11-25}]\n")
    expected = {NOW - 0.001: False, NOW: True, NOW + 2 * DAY - 0.001: True, NOW + 2 * DAY: False}
    for at in [*expected, *reversed(expected), *expected]:
        assert bool(rules.evaluate(Phase.REQUEST, ORDINARY, at).hits) is expected[at]
    assert rules.expired(NOW + 2 * DAY) == ("a.b",)
    assert rules.expired(NOW) == ()


def test_a_waiver_that_ends_stops_waiving_at_that_moment():
    rules = ruleset("""rules: [{id: a.b, when: request.n > 0, then: {refuse: {code: c, message: m}}}]
limits: [{id: a.l, per: [account.id], count: requests, rate: 1/1s}]
waivers: [{id: w.a, waives: [a.*], when: account.verified, expires: 2026-11-24, reason: r, approver: a}]
""")
    assert rules.evaluate(Phase.REQUEST, ORDINARY, NOW).refusal is None
    assert rules.due(ORDINARY, NOW).limits == ()
    assert rules.due(ORDINARY, NOW).hits[0].waived_by == "w.a"
    assert rules.evaluate(Phase.REQUEST, ORDINARY, NOW + DAY).refusal is not None
    assert [limit.id for limit in rules.due(ORDINARY, NOW + DAY).limits] == ["a.l"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=40, unique=True), st.integers(1, 98))
def test_a_percentage_is_stable_by_subject_and_only_ever_adds(subjects, percent):
    text = "rules: [{id: a.b, when: 'true', then: {tag: [x]}, enforce_percent: %d}]\n"
    lower, higher = ruleset(text % percent), ruleset(text % (percent + 1))
    for subject in subjects:
        facts = {**ORDINARY, "account.id": subject}
        inside = bool(lower.evaluate(Phase.REQUEST, facts, NOW).tags)
        assert bool(lower.evaluate(Phase.REQUEST, {**facts, "client.ip": "203.0.113.9", "request.n": 5}, NOW + 5).tags) is inside
        assert not inside or higher.evaluate(Phase.REQUEST, facts, NOW).tags
        assert lower.evaluate(Phase.REQUEST, facts, NOW).hits[0].sampled_out is not inside


def test_a_percentage_takes_about_that_share():
    rules = ruleset("rules: [{id: a.b, when: 'true', then: {tag: [x]}, enforce_percent: 10}]\n")
    taken = sum(bool(rules.evaluate(Phase.REQUEST, {**ORDINARY, "account.id": f"acct-{number}"}, NOW).tags) for number in range(3000))
    assert 230 < taken < 370
    nobody = {**ORDINARY, "account.id": ""}
    by_address = {bool(rules.evaluate(Phase.REQUEST, {**nobody, "client.ip": f"192.0.2.{number}"}, NOW).tags) for number in range(200)}
    assert by_address == {True, False}


def test_verdicts_are_remembered_by_facts_of_few_values_and_what_callers_vary_at_will_is_asked_each_time():
    rules = ruleset("""rules:
  - {id: a.few, when: request.n > 1, then: {tag: [few]}}
  - {id: b.wide, when: request.input_tokens > 5, then: {tag: [wide]}}
  - {id: c.both, when: request.n > 1 && request.input_tokens > 8, then: {tag: [both]}}
""")

    def judged(tokens: int):
        return rules.evaluate(Phase.REQUEST, {**ORDINARY, "request.n": 2, "request.input_tokens": tokens}, NOW)

    assert [judged(tokens).tags for tokens in (5, 6, 9)] == [{"few"}, {"few", "wide"}, {"few", "wide", "both"}]
    assert set(rules._epoch.request._joint) == {2}
    assert judged(1) is judged(2)


BESIDE = "  - {id: a.a, when: request.n > 0, then: {tag: [x]}}\n"


@pytest.mark.parametrize("beside", ["", BESIDE], ids=["alone", "beside a rule that is for everyone"])
@pytest.mark.parametrize(
    ("percent", "waivers"),
    [
        pytest.param(", enforce_percent: 50", "", id="a percentage"),
        pytest.param(
            "", "waivers: [{id: w.a, waives: [b.b], when: account.id < 'n', expires: 2026-12-31, reason: r, approver: a}]", id="a waiver"
        ),
    ],
)
def test_what_becomes_of_a_match_for_one_caller_is_not_remembered_for_the_next(percent, waivers, beside):
    rules = ruleset(f"rules:\n{beside}  - {{id: b.b, when: request.n > 0, then: {{tag: [y]}}{percent}}}\n{waivers}\n")
    subjects = [f"{letter}{number}" for number in range(20) for letter in "az"]
    tags = {rules.evaluate(Phase.REQUEST, {**ORDINARY, "account.id": subject}, NOW).tags - {"x"} for subject in subjects}
    assert tags == {frozenset(), frozenset("y")}


def test_callers_cannot_fill_the_memory_of_verdicts(monkeypatch):
    monkeypatch.setattr(memo, "JOINT_ENTRIES", 64)
    monkeypatch.setattr(memo, "GROUP_ENTRIES", 16)
    rules = ruleset("rules: [{id: a.b, when: request.model == 'x' || request.n > 8, then: {tag: [x]}}]\n")
    joint_sizes, group_sizes = set(), set()
    for number in range(500):
        facts = {**ORDINARY, "request.model": f"m{number}".ljust(LONGEST_TEXT + number % 2, "x"), "request.n": number}
        assert bool(rules.evaluate(Phase.REQUEST, facts, NOW).tags) is (number > 8)
        judgement = rules._epoch.request
        joint_sizes.add(len(judgement._joint))
        group_sizes |= {len(group.seen) for group in judgement._groups}
        memories = [judgement._joint, *(group.seen for group in judgement._groups)]
        assert all(len(model) <= LONGEST_TEXT for memory in memories for model, _ in memory)
    assert joint_sizes == set(range(1, 65)), "they fill, and start over once they are full"
    assert group_sizes == set(range(1, 17))


def test_a_price_is_found_by_any_name_of_the_model():
    rules = ruleset("""models: {aliases: {latest: gpt-4o}}
prices: {default: {input: 9, output: 9}, models: {gpt-4o: {input: 1, output: 2}}}
rules: [{id: a.b, when: request.n > 8, then: {tag: [x]}}]
""")
    assert rules.price("latest", 1) == rules.price("gpt-4o", 1) == Price.plain(1.0, 2.0)
    assert rules.price("other", 1) == Price.plain(9.0, 9.0)
