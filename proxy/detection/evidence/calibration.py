"""Calibration: what an operator's own honest traffic shows, as an override of the evidence table. Pure: sightings in, numbers out.

Rates first: how often honest groups and accounts reach each value of a measure. The shipped rate counts as some cases of its own, so that
little traffic moves it little. Then thresholds, under those rates: as low as shipped, or as high as it takes for the stated share of
honest accounts. Attack rates stay as shipped: honest traffic says nothing of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from proxy.detection.evidence.fusion import THRESHOLD_JITTER, Verdict, reachable
from proxy.detection.evidence.table import LEVELS, EvidenceTable

SHIPPED_CASES: Final = 20
"""Cases that a shipped rate stands for."""
FOUNDING: Final = "text.spread"
LEAST_RATE: Final = 1e-4
STEP: Final = 0.02
"""log10 odds by which a threshold is set above the highest score that must stay below it."""
HIGHEST: Final = 0.999999999
_ROUNDING: Final = 1e9
_LOWEST: Final = -0.5 * THRESHOLD_JITTER
"""How far the lowest of the accounts' own thresholds lies from the stated one."""


class Sighting(NamedTuple):
    """What the detector holds of one account at one moment."""

    account: str
    verdict: Verdict
    punishable: bool
    """Whether it could be raised above level 1."""


class Rate(NamedTuple):
    """How often honest cases reach a bin."""

    measure: str
    at_least: float
    shipped: float
    measured: float
    hits: int
    cases: int


class Threshold(NamedTuple):
    """What a level takes."""

    level: int
    shipped: float
    probability: float
    accounts: int
    """Accounts that could have reached it at the shipped probability, each by the lowest threshold that it may have."""
    left: int
    """Accounts that still could."""
    allowed: int


class Measured:
    """The highest value of each measure for each case: a group, or an account by itself.

    That a text spreads is what founds a group, so its rate is the share of accounts that send such a text; the other tests on groups say
    what share of those groups reach a value.
    """

    def __init__(self) -> None:
        """Nothing seen."""
        self._values: dict[str, dict[str, float]] = {}
        self._groups: set[str] = set()
        self._accounts: set[str] = set()
        self._population = 0

    def group(self, name: str, members: Iterable[int], values: Mapping[str, float]) -> None:
        """A group of accounts that share something, by their principals, and what its tests gave."""
        self._groups.add(name)
        self._see(name, {measure: value for measure, value in values.items() if measure != FOUNDING})
        if FOUNDING in values:
            for member in members:
                self._see(str(member), {FOUNDING: values[FOUNDING]})

    def account(self, name: str, values: Mapping[str, float]) -> None:
        """An account that sent enough, and its own evidence."""
        self._accounts.add(name)
        self._see(name, values)

    def population(self, accounts: int) -> None:
        """How many accounts there are."""
        self._population = max(self._population, accounts)

    def _see(self, name: str, values: Mapping[str, float]) -> None:
        for measure, value in values.items():
            known = self._values.setdefault(measure, {})
            known[name] = max(value, known.get(name, -math.inf))

    def rates(self, table: EvidenceTable) -> list[Rate]:
        """A rate for every bin of the table, in its order."""
        found = []
        for name, measure in table.document.measures.items():
            values = self._values.get(name, {}).values()
            cases = self._population if name == FOUNDING else len(self._accounts if name.endswith(".own") else self._groups)
            for one in measure.bins:
                hits = sum(value >= one.at_least for value in values)
                rate = (hits + SHIPPED_CASES * one.benign) / (cases + SHIPPED_CASES)
                found.append(Rate(name, one.at_least, one.benign, max(LEAST_RATE, rate), hits, cases))
        return found


class Scores:
    """The highest score at which each account could have been put to each level."""

    def __init__(self, table: EvidenceTable) -> None:
        """`table` is the one the scores are made with."""
        self._table = table
        self._best: dict[str, list[float]] = {}

    def __len__(self) -> int:
        return len(self._best)

    def see(self, sightings: Iterable[Sighting]) -> None:
        """Accounts at one moment."""
        for account, verdict, punishable in sightings:
            best = self._best.setdefault(account, [-math.inf] * LEVELS)
            for place in range(LEVELS):
                if reachable(self._table, verdict, place) and (punishable or not place):
                    best[place] = max(best[place], verdict.log10_odds)

    def thresholds(self, budget: float) -> list[Threshold]:
        """Probabilities at which at most `budget` of the accounts reach level 2, ten times as many level 1, a tenth level 3 and above."""
        found: list[Threshold] = []
        least = -math.inf
        for place, share in enumerate((10.0 * budget, budget, budget / 10.0, budget / 10.0)):
            shipped = self._table.document.levels[place].probability
            scores = sorted((best[place] for best in self._best.values()), reverse=True)
            allowed = math.floor(min(1.0, share) * len(scores))
            least = max(least, self._table.level_log_odds[place])
            if len(scores) > allowed and scores[allowed] >= least + _LOWEST:
                least = scores[allowed] - _LOWEST + STEP
            probability = shipped if least <= self._table.level_log_odds[place] else _probability(least)
            before, left = (sum(score >= _log_odds(one) + _LOWEST for score in scores) for one in (shipped, probability))
            found.append(Threshold(place + 1, shipped, probability, before, left, allowed))
        return found


def _probability(log10_odds: float) -> float:
    """Rounded up: a threshold that is written down must not come out lower than it was found."""
    return min(HIGHEST, math.ceil(_ROUNDING / (1.0 + math.pow(10.0, -log10_odds))) / _ROUNDING)


def _log_odds(probability: float) -> float:
    return math.log10(probability / (1.0 - probability))


def override(table: EvidenceTable, rates: Iterable[Rate], thresholds: Iterable[Threshold], source: str) -> dict[str, Any]:
    """The override file's document: every bin's rates, and the levels. `source` says where the numbers come from."""
    document = table.document
    by_bin = {(rate.measure, rate.at_least): rate for rate in rates}
    measures: dict[str, Any] = {}
    for name, measure in document.measures.items():
        bins = []
        for one in measure.bins:
            rate = by_bin[name, one.at_least]
            told = one.source
            if rate.cases:
                told = f"{rate.hits} of {rate.cases} cases of {source}, with {SHIPPED_CASES} of the shipped rate {one.benign:g}; attack as shipped"
            bins.append(
                {
                    "at_least": one.at_least,
                    "benign": round(rate.measured, 6),
                    "attack": one.attack,
                    "n": rate.cases or one.n,
                    "source": told,
                }
            )
        measures[name] = {"bins": bins}
    levels = [
        {
            "probability": threshold.probability,
            "families": level.families,
            "source": f"{threshold.left} accounts of {source} reach it; shipped {level.probability:g}"
            if threshold.probability != level.probability
            else level.source,
        }
        for threshold, level in zip(thresholds, document.levels, strict=True)
    ]
    return {"levels": levels, "measures": measures}
