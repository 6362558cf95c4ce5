from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.language.closures import CelFault
from proxy.policy.language.expression import Expressions
from proxy.policy.language.shapes.case_file import ORDINARY
from tests.policy.generated import CONDITIONS, LISTS, SOUND_TESTS, facts_of

EXPRESSIONS = Expressions(LISTS)


def truth(ask, given_facts):
    try:
        return bool(ask(given_facts))
    except CelFault:
        return "fault"


@settings(max_examples=200, deadline=None)
@given(CONDITIONS, st.data())
def test_a_condition_is_true_false_or_faulty_exactly_when_cel_says_so(text, data):
    condition = EXPRESSIONS.compile(text)
    given_facts = data.draw(facts_of(condition.reads))
    assert truth(condition.holds, given_facts) == truth(condition.reference, given_facts)


@settings(max_examples=200, deadline=None)
@given(SOUND_TESTS, st.data())
def test_a_test_that_cannot_fail_is_never_put_to_cel(text, data):
    condition = EXPRESSIONS.compile(text)
    given_facts = data.draw(facts_of(condition.reads))
    assert all(atom.truth.sound for atom in condition.atoms)
    assert truth(condition.holds, given_facts) == truth(condition.reference, given_facts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("request.turns / request.n > 1 && false", False),
        ("false && request.turns / request.n > 1", False),
        ("request.turns / request.n > 1 || true", True),
        ("request.turns / request.n > 1 || false", "fault"),
        ("!(request.turns / request.n > 1)", "fault"),
        ("request.turns / request.n > 1 && true", "fault"),
    ],
)
def test_a_fault_is_absorbed_only_where_the_other_side_settles_it(text, expected):
    condition = EXPRESSIONS.compile(text)
    given_facts = {**ORDINARY, "request.n": 0}
    assert truth(condition.holds, given_facts) == truth(condition.reference, given_facts) == expected


@pytest.mark.parametrize("value", ["\ud800", None, 3, 10**40, float("nan"), ["x"]])
def test_a_value_that_no_fact_may_have_is_a_fault_and_not_a_crash(value):
    condition = EXPRESSIONS.compile("client.as_org + 'x' == 'yx'")
    with pytest.raises(CelFault):
        condition.holds({**ORDINARY, "client.as_org": value})


@pytest.mark.parametrize("sign", ["==", "!=", "<", "<=", ">", ">="])
def test_a_comparison_means_at_its_border_what_it_means_to_cel(sign):
    pairs = [
        ("request.n", "2"),
        ("request.n", "request.turns"),
        ("size(client.as_org)", "2"),
        ("size(client.as_org)", "request.turns"),
        ("client.country", "'b'"),
    ]
    for left, right in [*pairs, *((right, left) for left, right in pairs)]:
        condition = EXPRESSIONS.compile(f"{left} {sign} {right}")
        assert condition.atoms[0].truth.sound
        for number in (1, 2, 3):
            given_facts = {
                **ORDINARY,
                "request.n": number,
                "request.turns": 2,
                "client.as_org": "x" * number,
                "client.country": " abc"[number],
            }
            assert condition.holds(given_facts) is condition.reference(given_facts)


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("client.country in ['DE', 'FR']", True),
        ("'DE' in request.patterns", True),
        ("client.country in request.patterns", True),
        ("client.country.startsWith('D')", True),
        ("client.country.endsWith('E')", True),
        ("client.country.contains('U')", True),
        ("client.country.matches('^[D-E]+$')", True),
        ("true", True),
        ("request.n > -1", True),
        ("request.n < 128", True),
        ("request.n > -9223372036854775808", True),
        ("request.n < 9223372036854775807", True),
        ("client.country + '' in ['DE', 'FR']", False),
        ("client.country + '' in lists.supported", False),
        ("client.country + '' in request.patterns", False),
        ("client.country in [client.as_org, 'DE']", False),
        ("client.country.startsWith(client.as_org)", False),
        ("(client.country + 'E').startsWith('DE')", False),
        ("(client.country + '').matches('^D')", False),
        ("size(client.country + 'E') > 2", False),
        ("2 < request.n + 1", False),
        ("uint(request.n) > 1u", False),
        ("bytes(client.country) == b'DE'", False),
        ("request.n + 1 > 2", False),
        ("request.n < request.turns + 1", False),
    ],
)
def test_what_is_computed_is_put_to_cel_and_what_is_not_means_the_same_however_often_it_is_asked(text, sound):
    condition = EXPRESSIONS.compile(text)
    assert condition.atoms[0].truth.sound is sound
    for country in ("DE", "FR", "CU", "DE"):
        given_facts = {
            **ORDINARY,
            "client.country": country,
            "client.as_org": "D",
            "request.patterns": ("DE",),
            "request.n": 2,
            "request.turns": 2,
        }
        assert condition.holds(given_facts) is condition.reference(given_facts)


def test_membership_in_a_list_is_asked_of_a_set_not_of_cel():
    assert EXPRESSIONS.compile("client.country in lists.supported").atoms[0].truth.sound


@pytest.mark.parametrize(
    "text", ["request.stream in [1, 'a']", "request.stream in [1.0, 1]", "request.n in [true, 'a']", "1.0 in [true, 'a']"]
)
def test_a_truth_value_is_no_number_in_a_list_of_several_types(text):
    condition = EXPRESSIONS.compile(text)
    given_facts = {**ORDINARY, "request.stream": True, "request.n": 1}
    assert condition.holds(given_facts) is condition.reference(given_facts) is False
