"""A text that several accounts sent: the fingerprints that are sent together, and how many of them make a sending."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from proxy.detection.campaigns.candidate import Candidate

FINGERPRINTS: Final = 512
FEWEST: Final = 3
"""Fingerprints that found a text: a stretch of seven words or more."""
SPREAD_TIMES: Final = 2
SPREAD_MORE: Final = 8
"""A fingerprint that more principals send than this many times the text's own, and some, isn't of the text."""
FIRST_WINDOW: Final = 16
WINDOW: Final = 64
"""Sendings after which fingerprints join or leave. In the first window a text is whatever its founding request shared with others."""
FIRST_SHARE: Final = 0.2
JOIN_SHARE: Final = 0.1
LEAVE_SHARE: Final = 0.05
"""Of the sendings, that must hold a fingerprint of the text: a wording among ten stays, a payload that is asked a few times goes."""
_LEARNING: Final = 0.05


class Change(NamedTuple):
    """Fingerprints that join and leave a text at the end of a window."""

    joining: list[int]
    leaving: list[int]


class SharedText:
    """One template, or one popular passage."""

    __slots__ = ("_pending", "candidate", "expected", "fingerprints", "key", "sendings", "spread", "typical")

    def __init__(self, key: int, candidate: Candidate) -> None:
        """`key` is the smallest of the founding fingerprints."""
        self.key = key
        self.candidate = candidate
        self.fingerprints: dict[int, int] = {}
        """Fingerprint -> sendings of this window that held it."""
        self.typical = 0.0
        """Fingerprints in a typical sending."""
        self.spread = 0.0
        """-log10 of the number of such texts expected by chance."""
        self.expected = math.inf
        """Senders that history let one expect, of the rarest fingerprint."""
        self.sendings = 0
        self._pending: dict[int, int] = {}

    def most(self) -> int:
        """Principals that may send a fingerprint of the text."""
        return SPREAD_TIMES * self.candidate.size + SPREAD_MORE

    def needed(self) -> float:
        """Fingerprints that a request must share to be a sending."""
        return max(float(FEWEST), 0.5 * self.typical) if self.sendings >= FIRST_WINDOW else float(FEWEST)

    def sent(self, own: Sequence[int], others: Sequence[int]) -> Change | None:
        """A request holds these fingerprints of the text, and others that may belong to it. What changes, at the end of a window."""
        self.sendings += 1
        self.typical += _LEARNING * (len(own) - self.typical) if self.typical else len(own)
        for fingerprint in own:
            self.fingerprints[fingerprint] += 1
        for fingerprint in others:
            if fingerprint in self._pending or len(self._pending) < FINGERPRINTS:
                self._pending[fingerprint] = self._pending.get(fingerprint, 0) + 1
        first = self.sendings == FIRST_WINDOW
        if self.sendings % WINDOW and not first:
            return None
        join, leave = (FIRST_SHARE * FIRST_WINDOW,) * 2 if first else (JOIN_SHARE * WINDOW, LEAVE_SHARE * WINDOW)
        joining = [fingerprint for fingerprint, count in self._pending.items() if count >= join]
        leaving = [fingerprint for fingerprint, count in self.fingerprints.items() if count < leave]
        if first:
            kept = sum(self.fingerprints.values()) - sum(self.fingerprints[fingerprint] for fingerprint in leaving)
            self.typical = kept / FIRST_WINDOW
        change = Change(joining[: FINGERPRINTS - len(self.fingerprints)], leaving)
        self._pending.clear()
        self.fingerprints = dict.fromkeys(self.fingerprints, 0)
        return change
