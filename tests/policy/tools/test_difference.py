from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.effects import lower_bound
from proxy.policy.load import load
from proxy.policy.tools.difference import as_json, by_direction, compare
from proxy.policy.verdict import Verdict
from tests.policy.generated import LIST_FILE, document, near_ordinary, rules

NOW = 1_795_520_000.0
BASE = """lists: {l: {values: [DE, FR]}}
models: {known: [m-large]}
rules:
  - {id: usage.n, when: request.n > 8, then: {clamp: {n: 8}}}
  - {id: regions.a, when: "!(client.country in lists.l)", then: {refuse: {code: c, message: m}}}
  - {id: label.a, when: request.stream, then: {tag: [x]}}
limits:
  - {id: limits.a, per: [account.id], count: requests, rate: 60/1m}
waivers:
  - {id: waivers.a, waives: [usage.*], when: account.verified, expires: 2027-01-31, reason: r, approver: a}
"""


def changes(new: str, old: str = BASE) -> dict[str, str]:
    return {change.id: change.direction for change in compare(load({"a.yaml": old.encode()}, NOW), load({"a.yaml": new.encode()}, NOW))}


def changed(old: str, new: str) -> dict[str, str]:
    assert old in BASE
    return changes(BASE.replace(old, new))


def test_the_same_rules_in_other_words_and_places_are_no_difference():
    assert changes(BASE.replace("request.n > 8", '"request.n   >   8"')) == {}
    assert changes(BASE.replace("[DE, FR]", "[FR, DE]")) == {}
    assert compare(load({"a.yaml": BASE.encode()}, NOW), load({"b.yaml": b"\n\n" + BASE.encode()}, NOW)) == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("request.n > 8", "request.n > 4", {"usage.n": "stricter"}, id="a condition holds for more"),
        pytest.param("request.n > 8", "request.n > 8 && !account.verified", {"usage.n": "milder"}, id="a condition holds for fewer"),
        pytest.param("request.n > 8", "request.n < 3", {"usage.n": "mixed"}, id="a condition holds for others"),
        pytest.param("request.n > 8", "request.n >= 9", {"usage.n": "neutral"}, id="another way to say it"),
        pytest.param(
            "when: request.n > 8",
            "when: \"'a' in account.tags && request.n > 8 || 'b' in account.tags && request.n > 8\"",
            {"usage.n": "milder"},
            id="a condition holds for those with either tag",
        ),
        pytest.param("clamp: {n: 8}", "clamp: {n: 4}", {"usage.n": "stricter"}, id="a lower clamp"),
        pytest.param("clamp: {n: 8}", "clamp: {n: 16}", {"usage.n": "milder"}, id="a higher clamp"),
        pytest.param("clamp: {n: 8}", "clamp: {n: 8, logprobs: false}", {"usage.n": "stricter"}, id="another clamp"),
        pytest.param("then: {clamp: {n: 8}}", "then: {clamp: {n: 8}}, mode: shadow", {"usage.n": "milder"}, id="into shadow"),
        pytest.param("then: {clamp: {n: 8}}", "then: {clamp: {n: 8}}, enforce_percent: 10", {"usage.n": "milder"}, id="for fewer subjects"),
        pytest.param("then: {clamp: {n: 8}}", "then: {clamp: {n: 8}}, expires: 2027-01-01", {"usage.n": "milder"}, id="until a day"),
        pytest.param("then: {clamp: {n: 8}}", "then: {clamp: {n: 8}}, on_error: skip", {"usage.n": "milder"}, id="skips errors"),
        pytest.param("message: m", "message: other", {"regions.a": "neutral"}, id="other words"),
        pytest.param("[DE, FR]", "[DE]", {"l": "neutral", "regions.a": "stricter"}, id="a shorter allow-list"),
        pytest.param("[DE, FR]", "[DE, FR, IT]", {"l": "neutral", "regions.a": "milder"}, id="a longer allow-list"),
        pytest.param("request.stream", "request.logprobs", {"label.a": "neutral"}, id="a label"),
        pytest.param("60/1m", "30/1m", {"limits.a": "stricter"}, id="a smaller budget"),
        pytest.param("60/1m", "60/1m, burst: 600", {"limits.a": "milder"}, id="a larger burst"),
        pytest.param("60/1m", "60/1m, when: request.stream", {"limits.a": "milder"}, id="a limit for fewer"),
        pytest.param("per: [account.id]", "per: [account.id, request.model]", {"limits.a": "milder"}, id="more budgets"),
        pytest.param("clamp: {n: 8}", "refuse: {code: c, message: m}", {"usage.n": "stricter"}, id="a refusal for a clamp"),
        pytest.param("count: requests", "count: input_tokens", {"limits.a": "unclear"}, id="another count"),
        pytest.param("expires: 2027-01-31", "expires: 2027-06-30", {"waivers.a": "milder"}, id="a longer waiver"),
        pytest.param(
            "when: account.verified, expires",
            "when: account.listed && account.verified, expires",
            {"waivers.a": "stricter"},
            id="a waiver for fewer",
        ),
        pytest.param("waives: [usage.*]", 'waives: ["*"]', {"waivers.a": "milder"}, id="a waiver of more"),
        pytest.param("known: [m-large]", "known: [m-small]", {"models": "unclear"}, id="other models"),
    ],
)
def test_a_change_goes_its_way(old, new, expected):
    assert changed(old, new) == expected
    reverse = {"stricter": "milder", "milder": "stricter"}
    assert changes(BASE, BASE.replace(old, new)) == {identity: reverse.get(way, way) for identity, way in expected.items()}


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("request.model.startsWith('gpt-4')", "request.model.startsWith('gpt-')"),
        ("request.model.startsWith('gpt-') && request.model.endsWith('-mini')", "request.model.endsWith('mini')"),
        ("size(request.model) > 8", "size(request.model) > 5"),
        ("size(account.tags) > 2", "size(account.tags) > 1"),
        ("'a' in account.tags && 'b' in account.tags", "'a' in account.tags"),
        ("client.subdivision.startsWith('UA-4')", "client.subdivision.startsWith('UA-')"),
        ("account.country != client.country && account.verified", "account.country != client.country"),
    ],
)
def test_a_condition_that_holds_for_fewer_is_milder(narrow, wide):
    assert changed("when: request.n > 8", f'when: "{wide}"').keys() == {"usage.n"}
    one, other = (BASE.replace("request.n > 8", f'"{text}"') for text in (narrow, wide))
    assert (changes(one, other), changes(other, one)) == ({"usage.n": "milder"}, {"usage.n": "stricter"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("request.model.matches('^gpt-4')", "request.model.matches('^gpt-')"),
        ("request.n * 2 > 8", "request.n > 4"),
        ("account.tags.exists(t, t == 'a')", "'a' in account.tags"),
        ("account.country != client.country", "account.country == 'DE' && client.country != 'DE'"),
    ],
)
def test_where_it_cannot_be_settled_who_a_condition_holds_for_that_is_said(one, other):
    one, other = (BASE.replace("request.n > 8", f'"{text}"') for text in (one, other))
    assert changes(one, other) == changes(other, one) == {"usage.n": "unclear"}


