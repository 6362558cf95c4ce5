"""Honest groups that look like a campaign: many accounts, one text, one hour or one network. The hard negatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from random import Random
from typing import Final

from proxy.drill.fleet import Fleet
from proxy.drill.honest.crowds import ci, corporate, course, cron, rollout, university, viral
from proxy.drill.honest.population import World, everyday
from proxy.drill.honest.teams import harness, judging, key_pool, synthetic

Builder = Callable[[World, Random, str, int], Iterator[Fleet]]

KINDS: Final[dict[str, Builder]] = {
    "rollout": rollout, "harness": harness, "judge": judging, "ci": ci, "synthetic": synthetic, "university": university, "corporate": corporate, "cron": cron, "key_pool": key_pool, "viral": viral, "course": course,
}  # fmt: skip
_GROUP: Final = {
    "rollout": 30,
    "harness": 6,
    "judge": 4,
    "ci": 12,
    "synthetic": 8,
    "university": 60,
    "corporate": 40,
    "cron": 25,
    "key_pool": 8,
    "viral": 40,
    "course": 30,
}


def lookalikes(world: World, count: int, *, kinds: tuple[str, ...] = tuple(KINDS)) -> Iterator[Fleet]:
    """Groups of every kind in turn, about `count` accounts in all; at least one group of each."""
    made, turn = 0, 0
    while made < count or turn < len(kinds):
        kind = kinds[turn % len(kinds)]
        name = f"{kind}{turn}"
        size = _GROUP[kind]
        yield from KINDS[kind](world, Random(f"{world.seed}/{name}"), name, size)
        made += size
        turn += 1


def honest(world: World, accounts: int, *, lookalike_share: float = 0.25) -> Iterator[Fleet]:
    """The whole honest world: everyday accounts, and look-alikes in their share."""
    apart = int(accounts * lookalike_share)
    return chain(everyday(world, accounts - apart), lookalikes(world, apart))
