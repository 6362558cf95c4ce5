"""When an honest account is active: a daily shape and bursts within it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from proxy.drill.rota import DAY_S

_SLOTS: Final = 144


class Rhythm(NamedTuple):
    """`weights`: cumulated activity by ten-minute slot of the day. `burst`: mean number of requests that come together, 1.0 for none."""

    weights: tuple[float, ...]
    burst: float


def rhythm(weights: Sequence[float], burst: float) -> Rhythm:
    """A rhythm from plain weights, one for each ten minutes of the day."""
    return Rhythm(tuple(accumulate(weights)), burst)


def usual(rng: Random) -> Rhythm:
    """One or two busy spells a day at hours of the account's own, over a low floor."""
    weights = [0.04] * _SLOTS
    first = rng.randrange(_SLOTS)
    for _ in range(rng.choice((1, 1, 2))):
        length = rng.randrange(12, 60)
        for slot in range(length):
            weights[(first + slot) % _SLOTS] += 1.0
        first = (first + rng.randrange(30, 90)) % _SLOTS
    return rhythm(weights, 1.0 + rng.expovariate(1.0))


def day_times(rng: Random, shape: Rhythm, count: int, day_start: float) -> list[float]:
    """`count` arrival times within one day, in order."""
    times: list[float] = []
    while len(times) < count:
        slot = rng.choices(range(len(shape.weights)), cum_weights=shape.weights)[0]
        at = day_start + (slot + rng.random()) * DAY_S / len(shape.weights)
        size = min(count - len(times), 1 + int(rng.expovariate(1.0 / max(shape.burst - 1.0, 0.01))))
        for _ in range(size):
            times.append(min(at, day_start + DAY_S - 1e-3))
            at += rng.expovariate(1 / 25.0)
    times.sort()
    return times


def arrivals(rng: Random, shape: Rhythm, mean_a_day: float, *, start: float, days: int, spread: float = 0.6) -> Iterator[float]:
    """Arrival times over `days`; a day's count varies around the mean with a log-normal spread, as people's days do."""
    for day in range(days):
        count = round(mean_a_day * rng.lognormvariate(-spread * spread / 2, spread) + rng.random() - 0.5)
        yield from day_times(rng, shape, count, start + day * DAY_S)


def hourly(rng: Random, *, start: float, days: int, hours: Sequence[int]) -> Iterator[float]:
    """At the full hour, give or take the seconds that a scheduler needs."""
    for day in range(days):
        for hour in hours:
            yield start + day * DAY_S + hour * 3600 + rng.expovariate(1 / 4.0)
