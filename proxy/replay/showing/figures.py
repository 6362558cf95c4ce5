"""Shares with their uncertainty, and ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

Z_95: Final = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""


class Share(NamedTuple):
    """So many of so many, with the Wilson score interval (E. B. Wilson, JASA 1927), 95 %."""

    hits: int
    cases: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself; 0.0 of nothing."""
        return self.hits / self.cases if self.cases else 0.0


def share(hits: int, cases: int) -> Share:
    """A share and its interval; of nothing it could be anything."""
    if not cases:
        return Share(hits, cases, 0.0, 1.0)
    part, z = hits / cases, Z_95
    scale = 1 + z * z / cases
    centre = (part + z * z / (2 * cases)) / scale
    half = z * math.sqrt(part * (1 - part) / cases + z * z / (4 * cases * cases)) / scale
    return Share(hits, cases, max(0.0, min(part, centre - half)), min(1.0, max(part, centre + half)))


def rank(values: Sequence[float], part: float) -> float | None:
    """The smallest value that at least `part` of them don't exceed; None of none."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(len(values) * part) - 1)]
