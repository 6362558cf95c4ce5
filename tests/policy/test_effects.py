from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.effects import join_all, join_clamps, lower_bound
from proxy.policy.language.shapes.fields import EFFORTS

CLAMPS = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(1, 9),
        "temperature": st.floats(0, 2),
        "logprobs": st.just(False),
        "reasoning_effort": st.sampled_from(EFFORTS),
    },
)


def test_the_stricter_value_wins():
    assert lower_bound(4, 8) == 4
    assert lower_bound(0.5, 1) == 0.5
    assert lower_bound(True, False) is False
    assert lower_bound("high", "minimal") == "minimal"


@given(CLAMPS, CLAMPS, CLAMPS)
def test_clamps_join_in_any_order_to_the_same_bounds(a, b, c):
    assert join_clamps(a, b) == join_clamps(b, a)
    assert join_clamps(join_clamps(a, b), c) == join_clamps(a, join_clamps(b, c)) == join_all([c, a, b])
    assert join_clamps(a, a) == a
    assert join_all([]) == {}
