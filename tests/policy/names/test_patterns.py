from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.names.patterns import SCANNED_CHARS, BadPattern, PatternSets, check_pattern

SETS = PatternSets({"greeting": ["hello", r"good\s+morning"], "farewell": ["bye"], "cjk": ["思考过程"]})


def test_the_sets_that_match_are_named_once_each_in_order():
    assert SETS.found_in(["HELLO and good   morning", "bye bye"]) == ["farewell", "greeting"]
    assert SETS.found_in(["nothing"]) == []
    assert SETS.found_in([]) == []
    assert SETS.found_in(["请写出思考过程"]) == ["cjk"]


def test_an_expression_split_over_two_texts_is_still_seen():
    assert SETS.found_in(["please: good", "morning"]) == ["greeting"]


def test_a_very_long_prompt_is_scanned_at_both_ends_only():
    filler = "x" * SCANNED_CHARS
    assert SETS.found_in(["hello", filler, filler, "bye"]) == ["farewell", "greeting"]
    assert SETS.found_in([filler, "hello", filler]) == []


def test_of_a_prompt_just_short_enough_nothing_is_left_out():
    half = "x" * (SCANNED_CHARS // 2 - 3)
    assert SETS.found_in([half, " hello", half]) == ["greeting"]
    assert SETS.found_in([half, " hello ", half]) == []


def test_many_small_texts_are_bounded_like_one_long_one():
    texts = ["hello", *["y" * 10] * 100_000, "bye"]
    assert SETS.found_in(texts) == ["farewell", "greeting"]


def test_text_that_is_no_unicode_is_scanned_all_the_same():
    assert SETS.found_in(["\ud800 hello \udfff"]) == ["greeting"]


def test_no_sets_find_nothing():
    assert PatternSets({}).found_in(["hello"]) == []


def test_a_thousand_patterns_are_one_automaton():
    sets = PatternSets({f"s{number}": [rf"word{number}\b"] for number in range(1000)})
    assert sets.found_in(["a word7 and word999"]) == ["s7", "s999"]


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "a*", "", "(?<!x)y", "x|"])
def test_what_re2_cannot_do_in_linear_time_or_matches_everything_is_refused(pattern):
    with pytest.raises(BadPattern):
        check_pattern(pattern)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=5))
def test_what_is_found_does_not_depend_on_what_else_is_looked_for(texts):
    alone = {
        name
        for name, patterns in {"greeting": ["hello", r"good\s+morning"], "farewell": ["bye"]}.items()
        if PatternSets({name: patterns}).found_in(texts)
    }
    assert alone == set(SETS.found_in(texts)) - {"cjk"}
