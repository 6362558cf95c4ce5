from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.accounts.inflight import InFlight


def test_mean_and_variance_are_weighted_by_time():
    flight = InFlight(0.0)
    flight.change(1, 0.0)
    flight.change(1, 3.0)
    flight.change(-2, 4.0)
    moments = flight.moments(5.0)
    assert moments.mean == pytest.approx(1.0)
    assert moments.variance == pytest.approx((3 * 1 + 1 * 4) / 5 - 1.0)


def test_a_steady_count_has_no_variance():
    flight = InFlight(0.0)
    flight.change(7, 0.0)
    flight.reset(10.0)
    assert flight.moments(20.0).variance == 0.0
    assert flight.moments(20.0).mean == 7.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, -1]), st.floats(-60, 60)), max_size=40))
def test_a_clock_that_steps_back_never_gives_a_negative_variance_or_count(changes):
    flight = InFlight(100.0)
    now = 100.0
    for by, step in changes:
        now += step
        flight.change(by, now)
        assert flight.count >= 0
        assert flight.moments(now).variance >= 0.0
