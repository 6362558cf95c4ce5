"""Surprising fingerprints that are looked for in every request, grouped into shared texts by what is sent together.

A fingerprint becomes loose when the index finds its spread surprising; three loose ones in one request found a text, and further
ones join it when two principals send them along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from proxy.detection.accounts.account import Account
from proxy.detection.campaigns.shared_text import FEWEST, SPREAD_MORE, SPREAD_TIMES, SharedText

LOOSE: Final = 1 << 15


class Watch:
    """Fingerprint -> shared text, or None while it is loose. Bounded by the texts' bounds plus the loose ones."""

    def __init__(self, found: Callable[[int], SharedText]) -> None:
        """`found` makes a text from its key."""
        self._found = found
        self._watched: dict[int, SharedText | None] = {}
        self._loose: dict[int, tuple[float, int]] = {}
        """Fingerprint -> spread and principals, as the index last counted them."""

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, fingerprint: int, spread: float, principals: int) -> bool:
        """Look for a fingerprint from now on; whether that is new. Of too many loose ones the oldest is dropped."""
        known = self._watched.get(fingerprint)
        if known is not None:
            if principals <= known.most():
                known.spread = max(known.spread, spread)
                return False
            del known.fingerprints[fingerprint]  # far more accounts send it than the text it came with: a popular phrase in it
        new = fingerprint not in self._loose
        if new and len(self._loose) >= LOOSE:
            oldest = next(iter(self._loose))
            del self._loose[oldest], self._watched[oldest]
        self._loose[fingerprint] = (spread, principals)
        self._watched[fingerprint] = None
        return new and known is None

    def hits(self, fingerprints: Iterable[int]) -> list[int]:
        """Those of the fingerprints that are watched."""
        watched = self._watched
        return [fingerprint for fingerprint in fingerprints if fingerprint in watched]

    def best(self, hits: list[int]) -> SharedText | None:
        """The text that a request with these hits would be a sending of; changes nothing."""
        return self._best(hits)[0] if hits else None

    def place(self, account: Account, hits: list[int]) -> SharedText | None:
        """The text that a request with these hits is a sending of. May found one and lets texts grow.

        A request that shares several texts is a sending of the one it shares most of: a popular phrase in a campaign's payload
        must not inherit what the campaign's template asks for.
        """
        best, count, loose = self._best(hits)
        if best is not None:
            best.sent(count)
            for fingerprint in loose:
                if self._loose[fingerprint][1] <= best.most() and best.adopt(fingerprint, account.principal):
                    self._settle(fingerprint, best)
            return best
        if len(loose) >= FEWEST:
            fewest = min(self._loose[fingerprint][1] for fingerprint in loose)
            loose = [fingerprint for fingerprint in loose if self._loose[fingerprint][1] <= SPREAD_TIMES * fewest + SPREAD_MORE]
        if len(loose) < FEWEST:
            return None
        text = self._found(min(loose))
        for fingerprint in loose:
            text.fingerprints[fingerprint] = account.principal
            self._settle(fingerprint, text)
        text.sent(len(loose))
        return text

    def _best(self, hits: list[int]) -> tuple[SharedText | None, int, list[int]]:
        counts: dict[SharedText, int] = {}
        loose = []
        for fingerprint in hits:
            text = self._watched.get(fingerprint)
            if text is None:
                loose.append(fingerprint)
            else:
                counts[text] = counts.get(text, 0) + 1
        best = max(counts, key=counts.__getitem__, default=None)
        if best is None or counts[best] < best.needed():
            return None, 0, loose
        return best, counts[best], loose

    def _settle(self, fingerprint: int, text: SharedText) -> None:
        text.spread = max(text.spread, self._loose.pop(fingerprint)[0])
        self._watched[fingerprint] = text

    def drop(self, text: SharedText) -> None:
        """Stop looking for a text."""
        for fingerprint in text.fingerprints:
            if self._watched.get(fingerprint) is text:
                del self._watched[fingerprint]