def test_a_rule_that_begins_to_act_is_stricter_whatever_else_is_changed_on_the_way():
    shadow = BASE.replace("then: {clamp: {n: 8}}", "then: {clamp: {n: 4}}, mode: shadow").replace("request.n > 8", "request.n > 4")
    assert (changes(BASE, shadow), changes(shadow)) == ({"usage.n": "stricter"}, {"usage.n": "milder"})
    limit = BASE.replace("rate: 60/1m", "rate: 30/1m, mode: shadow")
    assert (changes(BASE, limit), changes(limit)) == ({"limits.a": "stricter"}, {"limits.a": "milder"})


def test_what_a_refused_request_would_have_been_clamped_to_is_neither_stricter_nor_milder():
    both = BASE.replace("then: {refuse", "then: {strip: [reasoning], clamp: {n: 1}, refuse")
    assert changes(both) == changes(BASE, both) == {"regions.a": "neutral"}


def test_a_rule_that_comes_or_goes_under_the_star_of_a_waiver_changes_no_waiver():
    more = BASE.replace("  - {id: regions.a", "  - {id: usage.m, when: request.stream, then: {clamp: {n: 1}}}\n  - {id: regions.a")
    assert (changes(more), changes(BASE, more)) == ({"usage.m": "stricter"}, {"usage.m": "milder"})


