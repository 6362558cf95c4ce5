from __future__ import annotations

import pytest

from proxy.detection.text.bank import build_bank, load_bank
from proxy.detection.text.shingles import prefix_sums
from proxy.detection.text.words import folded, words
from proxy.errors import ConfigError

QUESTIONS = [
    f"A {colour} train leaves {town} at 9 with 3 wagons and meets the {other} train after {count} hours; how many wagons stand at the station then?"
    for count, (colour, town, other) in enumerate(
        (colour, town, other)
        for colour in ("red", "green", "grey", "white")
        for town in ("Ashford", "Belcombe", "Corwick")
        for other in ("mail", "night", "milk")
    )
]
BANK = build_bank(QUESTIONS)


def held(text, bank=BANK):
    return bank.question(prefix_sums(words(folded(text))))


def test_every_question_of_the_bank_is_found_bare_and_inside_a_template():
    assert all(held(question) for question in QUESTIONS)
    assert all(held(f"Solve this. {question} Answer with a number.") for question in QUESTIONS)


def test_the_same_question_has_the_same_number_in_any_template_and_others_have_others():
    assert held(QUESTIONS[0]) == held(f"Think hard about this one. {QUESTIONS[0]}")
    assert len({held(question) for question in QUESTIONS}) > len(QUESTIONS) / 3


def test_other_numbers_in_the_same_question_do_not_hide_it():
    assert held(QUESTIONS[0].replace("9", "17"))


def test_other_texts_are_not_found():
    assert not held("What is the best way to learn to play the violin when you are past forty and have little time to practise each day?")
    assert not held("short")
    assert not held("")


def test_the_file_form_says_the_same():
    again = load_bank(BANK.to_bytes())
    assert again.questions == len(QUESTIONS)
    assert all(held(question, again) for question in QUESTIONS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"question-bank-1\n{}\n\x00",
        b'question-bank-1\n{"questions": 1}\n',
        b'question-bank-1\n{"questions": 1}\n' + bytes(3),
    ],
)
def test_other_bytes_are_refused(content):
    with pytest.raises(ConfigError):
        load_bank(content)


def test_a_bank_without_a_long_enough_question_is_refused():
    with pytest.raises(ValueError, match="8 words"):
        build_bank(["why?", "how so?"])
