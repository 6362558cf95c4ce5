from __future__ import annotations

import heapq
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.campaigns.measures import turns
from proxy.detection.campaigns.measures.independence import Independence

HOUR_S = 3600.0
HONEST = 1000
"""Principals from here on."""


def pool(rng, *, workers, accounts, span_s, start=0.0, answer_s=20.0):
    """Requests that workers deal out to accounts, one after the other."""
    free = [start] * workers
    while (now := heapq.heappop(free)) < start + span_s:
        end = now + answer_s * rng.lognormvariate(0.0, 0.5)
        yield now, end, rng.randrange(accounts)
        heapq.heappush(free, end)


def alone(rng, principal, *, times, span_s, answer_s=20.0):
    """Requests of somebody for himself."""
    for _ in range(times):
        now = rng.random() * span_s
        yield now, now + answer_s * rng.lognormvariate(0.0, 0.5), principal


def watched(requests):
    group = Independence(0.0)
    for now, starts, who in sorted([(begin, 1, who) for begin, _, who in requests] + [(end, 0, who) for _, end, who in requests]):
        (group.start if starts else group.end)(who, now)
    return group.turns


@pytest.mark.parametrize("workers", [2, 8, 32])
@pytest.mark.parametrize("seed", range(4))
def test_who_sends_the_same_beside_a_pool_is_told_from_its_accounts(workers, seed):
    rng = Random(seed)
    requests = list(pool(rng, workers=workers, accounts=60, span_s=2 * HOUR_S))
    for other in range(4):
        requests += alone(rng, HONEST + other, times=10, span_s=2 * HOUR_S)
    found = watched(requests)
    assert all(found.apart(HONEST + other) for other in range(4))
    assert not any(found.taken(HONEST + other) for other in range(4))
    assert sum(found.apart(account) for account in range(60)) <= 1
    assert sum(found.taken(account) for account in range(60)) >= 54


def test_who_sends_while_the_pool_rests_is_none_of_its_accounts():
    rng = Random(1)
    requests = [*pool(rng, workers=6, accounts=40, span_s=HOUR_S), *pool(rng, workers=6, accounts=40, span_s=HOUR_S, start=6 * HOUR_S)]
    requests += [(HOUR_S + begin, HOUR_S + end, who) for begin, end, who in alone(rng, HONEST, times=6, span_s=4 * HOUR_S)]
    found = watched(requests)
    assert found.apart(HONEST)
    assert not any(found.apart(account) for account in range(40))


def test_a_worker_that_rests_half_of_the_time_is_still_told_from_strangers():
    rng = Random(6)
    now = 0.0
    requests = []
    for _ in range(600):
        requests.append((now, now + rng.lognormvariate(0.0, 0.5) * 20.0, rng.randrange(30)))
        now = requests[-1][1] + rng.expovariate(1 / 20.0)
    for other in range(3):
        requests += alone(rng, HONEST + other, times=25, span_s=now)
    found = watched(requests)
    assert not any(found.apart(account) for account in range(30))
    assert not any(found.taken(HONEST + other) for other in range(3))
    assert sum(found.taken(account) for account in range(30)) >= 24


def test_a_pool_that_fills_again_and_again_convicts_nobody_of_being_somebody_else():
    rng = Random(2)
    requests = [one for hour in range(12) for one in pool(rng, workers=12, accounts=40, span_s=600.0, start=hour * HOUR_S)]
    found = watched(requests)
    assert not any(found.apart(account) for account in range(40))


def test_a_single_request_decides_nothing():
    rng = Random(3)
    requests = [*pool(rng, workers=6, accounts=40, span_s=HOUR_S), (1800.0, 1820.0, HONEST)]
    assert not watched(requests).apart(HONEST)


def test_who_joins_a_pool_is_soon_one_of_its_accounts():
    rng = Random(4)
    requests = list(alone(rng, 0, times=20, span_s=HOUR_S))
    requests += pool(rng, workers=6, accounts=30, span_s=3 * HOUR_S, start=HOUR_S)
    found = watched(requests)
    assert not found.apart(0)
    assert found.taken(0)


def test_groups_that_become_one_know_what_each_of_them_saw():
    rng = Random(5)
    mine = Independence(0.0)
    theirs = watched([*pool(rng, workers=6, accounts=40, span_s=HOUR_S), *alone(rng, HONEST, times=8, span_s=HOUR_S)])
    mine.turns.absorb(theirs)
    assert mine.turns.apart(HONEST)
    assert mine.turns.taken(0)


def test_memory_is_bounded_whoever_comes():
    group = Independence(0.0)
    for principal in range(turns.MEMBERS + 10):
        group.start(principal, float(principal))
        group.end(principal, principal + 0.5)
    assert len(group.turns._met) <= turns.MEMBERS


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.floats(-5, 1e6)), max_size=200))
def test_no_order_of_events_and_no_clock_breaks_it(events):
    group = Independence(0.0)
    now = 0.0
    for starts, who, step in events:
        now += step
        (group.start if starts else group.end)(who, now)
    for principal in range(5):
        assert not (group.turns.apart(principal) and group.turns.taken(principal))
