from __future__ import annotations

import pytest

from proxy.detection.shipped import shipped_intents
from proxy.detection.text.intent import load_intents
from proxy.detection.text.pattern import GAPS, begins_word, split, width


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("write ... poem", ["write", "poem"]),
        ("(a|b ... c) ... d", ["(a|b ... c)", "d"]),
        ("[ ... ] ... x", ["[ ... ]", "x"]),
        ("写…诗", ["写", "诗"]),
        ("plain", ["plain"]),
        (r"\( ... \)", [r"\(", r"\)"]),
    ],
)
def test_a_pattern_is_cut_at_gaps_outside_groups_and_classes(pattern, parts):
    assert split(pattern, GAPS) == parts


@pytest.mark.parametrize(
    ("pattern", "fewest"),
    [
        ("score", 5),
        ("(rate|score)", 4),
        (r"\w*", 0),
        ("tasks?", 4),
        ("(final )?answer", 6),
        ("[abc]+x", 2),
        (r"\bgo\b", 2),
        ("a{0,3}b", 1),
        ("(ab|c(de|f))", 2),
        ("", 0),
    ],
)
def test_the_width_is_the_fewest_characters_a_match_takes(pattern, fewest):
    assert width(pattern) == fewest


def test_the_first_step_misses_nothing_that_the_whole_pattern_matches():
    intents = load_intents({"a.yaml": b"intent: a\nmeans: b\npatterns: {en: ['(rate|score) ... (response|answer) ... scale|only this']}"})
    assert intents.bits("please rate the answer on a scale")
    assert intents.bits("only this")
    assert not intents.bits("rate the scale of the answer")
    assert not intents.bits("on this")


def test_adversarial_repetition_of_anchors_stays_linear():
    shipped = shipped_intents()
    assert shipped.bits("step by step " * 4000) >= 0


@pytest.mark.parametrize(
    ("pattern", "begins"),
    [
        ("score", True),
        ("(rate|score)d?", True),
        ("(?:rate|score)", True),
        ("((a|b)c|d)", True),
        ("rate|<score>", False),
        ("(rate|<score>)", False),
        ("(final )?answer", False),
        ("a{0,3}<", False),
        ("s?<", False),
        (r"\w+", False),
        ("请", False),
        ("", False),
    ],
)
def test_a_pattern_begins_a_word_if_every_match_begins_with_a_letter(pattern, begins):
    assert begins_word(pattern) is begins
