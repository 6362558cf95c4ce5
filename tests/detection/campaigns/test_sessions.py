from __future__ import annotations

import heapq
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.campaigns.measures.independence import Independence, Pinned
from proxy.detection.campaigns.measures.sessions import Sessions

STEP_S = 6.0


def trajectories(rng, workers, accounts, jobs):
    """Workers that each take a task to its end on one account, thinking between the steps."""
    free = [(rng.random(), worker) for worker in range(workers)]
    for _ in range(jobs):
        now, worker = heapq.heappop(free)
        account = rng.randrange(accounts)
        for _ in range(2 + int(rng.expovariate(1 / 7.0))):
            end = now + rng.lognormvariate(0.0, 0.5) * STEP_S
            yield now, end, account
            now = end + 0.5 + rng.expovariate(0.5)
        heapq.heappush(free, (now, worker))


def conversations(rng, accounts, each, span_s):
    """Unrelated agents, each at its own time."""
    for account in range(accounts):
        for _ in range(each):
            now = rng.random() * span_s
            for _ in range(2 + int(rng.expovariate(1 / 7.0))):
                end = now + rng.lognormvariate(0.0, 0.5) * STEP_S
                yield now, end, account
                now = end + 0.5 + rng.expovariate(0.5)


def strongest(requests, group):
    events = sorted([(begin, 1, who) for begin, _, who in requests] + [(end, 0, who) for _, end, who in requests])
    best = Pinned()
    for now, starts, who in events:
        (group.start if starts else group.end)(who, now)
        best = max(best, group.measure(now), key=lambda one: one.decades)
    return best


def test_trajectories_through_one_pool_are_found_although_their_requests_come_and_go():
    requests = list(trajectories(Random(1), 8, 100, 290))
    assert strongest(requests, Sessions(0.0)).decades > 4.0
    assert strongest(requests, Sessions(0.0)).decades > strongest(requests, Independence(0.0)).decades


def test_unrelated_agents_never_look_pinned():
    for seed in range(8):
        for span_s in (3600.0, 8 * 3600.0):
            assert strongest(list(conversations(Random(seed), 60, 5, span_s)), Sessions(0.0)).decades < 2.5


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.floats(-5, 30)), max_size=200))
def test_no_order_of_events_breaks_it(events):
    group = Sessions(0.0)
    now = 0.0
    for starts, who, step in events:
        now += step
        (group.start if starts else group.end)(who, now)
        assert group.measure(now).ratio > 0.0


def test_groups_that_become_one_keep_who_is_busy():
    one, other = Sessions(0.0), Sessions(0.0)
    one.start(1, 0.0)
    other.start(2, 0.0)
    one.absorb(other, 1.0)
    one.end(2, 2.0)
    one.end(1, 2.0)
    one.measure(100.0)
    assert not one._flying
