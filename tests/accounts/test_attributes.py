from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.accounts.attributes import NO_ATTRIBUTES, READERS, Attributes, overlay, read_attributes, words
from proxy.identity.caller import Account


def read(**values):
    return read_attributes(values, lambda name: f"here:{name}")


def test_attributes_are_the_tail_of_an_account():
    assert Account._fields[3:] == Attributes._fields
    assert Account._field_defaults.items() >= Attributes._field_defaults.items()


def test_typed_values_and_texts_read_the_same():
    typed, _ = read(org="Acme", tier="gold", verified=True, country="DE", owner_share=0.51, opened="2026-01-31", tags=["eval", "internal"])
    texts, _ = read(org="Acme", tier="gold", verified="true", country="DE", owner_share="0.51", opened="2026-01-31", tags="eval; internal")
    assert typed == texts
    assert typed.opened_at == 1769817600.0
    assert typed.tags == ("eval", "internal")


def test_empty_values_are_unknown_and_have_no_source():
    attributes, faults = read(org="", tier=None, country="DE")
    assert faults == []
    assert attributes == Attributes(country="DE", sources=(("country", "here:country"),))


def test_false_is_known():
    assert read(verified="false")[0].sources == (("verified", "here:verified"),)


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        pytest.param("country", "de", "two upper-case letters", id="lower case"),
        pytest.param("country", "UK", "write GB", id="not what ISO calls it"),
        pytest.param("country", False, "in quotes", id="Norway as YAML 1.1 reads it"),
        pytest.param("owner_share", 51, "0.51 for 51 %", id="a percentage"),
        pytest.param("owner_share", "nan", "0.51 for 51 %", id="not a number"),
        pytest.param("verified", "yes", "write true or false", id="a word for true"),
        pytest.param("opened", "31.01.2026", "2026-01-31", id="a date in another order"),
        pytest.param("opened", 20260131, "2026-01-31", id="a day written as a number"),
        pytest.param("opened", True, "2026-01-31", id="a truth value as date"),
        pytest.param("tags", ["a b"], "letters, digits", id="a tag with a space"),
        pytest.param("tags", 7, "letters, digits", id="a number as tags"),
        pytest.param("tags", ["t"] * 65, "at most 64", id="too many tags"),
        pytest.param("org", "a\nb", "at most 128 characters", id="a line break"),
        pytest.param("owner_cuntry", "DE", "known: org", id="a misspelt name"),
    ],
)
def test_a_value_that_cannot_be_read_is_told_with_what_to_write(name, value, fix):
    attributes, faults = read(**{name: value})
    assert attributes == NO_ATTRIBUTES
    assert [fault.name for fault in faults] == [name]
    assert fix in faults[0].fix


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.lists(st.text(max_size=8), max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*READERS, "other"]), json_values | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)))
def test_any_values_give_attributes_or_faults(values):
    attributes, faults = read(**values)
    told = {fault.name for fault in faults}
    known = {name for name, _ in attributes.sources}
    assert not told & known
    assert told | known == {name for name, value in values.items() if value not in (None, "") or name == "other"}
    assert all(fault.what and fault.fix for fault in faults)


layers = st.lists(
    st.fixed_dictionaries({}, optional={"org": st.sampled_from("AB"), "verified": st.booleans(), "country": st.sampled_from(["DE", "FR"])}),
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(layers)
def test_for_each_attribute_the_first_layer_that_knows_it_wins(said):
    def layer(at):
        return lambda _: f"layer {at}"

    joined = overlay(*(read_attributes(values, layer(at))[0] for at, values in enumerate(said)))
    expected: dict[str, tuple[Any, str]] = {}
    for at, values in enumerate(said):
        for name, value in values.items():
            expected.setdefault(name, (value, f"layer {at}"))
    assert {name: (value, source) for name, value, source in words(joined)} == expected
    assert joined._replace(sources=()) == Attributes(**{name: value for name, (value, _) in expected.items()})
