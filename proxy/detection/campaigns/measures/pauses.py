"""Do all accounts fall silent when one of them is told to slow down (429)?

Cannot see: pools whose workers back off one by one.
"""

from __future__ import annotations

import math
from typing import Final

PAUSE_S: Final = 8.0
"""Shorter than the ten seconds that shared queues of synthetic-data clients wait."""
_RATE_WINDOW_S: Final = 120.0


class Pauses:
    """Counts arrivals of the others after a 429, against the arrivals that their rate promised."""

    __slots__ = ("_at", "_rate", "_until", "_who", "expected", "observed")

    def __init__(self) -> None:
        """Nothing seen."""
        self._rate = 0.0
        self._at = 0.0
        self._until = 0.0
        self._who = 0
        self.expected = 0.0
        self.observed = 0

    def arrived(self, principal: int, now: float) -> None:
        """A request arrives, served or refused."""
        if now < self._until:
            self.observed += principal != self._who
            return
        passed = max(0.0, now - self._at)
        self._rate = self._rate * math.exp(-passed / _RATE_WINDOW_S) + 1.0 / _RATE_WINDOW_S
        self._at = now

    def slowed(self, principal: int, now: float) -> None:
        """The principal was answered 429."""
        if now >= self._until:
            self._until = now + PAUSE_S
            self._who = principal
            self.expected += self._rate * math.exp(-max(0.0, now - self._at) / _RATE_WINDOW_S) * PAUSE_S

    def decades(self) -> float:
        """-log10 of the chance of so few arrivals."""
        if self.expected <= self.observed or self.expected < 1.0:
            return 0.0
        term = total = math.exp(-min(self.expected, 700.0))
        for count in range(1, min(self.observed, 1000) + 1):
            term *= self.expected / count
            total += term
        return -math.log10(max(total, 1e-300))
