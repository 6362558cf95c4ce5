from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.names.patterns import SCANNED_CHARS, BadPattern, PatternSets, check_pattern

SETS = PatternSets({"greeting": ["hello", r"good\s+morning"], "farewell": ["bye"], "cjk": ["思考过程"]})


def test_the_sets_that_match_are_named_once_each_in_order():
    assert SETS.scan(["HELLO and good   morning", "bye bye"]).found == ("farewell", "greeting")
    assert SETS.scan(["nothing"]).found == ()
    assert SETS.scan([]).found == ()
    assert SETS.scan(["请写出思考过程"]).found == ("cjk",)


def test_an_expression_split_over_two_texts_is_still_seen():
    assert SETS.scan(["please: good", "morning"]).found == ("greeting",)


def test_a_very_long_prompt_is_scanned_at_both_ends_only():
    filler = "x" * SCANNED_CHARS
    assert SETS.scan(["hello", filler, filler, "bye"]).found == ("farewell", "greeting")
    assert SETS.scan([filler, "hello", filler]).found == ()


def test_of_a_prompt_just_short_enough_nothing_is_left_out():
    half = "x" * (SCANNED_CHARS // 2 - 3)
    assert SETS.scan([half, " hello", half]).found == ("greeting",)
    assert SETS.scan([half, " hello ", half]).found == ()


@pytest.mark.parametrize("sets", [SETS, PatternSets({})], ids=["with patterns", "without"])
def test_what_is_left_out_is_counted(sets):
    assert [sets.scan(["x" * size, "y"]).unscanned_chars for size in (0, SCANNED_CHARS - 2, SCANNED_CHARS - 1, SCANNED_CHARS, 300_000)] == [
        0, 0, 0, 1, 300_001 - SCANNED_CHARS,
    ]  # fmt: skip


def test_many_small_texts_are_bounded_like_one_long_one():
    texts = ["hello", *["y" * 10] * 100_000, "bye"]
    assert SETS.scan(texts).found == ("farewell", "greeting")


def test_text_that_is_no_unicode_is_scanned_all_the_same():
    assert SETS.scan(["\ud800 hello \udfff"]).found == ("greeting",)


def test_no_sets_find_nothing():
    assert PatternSets({}).scan(["hello"]).found == ()


def test_a_thousand_patterns_are_one_automaton():
    sets = PatternSets({f"s{number}": [rf"word{number}\b"] for number in range(1000)})
    assert sets.scan(["a word7 and word999"]).found == ("s7", "s999")


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
        if PatternSets({name: patterns}).scan(texts).found
    }
    assert alone == set(SETS.scan(texts).found) - {"cjk"}