def test_a_budget_for_the_same_facts_in_another_order_is_the_same_budget():
    one, other = (BASE.replace("per: [account.id]", f"per: [{facts}]") for facts in ("account.id, client.ip", "client.ip, account.id"))
    assert changes(one, other) == {"limits.a": "neutral"}


def test_expressions_that_come_and_go_are_told():
    asking = BASE.replace("request.stream", "\"'p' in request.patterns\"")
    was, now = (asking + f"patterns: {{p: {{values: [{expressions}]}}}}\n" for expressions in ("one, two", "two, three"))
    assert changes(now, was) == {"p": "unclear"}
    (told,) = compare(load({"a.yaml": was.encode()}, NOW), load({"a.yaml": now.encode()}, NOW))
    assert str(told) == "~ patterns p (unclear): +three; -one"
    assert changes(was, BASE) == {"p": "neutral", "label.a": "neutral"}


def test_blanks_count_inside_a_text_and_nowhere_else():
    one, other = (BASE.replace("request.n > 8", f"\"account.org == 'A{blanks}B'\"") for blanks in (" ", "  "))
    assert changes(one, other) == {"usage.n": "mixed"}
    spread = BASE.replace("request.n > 8", "\"account.org\\n // whose\\n  ==   'A B'\"")
    assert changes(one, spread) == {}


def test_what_comes_and_goes_is_told():
    more = BASE + "uninspected: [{method: POST, path: /v1/files, reason: r}]\nprices: {default: {input: 1, output: 1}}\n"
    assert changes(more) == {"POST /v1/files": "milder", "prices": "unclear"}
    for priced in ("{default: {input: 1, output: 1, cached_input: 0.5}}", "{default: {input: 1, output: 1}, batch: 0.5}"):
        assert changes(f"{more.partition('prices:')[0]}prices: {priced}\n", more) == {"prices": "unclear"}
    less = "rules: [{id: usage.n, when: request.n > 8, then: {clamp: {n: 8}}}]\n"
    assert changes(less) == {
        "l": "neutral",
        "regions.a": "milder",
        "label.a": "neutral",
        "limits.a": "milder",
        "waivers.a": "stricter",
        "models": "unclear",
    }
    assert changes(BASE, less)["regions.a"] == "stricter"


@settings(max_examples=60, deadline=None)
@given(rules(), rules(), near_ordinary())
def test_a_change_called_stricter_never_helps_anyone_and_one_called_milder_never_hurts(old, new, facts):
    before = load({"a.yaml": document({"r.a": old}), "lists.yaml": LIST_FILE}, NOW)
    after = load({"a.yaml": document({"r.a": new}), "lists.yaml": LIST_FILE}, NOW)
    ways = {change.direction for change in compare(before, after)}
    was, now = before.judge(facts, NOW), after.judge(facts, NOW)
    if ways <= {"stricter", "neutral"}:
        assert at_least_as_strict(now, was)
    if ways <= {"milder", "neutral"}:
        assert at_least_as_strict(was, now)


def at_least_as_strict(one: Verdict, other: Verdict) -> bool:
    """Whether nobody is better off with `one`: a refusal outweighs all else."""
    if one.refusal is not None or other.refusal is not None:
        return one.refusal is not None
    return other.strips <= one.strips and all(
        name in one.clamps and lower_bound(value, one.clamps[name]) == one.clamps[name] for name, value in other.clamps.items()
    )


def test_differences_can_be_read_by_people_and_programs():
    found = compare(load({"a.yaml": BASE.encode()}, NOW), load({"a.yaml": BASE.replace("> 8", "> 4").encode()}, NOW))
    assert str(found[0]) == "~ rule usage.n (stricter): when: holds for more requests"
    assert json.loads(json.dumps(as_json(found)))[0]["direction"] == "stricter"
    assert by_direction(found) == {"stricter": 1}


@settings(max_examples=30, deadline=None)
@given(st.lists(rules(), min_size=1, max_size=3))
def test_nothing_differs_from_itself(texts):
    files = {"a.yaml": document({f"r.{i}": text for i, text in enumerate(texts)}), "lists.yaml": LIST_FILE}
    assert compare(load(files, NOW), load(files, NOW)) == ()
