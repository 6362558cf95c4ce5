from __future__ import annotations

from random import Random

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
    now = 0.0
    for _ in range(30):
        for _ in range(20):
            now += 0.5
            pauses.arrived(int(now * 7) % 50, now)
        pauses.slowed(1, now)
        now += PAUSE_S + 2.0
    assert pauses.decades() > 6.0


def test_strangers_go_on_after_somebody_elses_429():
    pauses = Pauses()
    rng = Random(3)
    now = 0.0
    for index in range(3000):
        now += rng.expovariate(2.0)
        pauses.arrived(rng.randrange(50), now)
        if index % 40 == 0:
            pauses.slowed(rng.randrange(50), now)
    assert pauses.decades() < 3.0


def test_the_slowed_account_itself_does_not_count():
    pauses = Pauses()
    for second in range(100):
        pauses.arrived(1, second / 2)
    pauses.slowed(1, 50.0)
    pauses.arrived(1, 51.0)
    assert pauses.observed == 0
    assert pauses.expected > 1.0
