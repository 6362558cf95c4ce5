from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from proxy.detection.accounts.distinct import Distinct


def sketch(values):
    made = Distinct()
    for value in values:
        made.add(xxh3_64_intdigest(str(value).encode()))
    return made


@pytest.mark.parametrize("count", [0, 1, 10, 100, 5000])
def test_the_estimate_is_near_the_truth(count):
    assert sketch(range(count)).estimate() == pytest.approx(count, rel=0.4, abs=0.5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 500), max_size=60), min_size=1, max_size=5), st.randoms())
def test_sketches_merge_in_any_order(parts, random):
    one = Distinct()
    for part in parts:
        one.merge(sketch(part))
    random.shuffle(parts)
    other = Distinct()
    for part in parts:
        other.merge(sketch(part))
    assert one == other == sketch(value for part in parts for value in part)


def test_a_copy_counts_on_for_itself():
    made = sketch(range(100))
    copied = deepcopy(made)
    copied.merge(sketch(range(100, 200)))
    assert made == sketch(range(100))
    assert copied == sketch(range(200))
