from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.text.words import HEAD_CHARS, TAIL_CHARS, folded, pieces, words


def hashes(text):
    return words(folded(text)).tolist()


def test_case_digits_punctuation_and_compatibility_forms_do_not_matter():
    assert hashes("Task 12: Grade THIS!") == hashes("task 98 grade\n\nthis")
    assert hashes("\uff27rade this") == hashes("grade this")


def test_zero_width_characters_do_not_split_or_change_words():
    assert hashes("think\u200b step\ufeff by\u00ad step") == hashes("think step by step")


def test_each_ideograph_is_a_word_and_latin_between_them_stays_whole():
    assert len(hashes("请reason一步")) == 4
    assert hashes("请 reason 一 步") == hashes("请reason一步")


def test_the_two_ways_of_reading_agree_on_plain_words():
    plain = hashes("grade this answer")
    assert hashes("grade this answer \u00e9t\u00e9")[:3] == plain


def test_a_text_without_words_has_none():
    assert hashes("") == []
    assert hashes(" \u200b!? \u2603 ") == []


def test_a_long_text_is_read_at_its_ends_only():
    text = "a" * 200_000
    assert sum(map(len, pieces(text))) == HEAD_CHARS + TAIL_CHARS


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_any_text_gives_one_hash_a_word_and_never_fails(text):
    found = words(folded(text))
    assert found.dtype == np.uint64
    assert found.size <= 18 * max(1, len(text))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["grade", "Answer", "the", "\u00e9t\u00e9", "一", "42"]), min_size=1, max_size=30),
    st.sampled_from([" ", "\n", " - ", "\t\t"]),
)
def test_words_hash_alike_wherever_they_stand_and_whatever_separates_them(chosen, separator):
    assert hashes(separator.join(chosen)) == [one for word in chosen for one in hashes(word)]
