from __future__ import annotations

import pytest
from hypothesis import given, settings

from proxy.policy.facts import Phase
from proxy.policy.language.expression import Expressions, FaultyExpression
from tests.policy.generated import CONDITIONS, LISTS

EXPRESSIONS = Expressions(LISTS)


def faults_of(text: str):
    with pytest.raises(FaultyExpression) as caught:
        EXPRESSIONS.compile(text)
    return [(fault.line, fault.column, fault.what) for fault in caught.value.faults]


def test_what_a_condition_reads_is_known():
    condition = EXPRESSIONS.compile("request.tools.exists(t, t in lists.supported) || account.verified")
    assert condition.reads == {"request.tools", "account.verified"}
    assert condition.lists == {"supported"}
    assert condition.phase is Phase.REQUEST
    assert EXPRESSIONS.compile("risk.level > 1").phase is Phase.SIGNALS


@pytest.mark.parametrize(
    ("text", "reads", "atoms"),
    [
        ("!account.verified", {"account.verified"}, ["account.verified"]),
        ("{client.country: request.stream}['DE']", {"client.country", "request.stream"}, ["{client.country: request.stream}['DE']"]),
        ("[client.as_org][request.n] == ''", {"client.as_org", "request.n"}, ["[client.as_org][request.n] == ''"]),
        (
            "!(request.stream ? account.verified : true)",
            {"request.stream", "account.verified"},
            ["request.stream ? account.verified : true"],
        ),
    ],
)
def test_what_a_condition_reads_is_known_wherever_it_stands(text, reads, atoms):
    condition = EXPRESSIONS.compile(text)
    assert condition.reads == reads
    assert [atom.text for atom in condition.atoms] == atoms


def test_the_tests_inside_a_condition_are_told_as_written():
    text = "!( client.country  in lists.supported ) && ('a' in request.patterns || (request.n + 1) > 2) && account.id != ')('"
    atoms = [atom.text for atom in EXPRESSIONS.compile(text).atoms]
    assert atoms == ["client.country in lists.supported", "'a' in request.patterns", "(request.n + 1) > 2", "account.id != ')('"]


@settings(max_examples=100, deadline=None)
@given(CONDITIONS)
def test_every_atom_stands_for_itself(text):
    condition = EXPRESSIONS.compile(text)
    assert condition.atoms
    for atom in condition.atoms:
        alone = EXPRESSIONS.compile(atom.text)
        assert alone.reads == atom.reads
        assert len(alone.atoms) == 1


def test_each_of_several_faults_has_its_place():
    assert faults_of("client.contry == 'DE' &&\n  request.n == 'x'") == [
        (1, 1, "unknown fact 'client.contry'"),
        (2, 13, "== can't be applied to (int, string)"),
    ]


def test_an_unknown_name_is_pointed_at_where_it_begins():
    assert faults_of("request.n > 1 && client.contry == 'DE'")[0][:2] == (1, 18)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("client.country", "the condition is a value of type string, not true or false"),
        ("request.tools.exists(t, request.patterns.exists(p, p == t))", "a loop inside a loop"),
        ("client.country.matches(client.as_org)", "the pattern of matches isn't a constant"),
        ("lists.nowhere == 1", "unknown list 'lists.nowhere'"),
        ("nonsense(1)", "unknown name 'nonsense'"),
        ("client.country === 'x'", "syntax error"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, what):
    assert faults_of(text)[0][2].startswith(what)
