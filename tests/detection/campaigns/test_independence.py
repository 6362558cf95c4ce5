from __future__ import annotations

import heapq
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.campaigns.measures.independence import Independence, Pinned

ANSWER_S = 20.0


def shared_workers(rng, workers, accounts, requests):
    """One pool of workers; each request goes to a random account."""
    free = [(rng.random() * 0.01, worker) for worker in range(workers)]
    for _ in range(requests):
        begin, worker = heapq.heappop(free)
        end = begin + rng.lognormvariate(0.0, 0.6) * ANSWER_S
        yield begin, end, rng.randrange(accounts)
        heapq.heappush(free, (end + rng.expovariate(20.0), worker))


def strangers(rng, rate, accounts, requests):
    weights = [rng.lognormvariate(0.0, 1.5) for _ in range(accounts)]
    now = 0.0
    for account in rng.choices(range(accounts), weights, k=requests):
        now += rng.expovariate(rate)
        yield now, now + rng.lognormvariate(0.0, 0.6) * ANSWER_S, account


def own_pools(rng, accounts, workers, requests):
    """Each account has a pool of its own, always full: batch jobs of unrelated customers."""
    for account in range(accounts):
        begin = rng.random() * 600.0
        for start, end, _ in shared_workers(rng, workers, 1, requests):
            yield begin + start, begin + end, account


def scheduled(rng, accounts, hours):
    for hour in range(hours):
        for account in range(accounts):
            begin = 3600.0 * hour + rng.random() * 3.0
            yield begin, begin + 5.0 + rng.expovariate(1 / ANSWER_S), account


def pinned(requests):
    events = sorted([(begin, 1, who) for begin, _, who in requests] + [(end, 0, who) for _, end, who in requests])
    group = Independence(events[0][0])
    strongest = Pinned()
    for now, starts, who in events:
        (group.start if starts else group.end)(who, now)
        strongest = max(strongest, group.measure(now), key=lambda one: one.decades)
    return strongest, group.measure(events[-1][0])


@pytest.mark.parametrize(("workers", "accounts", "requests"), [(1, 100, 120), (8, 100, 300), (64, 1000, 600), (512, 1000, 2500)])
def test_a_pool_shared_by_many_accounts_is_certain_within_a_few_rounds(workers, accounts, requests):
    strongest, _ = pinned(list(shared_workers(Random(workers), workers, accounts, requests)))
    assert strongest.decades > 4.0
    assert strongest.mean == pytest.approx(workers, abs=max(1.0, 0.1 * workers))
    assert strongest.deviation < strongest.expected_deviation / 3


@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0, 5.0])
def test_strangers_never_look_pinned(rate):
    for seed in range(6):
        strongest, last = pinned(list(strangers(Random(seed), rate, 100, 700)))
        assert strongest.decades < 2.5
        assert last.ratio > 0.6


def test_customers_with_full_pools_of_their_own_are_strangers_too():
    strongest, _ = pinned(list(own_pools(Random(3), 12, 8, 150)))
    assert strongest.decades < 2.5


def notebooks(rng, accounts, prompts, span_s):
    """Each account sends its prompts one after the other, at a time of its own."""
    for account in range(accounts):
        now = rng.random() * span_s
        for _ in range(prompts):
            end = now + rng.lognormvariate(0.0, 0.5) * ANSWER_S
            yield now, end, account
            now = end + rng.random() * 0.1


def one_after_another(rng, workers, accounts, each):
    """One pool that uses up an account before it takes the next."""
    for turn, (begin, end, _) in enumerate(shared_workers(rng, workers, 1, accounts * each)):
        yield begin, end, turn // each


@pytest.mark.parametrize("span_s", [3600.0, 4 * 3600.0, 24 * 3600.0])
def test_a_course_whose_students_work_alone_never_looks_pinned(span_s):
    for seed in range(12):
        strongest, _ = pinned(list(notebooks(Random(seed), 30, 12, span_s)))
        assert strongest.decades < 3.0


def test_a_pool_that_uses_up_one_account_after_another_is_found_too():
    strongest, _ = pinned(list(one_after_another(Random(9), 4, 100, 26)))
    assert strongest.decades > 4.0


def test_jobs_at_the_full_hour_move_together_which_is_the_opposite_of_taking_turns():
    _, last = pinned(list(scheduled(Random(4), 50, 12)))
    assert last.ratio > 1.5
    assert last.decades == 0.0


def test_one_account_alone_says_nothing():
    strongest, _ = pinned(list(shared_workers(Random(5), 16, 1, 400)))
    assert strongest.decades < 1.0


def test_an_end_without_a_start_is_ignored():
    group = Independence(0.0)
    group.end(1, 1.0)
    group.start(1, 2.0)
    group.end(1, 3.0)
    group.end(1, 4.0)
    assert group.count == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.floats(-5, 30)), max_size=200))
def test_no_order_of_events_breaks_it(events):
    group = Independence(0.0)
    now = 0.0
    for starts, who, step in events:
        now += step
        (group.start if starts else group.end)(who, now)
        measured = group.measure(now)
        assert group.count >= 0
        assert measured.ratio > 0.0
        assert measured.decades >= 0.0


def test_groups_that_become_one_keep_what_is_in_flight():
    one, other = Independence(0.0), Independence(0.0)
    one.start(1, 0.0)
    other.start(1, 0.0)
    other.start(2, 0.0)
    one.absorb(other, 1.0)
    assert one.count == 3
    for who in (1, 1, 2):
        one.end(who, 2.0)
    assert one.count == 0
