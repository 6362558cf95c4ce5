"""Surprising fingerprints that are looked for in every request, grouped into shared texts by what is sent together.

A fingerprint becomes loose when the index finds its spread surprising; three loose ones in one request found a text, and further
ones join it when two principals send them along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from proxy.detection.campaigns.shared_text import FEWEST, SPREAD_MORE, SPREAD_TIMES, Change, SharedText
from proxy.detection.text.shingles import Packed, unpacked

LOOSE: Final = 1 << 15


class Spread(NamedTuple):
    """What the index last said of a fingerprint."""

    decades: float
    principals: int
    expected: float
    """Principals that history lets one expect."""


class Watch:
    """Fingerprint -> shared text, or None while it is loose. Bounded by the texts' bounds plus the loose ones."""

    def __init__(self, found: Callable[[int], SharedText]) -> None:
        """`found` makes a text from its key."""
        self._found = found
        self._watched: dict[int, SharedText | None] = {}
        self._loose: dict[int, Spread] = {}

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, fingerprint: int, spread: Spread) -> bool:
        """Look for a fingerprint from now on; whether that is new. Of too many loose ones the oldest is dropped."""
        known = self._watched.get(fingerprint)
        if known is not None:
            if spread.principals <= known.most():
                known.spread = max(known.spread, spread.decades)
                return False
            del known.fingerprints[fingerprint]  # far more accounts send it than the text it came with: a popular phrase in it
        new = fingerprint not in self._loose
        self._loosen(fingerprint, spread)
        return new and known is None

    def hits(self, fingerprints: Packed) -> list[int]:
        """Those of the fingerprints that are watched, each once."""
        watched = self._watched
        found = [fingerprint for fingerprint in unpacked(fingerprints) if fingerprint in watched]
        return list(dict.fromkeys(found)) if len(found) > 1 else found

    def best(self, hits: list[int]) -> SharedText | None:
        """The text that a request with these hits would be a sending of; changes nothing."""
        return self._best(hits)[0] if hits else None

    def place(self, hits: list[int]) -> SharedText | None:
        """The text that a request with these hits is a sending of. May found one and lets texts grow.

        A request that shares several texts is a sending of the one it shares most of: a popular phrase in a campaign's payload
        must not inherit what the campaign's template asks for.
        """
        best, own, loose = self._best(hits)
        if best is not None:
            change = best.sent(own, [fingerprint for fingerprint in loose if self._loose[fingerprint].principals <= best.most()])
            if change is not None:
                self._change(best, change)
            return best
        if len(loose) >= FEWEST:
            fewest = min(self._loose[fingerprint].principals for fingerprint in loose)
            loose = [one for one in loose if self._loose[one].principals <= SPREAD_TIMES * fewest + SPREAD_MORE]
        if len(loose) < FEWEST:
            return None
        text = self._found(min(loose))
        for fingerprint in loose:
            self._settle(fingerprint, text)
        text.sent(loose, ())
        return text

    def _best(self, hits: list[int]) -> tuple[SharedText | None, list[int], list[int]]:
        counts: dict[SharedText, list[int]] = {}
        loose = []
        for fingerprint in hits:
            text = self._watched.get(fingerprint)
            if text is None:
                loose.append(fingerprint)
            else:
                counts.setdefault(text, []).append(fingerprint)
        best = max(counts, key=lambda text: len(counts[text]), default=None)
        if best is None or len(counts[best]) < best.needed():
            return None, [], loose
        return best, counts[best], loose

    def _change(self, text: SharedText, change: Change) -> None:
        for fingerprint in change.joining:
            if fingerprint in self._loose:
                self._settle(fingerprint, text)
        for fingerprint in change.leaving:
            del text.fingerprints[fingerprint]
            self._loosen(fingerprint, Spread(text.spread, text.candidate.size, text.expected))

    def _settle(self, fingerprint: int, text: SharedText) -> None:
        spread = self._loose.pop(fingerprint)
        text.spread = max(text.spread, spread.decades)
        text.expected = min(text.expected, spread.expected)
        text.fingerprints[fingerprint] = 0
        self._watched[fingerprint] = text

    def _loosen(self, fingerprint: int, spread: Spread) -> None:
        if fingerprint not in self._loose and len(self._loose) >= LOOSE:
            oldest = next(iter(self._loose))
            del self._loose[oldest], self._watched[oldest]
        self._loose[fingerprint] = spread
        self._watched[fingerprint] = None

    def drop(self, text: SharedText) -> None:
        """Stop looking for a text."""
        for fingerprint in text.fingerprints:
            if self._watched.get(fingerprint) is text:
                del self._watched[fingerprint]
