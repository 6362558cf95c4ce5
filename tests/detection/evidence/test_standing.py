from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.evidence.standing import NEVER, Standing


def test_promotion_waits_its_delay():
    standing = Standing(0.0)
    standing.aim(2, 0.0, delay_s=30.0, demote_s=3600.0)
    assert standing.level == 0
    standing.aim(2, 29.0, 30.0, 3600.0)
    assert standing.level == 0
    standing.aim(2, 30.0, 30.0, 3600.0)
    assert standing.level == 2


def test_a_target_that_goes_away_in_time_promotes_nobody():
    standing = Standing(0.0)
    standing.aim(2, 0.0, 30.0, 3600.0)
    standing.aim(0, 10.0, 30.0, 3600.0)
    standing.aim(2, 31.0, 30.0, 3600.0)
    assert standing.level == 0


def test_demotion_waits_until_the_lower_score_has_stood():
    standing = Standing(0.0)
    standing.aim(1, 0.0, 0.0, 3600.0)
    standing.aim(0, 10.0, 0.0, 3600.0)
    standing.aim(1, 3000.0, 0.0, 3600.0)
    standing.aim(0, 3700.0, 0.0, 3600.0)
    assert standing.level == 1
    standing.aim(0, 7300.0, 0.0, 3600.0)
    assert standing.level == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 5000)), max_size=40))
def test_the_level_never_exceeds_the_highest_target_seen(steps):
    standing = Standing(0.0)
    now, highest = 0.0, 0
    for target, passed in steps:
        now += passed
        highest = max(highest, target)
        standing.aim(target, now, 60.0, 3600.0)
        assert 0 <= standing.level <= highest
        assert standing.next_change() >= 0.0


def test_clearing_forgets_everything_pending():
    standing = Standing(0.0)
    standing.aim(3, 0.0, 60.0, 3600.0)
    standing.clear()
    assert standing.next_change() == NEVER
    assert standing.level == 0
