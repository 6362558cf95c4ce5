"""A campaign: the accounts, the semaphore, the shifts and the ordinary traffic mixed in."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from itertools import islice
from math import ceil, inf
from random import Random
from typing import Final, NamedTuple

from proxy.drill.campaign.pipeline import Harvest, Paraphrase, Pipeline
from proxy.drill.clients import account, network
from proxy.drill.exchange import Account
from proxy.drill.fleet import Fleet, Temper
from proxy.drill.honest.work import conversation, settings
from proxy.drill.rota import DAY_S, Rota
from proxy.drill.wording.honest import Wording

SHIFT_S: Final = 8 * 3600.0
_TOKENS_PER_S: Final = 60.0
_FIRST_TOKEN_S: Final = 0.9
_SEVERAL_CLIENTS: Final = 3
_UNEVEN: Final = (0.8, 1.2)
_TURNS: Final = 1.5
"""Mean turns of a conversation in the traffic mixed in."""


class Pacing(Enum):
    """How requests leave: a semaphore that is always full, memoryless arrivals, or a few workers that sleep between answers."""

    CLOSED_LOOP = "closed-loop"
    POISSON = "poisson"
    SLEEP = "sleep"


class Shape(NamedTuple):
    """Everything about a campaign but its words. `dilution` is the share of the harvest in its accounts' traffic, above 0 and at most 1."""

    accounts: int
    requests_per_account_per_day: float
    dilution: float = 1.0
    pacing: Pacing = Pacing.CLOSED_LOOP
    paraphrase: Paraphrase = Paraphrase.FIXED
    rotation: int = 0
    """Requests after which the template is replaced; 0 for never."""
    one_network: bool = False
    resold: bool = False
    """Each account shows several clients, as a reseller's does."""
    in_turn: bool = False
    """One account works off its day's requests before the next one starts, instead of all at once."""
    shift_s: float = SHIFT_S
    """How long the day's harvest is made to last, unless the semaphore is too small for that."""
    replace_after_s: float = inf
    """A blocked account is replaced after this long; `inf` for never."""


def campaign(pipeline: Pipeline, shape: Shape, words: Wording, *, name: str, start: float, days: int, seed: int) -> Iterator[Fleet]:
    """The harvest, and unless undiluted a second fleet with the ordinary traffic of the same accounts."""
    rng = Random(f"{seed}/{name}")
    members = recruits(shape, name, seed)
    accounts = list(islice(members, shape.accounts))
    share = shape.dilution
    rate = shape.requests_per_account_per_day
    harvest = Harvest(pipeline, seed=f"{seed}/{name}/words", paraphrase=shape.paraphrase, rotation=shape.rotation, words=words)
    label = f"attack:{pipeline.name}"

    rota = Rota(
        accounts,
        start=start,
        quota=lambda: _about(rng, rate, share),
        days=days,
        recruit=lambda _: next(members),
        rng=None if shape.in_turn else rng,
        stay=shape.in_turn,
    )
    temper = pipeline.temper._replace(replace_after_s=shape.replace_after_s)
    workers, sleep_s = _workers(pipeline, shape)
    if shape.pacing is Pacing.POISSON:
        times = _memoryless(rng, shape.accounts * rate * share, shape.shift_s, start, days)
        yield Fleet(rng, rota, harvest, label, start=start, arrivals=times, temper=temper, campaign=name)
    else:
        yield Fleet(
            rng, rota, harvest, label, start=start, workers=workers, temper=temper._replace(sleep_s=temper.sleep_s + sleep_s), campaign=name
        )
    if share < 1.0:
        yield _ordinary(rota.accounts, shape, words, Random(f"{seed}/{name}/filler"), name, label, start, days)


def _workers(pipeline: Pipeline, shape: Shape) -> tuple[int, float]:
    """How many requests to hold in flight so that the day's harvest lasts a shift, and the sleep between them."""
    jobs = shape.accounts * shape.requests_per_account_per_day * shape.dilution
    sleep_s = 1.0 if shape.pacing is Pacing.SLEEP else 0.0
    service_s = _FIRST_TOKEN_S + pipeline.use.output_tokens / _TOKENS_PER_S + sleep_s + pipeline.temper.sleep_s
    return max(1, min(pipeline.semaphore, ceil(jobs * service_s / shape.shift_s))), sleep_s


def _about(rng: Random, rate: float, share: float) -> int:
    """A day's share of an account's requests: accounts of a pool get about as much work as each other, not exactly as much."""
    whole = rate * rng.uniform(*_UNEVEN)
    count = int(whole) + (rng.random() < whole % 1.0)
    return count if share >= 1.0 else sum(rng.random() < share for _ in range(count))


def _memoryless(rng: Random, a_day: float, shift_s: float, start: float, days: int) -> Iterator[float]:
    """A day's requests at independent moments of each day's shift."""
    for day in range(days if a_day else 0):
        begin = at = start + day * DAY_S
        while (at := at + rng.expovariate(a_day / shift_s)) < begin + shift_s:
            yield at


def _ordinary(accounts: list[Account], shape: Shape, words: Wording, rng: Random, name: str, label: str, start: float, days: int) -> Fleet:
    """Customers of a reseller: they come when they like, to whichever account."""
    rate = shape.requests_per_account_per_day * (1.0 - shape.dilution)
    rota = Rota(rng.sample(accounts, len(accounts)), start=start, days=days, quota=lambda: _about(rng, rate, 1.0), rng=rng)
    times = _memoryless(rng, len(accounts) * rate / _TURNS, shape.shift_s, start, days)
    work = conversation(
        lambda own: own.choices((words.question, words.code, words.exercise), (70, 20, 10))[0](own), settings(rng), turns_mean=1.5
    )
    return Fleet(rng, rota, work, label, start=start, arrivals=times, temper=Temper(), campaign=name, filler=True)


def recruits(shape: Shape, name: str, seed: int) -> Iterator[Account]:
    """Accounts of the campaign without end: the first are its members, the rest replace the blocked."""
    rng = Random(f"{seed}/{name}/accounts")
    place = network(rng) if shape.one_network else None
    index = 0
    while True:
        yield account(rng, f"{name}-{index}", at=place, clients=_SEVERAL_CLIENTS if shape.resold else 1)
        index += 1
