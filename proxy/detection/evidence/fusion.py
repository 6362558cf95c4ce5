"""From findings to a posterior and a level: families add, caps bound them, one family alone never goes above throttling."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from proxy.detection.evidence.table import LEVELS, EvidenceTable

SUPPORTING: Final = 0.5
"""log10 weight from which a family counts as support: odds of three to one."""
THRESHOLD_JITTER: Final = 0.08
"""Width in log10 odds: thresholds differ by up to a tenth in odds either way between accounts."""


class Finding(NamedTuple):
    """One measurement that was made, its weight, and a sentence a person can check."""

    measure: str
    value: float
    log10: float
    sentence: str


class Verdict(NamedTuple):
    """All findings together."""

    log10_odds: float
    families: tuple[tuple[str, float], ...]
    """Families that support, with their weights, strongest first."""
    together: bool

    @property
    def score(self) -> float:
        """Posterior probability."""
        return 1.0 / (1.0 + math.pow(10.0, -self.log10_odds))


def bounded(table: EvidenceTable, family: str, log10: float, fade: float) -> float:
    """What a finding of a family counts for, by the family's bounds; support fades, doubt stays."""
    told = table.families[family]
    return min(told.cap, log10) * fade if log10 > 0.0 else max(told.floor, log10)


def fuse(table: EvidenceTable, findings: Iterable[Finding], fade: float = 1.0) -> Verdict:
    """Add up findings. Within a family the strongest support and the strongest doubt count; `fade` (0..1) decays all support."""
    families = table.family_of
    strongest: dict[str, tuple[float, float]] = {}
    for measure, _, log10, _ in findings:
        family = families[measure]
        support, doubt = strongest.get(family, (0.0, 0.0))
        strongest[family] = (log10, doubt) if log10 > support else (support, min(doubt, log10))
    total = table.prior
    supporting = []
    together = False
    for family in sorted(strongest):
        support, doubt = strongest[family]
        weight = bounded(table, family, support, fade) + bounded(table, family, doubt, fade)
        total += weight
        if weight >= SUPPORTING:
            supporting.append((family, weight))
            together = together or table.families[family].together
    supporting.sort(key=lambda one: -one[1])
    return Verdict(total, tuple(supporting), together)


def reachable(table: EvidenceTable, verdict: Verdict, place: int) -> bool:
    """Whether the level at `place` (0 for level 1) is open to a verdict, whatever its odds: enough kinds of evidence.

    Above level 1 accounts must be shown to act as one: the same text for the same purpose is what a course or a tool does too.
    """
    enough = len(verdict.families) >= max(table.level_families[place], 2 if place else 1)
    return enough and (place == 0 or verdict.together)


def level_of(table: EvidenceTable, verdict: Verdict, slack: float = 0.0) -> int:
    """The highest level whose probability and number of families are reached; `slack` shifts the thresholds, in log10 odds."""
    level = 0
    for place in range(LEVELS):
        if verdict.log10_odds >= table.level_log_odds[place] + slack and reachable(table, verdict, place):
            level = place + 1
    return level


def faded(table: EvidenceTable, idle_s: float) -> float:
    """What is left of evidence after a time without any."""
    return math.pow(0.5, max(0.0, idle_s) / table.half_life_s)
