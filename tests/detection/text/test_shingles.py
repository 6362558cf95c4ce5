from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.text.shingles import ENDS, fingerprints, prefix_sums, runs
from proxy.detection.text.words import folded, words

TEMPLATE = "weigh the reply below against every line of the marking sheet and say in one sentence which line it misses most often and why that is so"


def sample(text):
    return set(fingerprints(runs(prefix_sums(words(folded(text))), 5)).tolist())


def test_prompts_that_share_a_template_share_its_fingerprints_wherever_it_stands():
    first = sample(f"{TEMPLATE}\n\npayload one about bridges and their many builders")
    second = sample(f"payload two is about rivers and the boats that cross them\n\n{TEMPLATE}")
    assert len(first & second) >= 3


def test_unrelated_prompts_share_nothing():
    assert not sample(TEMPLATE) & sample("the history of bridges starts with fallen trees over small streams in the woods of the north")


def test_fewer_words_than_a_run_give_nothing():
    assert sample("only four words here") == set()


def test_the_ends_of_a_text_are_always_kept():
    hashes = runs(prefix_sums(words(folded(" ".join(f"word{chr(97 + index % 26)}{chr(97 + index // 26)}" for index in range(200))))), 5)
    kept = fingerprints(hashes)
    assert np.isin(hashes[:ENDS], kept).all()
    assert np.isin(hashes[-ENDS:], kept).all()
    assert kept.size < hashes.size / 3


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=0, max_size=60), st.integers(2, 13))
def test_a_run_hash_depends_on_its_words_alone(letters, length):
    hashes = runs(prefix_sums(words(" ".join(letters))), length).tolist()
    seen: dict[tuple[str, ...], int] = {}
    for start, found in enumerate(hashes):
        assert seen.setdefault(tuple(letters[start : start + length]), found) == found
    assert len(hashes) == max(0, len(letters) - length + 1)
