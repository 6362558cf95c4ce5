"""The table: rows from fates and timelines, false positives by kind, and the worst failures in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.bench.detection_eval.cells import CellResult, Fate, purity_and_recall
from tests.bench.detection_eval.stats import quantile, wilson

WAIVED = "benign:synthetic"
LOOKALIKE_SHARE = 0.05
"""Judgement: the rest of the world's accounts look like nobody else's."""
LOOKALIKES = ("rollout", "harness", "judge", "ci", "synthetic", "university", "corporate", "cron", "key_pool", "viral", "course")


class Row(NamedTuple):
    """One setting, all its campaigns together."""

    name: str
    accounts: int
    sent: int
    """Accounts that sent any of the harvest: diluted, some send none within the day."""
    caught: int
    """Accounts whose score passed the threshold of 0.1 % of honest account-days."""
    levels: tuple[int, int, int]
    """Accounts that reached level 1, 2, 3."""
    until: tuple[float, float]
    """Own requests until level 1, median and 90th percentile of those that reached it."""
    before_throttle: float
    """Share of the harvest served while its account was below level 1."""
    before_strip: float
    before_step_up: float
    reasoning_before_strip: float

    @property
    def share(self) -> float:
        return self.caught / max(self.accounts, 1)

    def line(self) -> str:
        low, high = wilson(self.caught, self.accounts)
        one, two, three = (f"{reached / max(self.accounts, 1):6.1%}" for reached in self.levels)
        until = f"{self.until[0]:4.0f} /{self.until[1]:4.0f}" if self.levels[0] else "   - /   -"
        return f"{self.name:<42}{self.accounts:>7,} {self.sent / max(self.accounts, 1):6.1%} {self.share:7.1%} [{low:5.1%},{high:6.1%}] {one} {two} {three} {until} {self.before_throttle:7.1%} {self.before_strip:7.1%} {self.before_step_up:7.1%} {self.reasoning_before_strip:7.1%}"


HEAD = f"{'setting':<42}{'accts':>7} {'sent':>6} {'caught':>7} {'95 % interval':>15} {'lvl>=1':>6} {'lvl>=2':>6} {'lvl>=3':>6} {'until':>10} {'<throt':>7} {'<strip':>7} {'<step':>7} {'reason':>7}"


def row(name: str, results: Iterable[tuple[CellResult, list[str]]], threshold: float) -> Row:
    """A row from the named campaigns of some cells."""
    fates: list[Fate] = []
    planned, below, strip, step, reasoning = 0, 0, 0, 0, 0
    for result, campaigns in results:
        wanted = set(campaigns)
        fates += [fate for fate in result.fates.values() if fate.campaign in wanted]
        for timeline in (result.timelines[campaign] for campaign in campaigns if campaign in result.timelines):
            planned += max(timeline.planned, timeline.served)
            below += timeline.served_below[0]
            strip += timeline.served_below[1]
            step += timeline.served_below[2]
            reasoning += timeline.reasoning_below[1]
    until = [float(fate.first[1]) for fate in fates if 1 in fate.first]
    reached = tuple(sum(fate.level >= level for fate in fates) for level in (1, 2, 3))
    caught = sum(fate.score > threshold for fate in fates)
    whole = max(planned, 1)
    return Row(
        name,
        len(fates),
        sum(fate.harvested > 0 for fate in fates),
        caught,
        (reached[0], reached[1], reached[2]),
        (quantile(until, 0.5), quantile(until, 0.9)),
        below / whole,
        strip / whole,
        step / whole,
        reasoning / whole,
    )


def rows(results: list[CellResult], threshold: float, order: list[str]) -> Iterator[Row]:
    """All rows, in this order."""
    found: dict[str, list[tuple[CellResult, list[str]]]] = defaultdict(list)
    for result in results:
        for name, campaigns in result.rows.items():
            found[name].append((result, campaigns))
    for name in dict.fromkeys(order):
        yield row(name, found[name], threshold)


def by_pipeline(results: list[CellResult], prefixes: tuple[str, ...], threshold: float) -> Iterator[Row]:
    """The campaigns of some rows, pipeline by pipeline."""
    found: dict[str, list[tuple[CellResult, list[str]]]] = defaultdict(list)
    for result in results:
        for name, campaigns in result.rows.items():
            if name in prefixes:
                for campaign in campaigns:
                    found[f"{campaign.split('.')[0]}  ({name})"].append((result, [campaign]))
    for name, parts in sorted(found.items()):
        yield row(name, parts, threshold)


class Kind(NamedTuple):
    """Honest accounts of a kind: account-days seen, and how many reached levels 1, 2, 3."""

    name: str
    cases: int
    levels: tuple[int, int, int]

    def line(self) -> str:
        low, high = wilson(self.levels[1], self.cases)
        mark = "look-alike" if self.name in LOOKALIKES else ""
        return f"{self.name:<14}{self.cases:>8,} {self.levels[0]:>7} {self.levels[1]:>7} {self.levels[2]:>7}   {self.levels[1] / max(self.cases, 1):7.2%} [{low:6.2%},{high:7.2%}]  {mark}"


def kinds(days: Iterable[tuple[str, int]]) -> list[Kind]:
    """Account-days (label, highest level) by kind."""
    seen: dict[str, list[int]] = defaultdict(list)
    for label, level in days:
        seen[label.removeprefix("benign:")].append(level)
    return [
        Kind(
            name,
            len(levels),
            (sum(level >= 1 for level in levels), sum(level >= 2 for level in levels), sum(level >= 3 for level in levels)),
        )
        for name, levels in sorted(seen.items())
    ]


def weighted(days: Iterable[tuple[str, int, float]]) -> list[tuple[float, float]]:
    """(score, weight) of account-days (label, level, score): look-alikes weigh as LOOKALIKE_SHARE of all accounts, waived ones not at all."""
    scores = [(score, label.removeprefix("benign:") in LOOKALIKES) for label, _, score in days if label != WAIVED]
    apart = sum(look for _, look in scores)
    weight = LOOKALIKE_SHARE / (1 - LOOKALIKE_SHARE) * (len(scores) - apart) / max(apart, 1)
    return [(score, weight if look else 1.0) for score, look in scores]


def honest_days(results: Iterable[CellResult]) -> Iterator[tuple[str, int]]:
    """Honest accounts of cells with campaigns in them."""
    return ((fate.label, fate.level) for result in results for fate in result.fates.values() if not fate.campaign)


def groups(results: list[CellResult], least: int) -> Iterator[tuple[str, int, float, float, int]]:
    """Purity, recall and number of groups of every undiluted campaign row with at least so many accounts."""
    for result in results:
        for name, campaigns in result.rows.items():
            for campaign in campaigns:
                accounts = sum(fate.campaign == campaign for fate in result.fates.values())
                if accounts >= least:
                    yield (f"{name} ({campaign.split('.')[0]})", accounts, *purity_and_recall(result, [campaign]))


def milestones(results: list[CellResult], rows_wanted: tuple[str, ...]) -> Iterator[str]:
    """For each campaign of some rows: how many of its requests were served when its first account was a candidate's, and reached each level."""
    for result in results:
        for name, campaigns in result.rows.items():
            for timeline in (result.timelines[campaign] for campaign in campaigns if name in rows_wanted and campaign in result.timelines):
                waited = timeline.candidate_at - timeline.started_at
                steps = ", ".join(
                    f"level {stone.level} after {stone.harvested:,} requests ({stone.at - timeline.started_at:,.0f} s)"
                    for stone in timeline.milestones
                )
                yield (
                    f"{name}: a campaign after {waited:,.0f} s; {steps or 'no level'}"
                    if timeline.candidate_at
                    else f"{name}: never a campaign; {steps or 'no level'}"
                )


def worst(results: list[CellResult], threshold: float, count: int = 12) -> Iterator[str]:
    """What went wrong, in words: campaigns least caught, and what was held against honest accounts."""
    missed = sorted(
        (
            one
            for result in results
            for name, campaigns in result.rows.items()
            for campaign in campaigns
            if (one := row(f"{campaign}  ({name})", [(result, [campaign])], threshold)).accounts >= 50
        ),
        key=lambda one: one.share,
    )
    for one in missed[:count]:
        yield f"missed  {one.share:6.1%} caught  {one.name}"
    touched = {label: told for result in results for label, told in result.touched.items()}
    for label, told in touched.items():
        yield from (f"touched {label} {line}" for line in told)
