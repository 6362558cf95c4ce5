"""Fleets react: a semaphore stays full, refusals slow a campaign down, blocked accounts are replaced."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from proxy.detection.observation import Signals
from proxy.drill.campaign.campaign import Pacing, Shape, campaign
from proxy.drill.campaign.pipeline import OWN
from proxy.drill.exchange import Outcome
from proxy.drill.fleet import FORBIDDEN, TOO_MANY
from proxy.drill.loop import Everything, run
from proxy.drill.plan import START
from proxy.drill.wording.honest import OwnWording

RUBRIC = OWN["rubric-grading"][0]
WORDS = OwnWording(1)


def fleets(shape: Shape, pipeline=RUBRIC, days=1):
    return list(campaign(pipeline, shape, WORDS, name="c", start=START, days=days, seed=3))


class Refusing(Everything):
    """Serves each account so often, then refuses it with a status."""

    def __init__(self, served_each: int, status: int, retry_after_s: float = 0.0) -> None:
        self.served: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.limit, self.refusal = served_each, Outcome(status, Signals(1), retry_after_s=retry_after_s)

    def begin(self, exchange):
        holder = exchange.observation.account
        self.attempts[holder] += 1
        if self.served[holder] >= self.limit:
            return self.refusal
        self.served[holder] += 1
        return Outcome()


def in_flight(decided, from_share=0.1, to_share=0.8):
    """The number in flight every five seconds, in the middle of the traffic."""
    spans = [(one.exchange.at, one.exchange.at + one.exchange.duration_s) for one in decided]
    first, last = spans[0][0], spans[-1][0]
    grid = [first + (last - first) * (from_share + (to_share - from_share) * step / 200) for step in range(200)]
    return [sum(start <= at < end for start, end in spans) for at in grid]


def fano(counts):
    mean = sum(counts) / len(counts)
    return sum((count - mean) ** 2 for count in counts) / len(counts) / mean


def test_a_semaphore_client_holds_the_number_in_flight():
    decided = list(run(fleets(Shape(200, 26, shift_s=3600.0)), Everything()))
    assert fano(in_flight(decided)) < 0.05


def test_a_memoryless_client_does_not():
    decided = list(run(fleets(Shape(200, 40, pacing=Pacing.POISSON)), Everything()))
    assert fano(in_flight(decided)) > 0.4


def test_sleepers_send_less_than_a_full_semaphore():
    spans = {}
    for pacing in (Pacing.CLOSED_LOOP, Pacing.SLEEP):
        decided = list(run(fleets(Shape(5, 20, pacing=pacing)), Everything()))
        spans[pacing] = decided[-1].exchange.at - decided[0].exchange.at
        assert 60 < len(decided) < 140
    assert spans[Pacing.SLEEP] > spans[Pacing.CLOSED_LOOP] + 80


def test_a_429_slows_the_campaign_down_but_loses_no_request():
    throttled = Refusing(3, TOO_MANY, retry_after_s=600.0)
    decided = list(run(fleets(Shape(10, 20)), throttled, until=START + 86_400))
    assert sum(throttled.served.values()) == 30
    assert max(throttled.attempts.values()) > 3  # it tries again after the pause
    assert max(throttled.attempts.values()) < 3 + 86_400 / 600 + 1
    free = list(run(fleets(Shape(10, 20)), Everything()))
    assert 140 < len(free) < 260
    assert sum(one.outcome.served for one in decided) < len(free)


def test_a_refused_account_is_left_alone_for_as_long_as_it_was_told():
    refusals = defaultdict(list)
    for exchange, outcome in run(fleets(Shape(3, 50)), Refusing(2, TOO_MANY, retry_after_s=900.0), until=START + 20_000):
        if not outcome.served:
            refusals[exchange.observation.account].append(exchange.at)
    gaps = [later - earlier for times in refusals.values() for earlier, later in pairwise(times)]
    assert gaps
    assert min(gaps) >= 900.0


def test_a_blocked_account_never_comes_back_and_is_replaced():
    blocked = Refusing(4, FORBIDDEN)
    shape = Shape(6, 30, replace_after_s=1800.0)
    decided = list(run(fleets(shape), blocked, until=START + 30_000))
    assert max(blocked.attempts.values()) == 5
    assert len(blocked.attempts) > 6
    newcomers = [one.exchange.at for one in decided if int(one.exchange.observation.account.split("-")[1]) >= 6]
    assert min(newcomers) >= START + 1800.0


def test_without_replacement_a_blocked_campaign_ends():
    decided = list(run(fleets(Shape(6, 30)), Refusing(4, FORBIDDEN)))
    assert len({one.exchange.observation.account for one in decided}) == 6


def test_accounts_share_the_work_evenly_but_not_in_turn():
    half = [one.exchange.observation.account for one in run(fleets(Shape(10, 40)), Everything())][:200]
    assert all(5 <= count <= 40 for count in Counter(half).values())
    assert len(set(half[:10])) < 10


def test_accounts_can_work_one_after_another():
    holders = [one.exchange.observation.account for one in run(fleets(Shape(10, 40, in_turn=True, shift_s=80_000.0)), Everything())]
    changes = sum(before != after for before, after in pairwise(holders))
    assert changes == len(set(holders)) - 1


def test_a_trajectory_stays_on_its_account_and_repeats_its_prefix():
    decided = [one.exchange for one in run(fleets(Shape(8, 40), OWN["agentic-coding"][0]), Everything())]
    longer = [one for one in decided if one.observation.call.tool_results >= 2]
    assert longer
    by_start = {one.observation.call.texts: one.observation.account for one in decided}
    followed = [one for one in longer if one.observation.call.texts[:-2] in by_start]
    same = sum(by_start[one.observation.call.texts[:-2]] == one.observation.account for one in followed)
    assert same > 0.8 * len(followed) > 0  # an account whose day is over hands its trajectory on


@pytest.mark.parametrize("one_network", [True, False])
def test_a_campaign_sits_on_one_network_or_on_many(one_network):
    networks = {one.exchange.observation.network for one in run(fleets(Shape(40, 2, one_network=one_network)), Everything())}
    assert (len(networks) == 1) is one_network
