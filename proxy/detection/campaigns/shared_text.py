"""A text that several accounts sent: the fingerprints that are sent together, and how many of them make a sending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from proxy.detection.campaigns.candidate import Candidate

FINGERPRINTS: Final = 512
FEWEST: Final = 3
"""Fingerprints that found a text: a stretch of seven words or more."""
SPREAD_TIMES: Final = 2
SPREAD_MORE: Final = 8
"""A fingerprint that more principals send than this many times the text's own, and some, isn't of the text."""
_LEARNING: Final = 0.05


class SharedText:
    """One template, or one popular passage."""

    __slots__ = ("candidate", "fingerprints", "key", "sendings", "spread", "typical")

    def __init__(self, key: int, candidate: Candidate) -> None:
        """`key` is the smallest of the founding fingerprints."""
        self.key = key
        self.candidate = candidate
        self.fingerprints: dict[int, int] = {}
        """Fingerprint -> the principal that first sent it along."""
        self.typical = 0.0
        """Fingerprints in a typical sending."""
        self.spread = 0.0
        """-log10 of the number of such texts expected by chance."""
        self.sendings = 0

    def most(self) -> int:
        """Principals that may send a fingerprint of the text."""
        return SPREAD_TIMES * self.candidate.size + SPREAD_MORE

    def needed(self) -> float:
        """Fingerprints that a request must share to be a sending."""
        return max(float(FEWEST), 0.5 * self.typical)

    def sent(self, hits: int) -> None:
        """A request shared `hits` fingerprints."""
        self.sendings += 1
        self.typical += _LEARNING * (hits - self.typical) if self.typical else hits

    def adopt(self, fingerprint: int, principal: int) -> bool:
        """Another fingerprint was sent along; it belongs once a second principal did so. Whether it now does."""
        before = self.fingerprints.get(fingerprint)
        if before is None and len(self.fingerprints) < FINGERPRINTS:
            self.fingerprints[fingerprint] = principal
            return False
        return before is not None and before != principal
