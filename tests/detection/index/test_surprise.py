from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.index.surprise import decades, expected


def surprise(now, rate, tests=1.0):
    return float(decades(np.array([now]), np.array([rate]), tests)[0])


def exact(now, rate):
    tail = 1.0 - sum(math.exp(-rate) * rate**count / math.factorial(count) for count in range(now))
    return -math.log10(max(tail, 1e-300))


def test_the_tail_is_close_to_the_exact_one():
    for now, rate in ((5, 0.5), (10, 1.0), (12, 3.0), (20, 6.0)):
        assert abs(surprise(now, rate) - exact(now, rate)) < 0.25


def test_what_was_to_be_expected_is_no_surprise():
    assert surprise(3, 3.0) == 0.0
    assert surprise(1, 50.0) == 0.0


def test_a_text_known_from_history_needs_more_accounts_to_surprise():
    history = np.array([0.0, 50.0, 500.0], np.float32)
    rates = expected(history, 1000.0, 10_000.0)
    assert (np.diff(rates) > 0).all()
    assert decades(np.array([40, 40, 40]), rates, 1e5)[0] > 6.0 > decades(np.array([40, 40, 40]), rates, 1e5)[2]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500), st.floats(0.01, 400.0), st.floats(1.0, 1e8))
def test_more_tests_and_higher_rates_never_surprise_more(now, rate, tests):
    assert surprise(now, rate, tests * 10) <= surprise(now, rate, tests)
    assert surprise(now, rate * 2, tests) <= surprise(now, rate, tests) + 1e-9


def test_before_any_history_a_new_text_is_expected_on_one_account_whatever_the_population():
    assert expected(np.zeros(1, np.float32), 100_000.0, 0.0)[0] == 1.0
