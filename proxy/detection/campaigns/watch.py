"""Surprising fingerprints that are looked for in every request, grouped into candidates by what is sent together.

A fingerprint becomes loose when the index finds its spread surprising; three loose ones in one request found a candidate, and
further ones join it when two principals send them along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from proxy.detection.accounts.account import Account
from proxy.detection.campaigns.candidate import Candidate

TOGETHER: Final = 3
"""Fingerprints that found a candidate: a stretch of seven words or more."""
LOOSE: Final = 1 << 15


class Watch:
    """Fingerprint -> candidate, or None while it is loose. Bounded by the candidates' bounds plus the loose ones."""

    def __init__(self, found: Callable[[int], Candidate]) -> None:
        """`found` makes a candidate from its key."""
        self._found = found
        self._watched: dict[int, Candidate | None] = {}
        self._loose: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, fingerprint: int, spread: float) -> bool:
        """Look for a fingerprint from now on; whether that is new. Of too many loose ones the oldest is dropped."""
        known = self._watched.get(fingerprint)
        if known is not None:
            known.spread = max(known.spread, spread)
            return False
        new = fingerprint not in self._loose
        if new and len(self._loose) >= LOOSE:
            oldest = next(iter(self._loose))
            del self._loose[oldest], self._watched[oldest]
        self._loose[fingerprint] = max(spread, self._loose.get(fingerprint, 0.0))
        self._watched[fingerprint] = None
        return new

    def hits(self, fingerprints: Iterable[int]) -> list[int]:
        """Those of the fingerprints that are watched."""
        watched = self._watched
        return [fingerprint for fingerprint in fingerprints if fingerprint in watched]

    def counted(self, hits: Iterable[int]) -> tuple[dict[Candidate, int], list[int]]:
        """Hits by candidate, and the loose ones."""
        counts: dict[Candidate, int] = {}
        loose = []
        for fingerprint in hits:
            candidate = self._watched.get(fingerprint)
            if candidate is None:
                loose.append(fingerprint)
            else:
                counts[candidate] = counts.get(candidate, 0) + 1
        return counts, loose

    def place(self, account: Account, hits: list[int]) -> list[Candidate]:
        """The candidates that a request with these hits is a sending of. May found one and lets candidates grow."""
        counts, loose = self.counted(hits)
        matched = []
        for candidate, count in counts.items():
            if count >= candidate.needed():
                matched.append(candidate)
                candidate.typical += 0.05 * (count - candidate.typical)
        if not loose:
            return matched
        if matched:
            best = max(matched, key=lambda candidate: counts[candidate])
            for fingerprint in loose:
                if best.adopt(fingerprint, account.principal):
                    self._settle(fingerprint, best)
        elif len(loose) >= TOGETHER:
            candidate = self._found(min(loose))
            for fingerprint in loose:
                candidate.fingerprints[fingerprint] = account.principal
                self._settle(fingerprint, candidate)
            candidate.typical = float(len(loose))
            matched.append(candidate)
        return matched

    def _settle(self, fingerprint: int, candidate: Candidate) -> None:
        candidate.spread = max(candidate.spread, self._loose.pop(fingerprint, 0.0))
        self._watched[fingerprint] = candidate

    def drop(self, candidate: Candidate) -> None:
        """Stop looking for a candidate."""
        for fingerprint in candidate.fingerprints:
            if self._watched.get(fingerprint) is candidate:
                del self._watched[fingerprint]
