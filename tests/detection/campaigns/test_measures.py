from __future__ import annotations

from random import Random

import pytest

from proxy.detection.campaigns.measures.evenness import dispersion, evenness
from proxy.detection.campaigns.measures.pauses import PAUSE_S, Pauses


def spread(counts):
    seen = [count for count in counts if count]
    return dispersion(len(seen), sum(seen), sum(count * count for count in seen))


def poisson(rng, mean):
    total, count = rng.expovariate(1.0), 0
    while total < mean:
        total += rng.expovariate(1.0)
        count += 1
    return count


def test_work_dealt_out_at_random_is_as_even_as_chance():
    rng = Random(1)
    for mean in (1.5, 3.0, 20.0):
        ratio = spread([poisson(rng, mean) for _ in range(400)])
        assert 0.7 < ratio < 1.3
        assert evenness(ratio) == 1.0


def test_round_robin_is_evener_than_chance():
    assert evenness(spread([26] * 100)) == 2.0


def test_habits_differ_more_than_chance():
    rng = Random(2)
    ratio = spread([poisson(rng, rng.lognormvariate(1.0, 1.0)) for _ in range(300)])
    assert ratio > 2.5
    assert evenness(ratio) == 0.0


def test_few_accounts_or_single_sendings_say_nothing():
    assert spread([5] * 10) == 0.0
    assert spread([1] * 500) == 0.0
    assert evenness(0.0) == 0.0


def test_a_common_pause_after_a_429_is_noticed():
    pauses = Pauses()
    rng = Random(4)
    now = 0.0
    for _ in range(30):
        for _ in range(400):
            now += rng.expovariate(2.0)
            pauses.arrived(rng.randrange(50), now)
        pauses.slowed(1, now)
        now += PAUSE_S + 2.0
    assert pauses.decades() > 6.0


def test_strangers_go_on_after_somebody_elses_429():
    pauses = Pauses()
    rng = Random(3)
    now = 0.0
    for index in range(6000):
        now += rng.expovariate(2.0)
        pauses.arrived(rng.randrange(50), now)
        if index % 200 == 0:
            pauses.slowed(rng.randrange(50), now)
    assert pauses.expected > 10.0
    assert pauses.decades() < 3.0


@pytest.mark.parametrize("seed", range(6))
def test_jobs_that_end_while_another_is_slowed_down_are_no_common_pause(seed):
    """A few accounts with bursts of work; one of them runs into its limit again and again."""
    rng = Random(seed)
    events = []
    for account in range(8):
        start = 0.0
        while start < 86_400.0:
            start += rng.expovariate(1 / 3000.0)
            events += [
                (start + step * rng.uniform(0.5, 1.5), account, account == 0 and step > 40) for step in range(rng.randrange(20, 200))
            ]
    pauses = Pauses()
    for now, account, slowed in sorted(events):
        pauses.arrived(account, now)
        if slowed:
            pauses.slowed(account, now)
    assert pauses.decades() < 3.0


def test_accounts_that_were_slowed_down_themselves_say_nothing():
    pauses = Pauses()
    rng = Random(5)
    now = 0.0
    for _ in range(30):
        for _ in range(400):
            now += rng.expovariate(2.0)
            pauses.arrived(rng.randrange(20), now)
        for account in range(20):
            now += 0.01
            pauses.slowed(account, now)
            pauses.arrived(account, now)
        now += 2 * PAUSE_S
    assert pauses.decades() < 3.0


def test_the_slowed_account_itself_does_not_count():
    pauses = Pauses()
    for second in range(100):
        pauses.arrived(1, second / 2)
    pauses.slowed(1, 50.0)
    pauses.arrived(1, 51.0)
    pauses.arrived(1, 80.0)
    assert pauses.observed == 0
    assert pauses.expected == 0.0
