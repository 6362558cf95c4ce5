from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.facts import BY_NAME, Facts, FactValue, Kind
from proxy.policy.language.closures import CelFault
from proxy.policy.language.expression import Condition, Expressions
from proxy.policy.language.shapes.case_file import ORDINARY
from proxy.policy.load import load
from proxy.policy.tools import domains
from proxy.policy.tools.possible import joint_truths
from tests.policy.generated import CONDITIONS, LIST_FILE, LISTS, facts_of

EXPRESSIONS = Expressions(LISTS)
NAMES = load({"a.yaml": LIST_FILE + b"rules: [{id: a.b, when: 'true', then: {tag: [x]}}]\n"}, 0.0).vocabulary


def within_domains(facts: Facts) -> Facts:
    """The same facts with values that the facts can really have."""
    return {name: _sound(name, value) for name, value in facts.items()}


def _sound(name: str, value: FactValue) -> FactValue:
    choices = domains.choices(name)
    if choices is not None:
        return value if value in choices else min(choices, key=str)
    if name == "client.subdivision":
        return value if domains.is_subdivision(str(value)) else ""
    if BY_NAME[name].kind in {Kind.INT, Kind.DOUBLE} and isinstance(value, int | float):
        return max(0, min(value, 1.0) if name in {"account.owner_share", "risk.score"} else value)
    return value


def truth(condition: Condition, facts: Facts) -> bool | None:
    try:
        return bool(condition.holds(facts))
    except CelFault:
        return None


@settings(max_examples=200, deadline=None)
@given(CONDITIONS, st.data())
def test_what_is_called_impossible_never_happens(text, data):
    condition = EXPRESSIONS.compile(text)
    facts = within_domains(data.draw(facts_of(condition.reads)))
    truths = joint_truths([(condition, NAMES)])
    happened = truth(condition, facts)
    assert truths is None or happened is None or (happened,) in truths.found


@settings(max_examples=100, deadline=None)
@given(CONDITIONS, CONDITIONS, st.data())
def test_no_pair_of_truths_is_overlooked(first, second, data):
    one, other = EXPRESSIONS.compile(first), EXPRESSIONS.compile(second)
    facts = within_domains(data.draw(facts_of(one.reads | other.reads)))
    truths = joint_truths([(one, NAMES), (other, NAMES)])
    happened = (truth(one, facts), truth(other, facts))
    assert truths is None or None in happened or happened in truths.found


PIECES = ["", "a", "b", "ab", "ba", "abc", "o", "gpt-4o"]
QUOTED = st.sampled_from(PIECES).map("'{}'".format)
ABOUT = {
    "account.tier": (
        st.one_of(
            st.tuples(st.sampled_from(["==", "!=", "<", ">="]), QUOTED).map("account.tier {0[0]} {0[1]}".format),
            st.tuples(st.sampled_from(["startsWith", "endsWith", "contains", "matches"]), QUOTED).map("account.tier.{0[0]}({0[1]})".format),
            st.tuples(st.sampled_from(["==", "<", ">"]), st.integers(0, 4)).map("size(account.tier) {0[0]} {0[1]}".format),
            st.lists(QUOTED, max_size=2).map(lambda items: f"account.tier in [{', '.join(items)}]"),
        ),
        st.text("abcogpt-4", max_size=6) | st.tuples(*[st.sampled_from(PIECES)] * 3).map("".join),
    ),
    "account.tags": (
        st.one_of(
            QUOTED.map("{} in account.tags".format),
            st.tuples(st.sampled_from(["==", "<", ">"]), st.integers(0, 4)).map("size(account.tags) {0[0]} {0[1]}".format),
        ),
        st.lists(st.sampled_from(PIECES), max_size=5).map(tuple),
    ),
    "client.subdivision": (
        st.one_of(
            st.sampled_from(["", "UA-43", "DE-BE", "UA-4"]).map("client.subdivision == '{}'".format),
            st.sampled_from(["U", "UA", "UA-", "UA-4", "D"]).map("client.subdivision.startsWith('{}')".format),
            st.sampled_from(["3", "UA-43"]).map("client.subdivision.endsWith('{}')".format),
            st.just("client.subdivision > 'M'"),
        ),
        st.sampled_from(["", "UA-43", "UA-4", "UA-49", "UA-09", "UG-1", "DE-BE", "DE-BY", "FR-75C", "US-CA"]),
    ),
}


@pytest.mark.parametrize("fact", sorted(ABOUT))
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_however_many_tests_ask_for_one_fact_no_way_they_fall_together_is_overlooked(fact, data):
    texts, values = ABOUT[fact]
    conditions = [EXPRESSIONS.compile(text) for text in data.draw(st.lists(texts, min_size=2, max_size=4))]
    value = data.draw(values)
    truths = joint_truths([(condition, NAMES) for condition in conditions])
    assert truths is not None
    assert tuple(truth(condition, {**ORDINARY, fact: value}) for condition in conditions) in truths.found


def test_a_condition_agrees_with_itself():
    condition = EXPRESSIONS.compile(
        "client.country in lists.supported && request.n > 4 || account.as == ''".replace("account.as", "account.org")
    )
    assert joint_truths([(condition, NAMES), (condition, NAMES)]) == ({(True, True), (False, False)}, True)


def test_too_many_cases_are_left_alone():
    text = " || ".join(f"(request.n / {number} == 1)" for number in range(2, 40))
    assert joint_truths([(EXPRESSIONS.compile(text), NAMES)]) is None
