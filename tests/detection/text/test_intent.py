from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.shipped import shipped_intents
from proxy.detection.text.intent import load_intents
from proxy.detection.text.words import folded
from proxy.errors import ConfigError

INTENTS = shipped_intents()

ASKS = [
    ("reasoning", "Solve the problem. Think carefully, step by step, and write the answer on its own line."),
    ("reasoning", "Denke Schritt für Schritt und schreibe erst dann das Ergebnis."),
    ("reasoning", "请一步一步地思考,然后写出答案。"),
    ("rationalising", "Explain why the answer is correct, given the correct answer: 42."),
    ("task_generation", "Invent twelve new and varied questions about chemistry."),
    ("prompt_rewriting", "Rewrite this instruction so that it becomes more complex."),
    ("self_chat", "Write a dialogue between a curious user and a helpful assistant."),
    ("grading", "Rate the quality of the response on a scale of 1 to 10."),
    ("comparing", "Which answer is better, the first or the second?"),
    ("question_answer_pairs", "Create question and answer pairs from the passage."),
]


@pytest.mark.parametrize(("intent", "text"), ASKS, ids=[f"{index}-{intent}" for index, (intent, _) in enumerate(ASKS)])
def test_what_training_data_is_made_of_is_recognised(intent, text):
    assert intent in INTENTS.of(INTENTS.bits(folded(text)))


@pytest.mark.parametrize(
    "text",
    [
        "What is the capital of France?",
        "Translate the following paragraph into German.",
        "Give me a step by step guide to baking bread.",
        "Choose the best answer: which of these is a mammal?",
        "Summarise the meeting notes and list who has to do what.",
        "Classify the sentiment of this review as positive or negative.",
    ],
)
def test_everyday_requests_match_nothing(text):
    assert INTENTS.bits(folded(text)) == 0


def test_a_gap_ends_with_the_sentence():
    intents = load_intents({"a.yaml": b"intent: a\nmeans: b\npatterns: {en: ['write ... poem']}"})
    assert intents.bits("write me a short poem")
    assert not intents.bits("write to me. i like a poem")


def test_a_pattern_that_begins_with_a_letter_begins_where_a_word_does():
    intents = load_intents({"a.yaml": b"intent: a\nmeans: b\npatterns: {en: ['rate ... answers', '<noinput>']}"})
    assert intents.bits("please rate these answers")
    assert not intents.bits("generate these answers")
    assert intents.bits("input:<noinput>")


def test_behind_a_gap_of_any_characters_a_part_may_begin_inside_a_word():
    intents = load_intents({"a.yaml": "intent: a\nmeans: b\npatterns: {en: ['write…sonnets']}".encode()})
    assert intents.bits("write megasonnets")
    assert not intents.bits("rewrite megasonnets")


PATTERNS = (
    b"intent: a\nmeans: b\npatterns: {en: ['write ... poem', '(rate|score)s? ... (answer|text) ... scale', 'explain it|re-?think ... it']}"
)
SEARCHED_WHOLE = re.compile(
    r"\b(write (?:[^.!?\n]* )?poem|(rate|score)s? (?:[^.!?\n]* )?(answer|text) (?:[^.!?\n]* )?scale|explain it|re-?think (?:[^.!?\n]* )?it)"
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "write",
                "writes",
                "poem",
                "rate",
                "separate",
                "scores",
                "answer",
                "text",
                "scale",
                "explain",
                "unexplain",
                "rethink",
                "it",
                "a",
                ".",
                "of",
            ]
        ),
        max_size=16,
    )
)
def test_searching_in_two_steps_finds_what_searching_for_whole_patterns_does(words):
    intents, text = load_intents({"a.yaml": PATTERNS}), " ".join(words)
    assert bool(intents.bits(text)) == bool(SEARCHED_WHOLE.search(text))


def test_the_head_and_the_tail_of_a_long_text_are_read():
    filler = "nothing to see here at all " * 400
    question = "think about it step by step "
    assert INTENTS.bits(question + filler)
    assert INTENTS.bits(filler + question)


def test_all_faults_of_all_files_are_reported_with_their_lines():
    files = {
        "a.yaml": b"intent: a\nmeans: x\npatterns:\n  en:\n    - 'fine'\n    - '(open'\n",
        "b.yaml": b"means: x\nsurprise: 1\npatterns: {en: 'no list'}\n",
        "c.yaml": b"- a\n- list\n",
        "d.yaml": b"intent: [\n",
        "e.yaml": b"intent: a\nmeans: x\npatterns: {}\n",
    }
    with pytest.raises(ConfigError) as caught:
        load_intents(files)
    told = {(problem.file, problem.line) for problem in caught.value.problems}
    assert {("a.yaml", 6), ("b.yaml", 2), ("b.yaml", 3), ("c.yaml", 1), ("e.yaml", 1)} <= told
    assert any(problem.file == "d.yaml" for problem in caught.value.problems)


def test_any_text_can_be_searched():
    assert INTENTS.bits("\ud800 think step by step \udfff") == INTENTS.bits("think step by step")


def test_without_patterns_nothing_matches():
    assert load_intents({}).bits("think step by step") == 0
