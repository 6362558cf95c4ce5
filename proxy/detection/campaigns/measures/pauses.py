"""Do the others fall silent when one account is told to slow down (429)?

Each account that was active lately counts once: whether it sends again within a few seconds. The same is watched at times when nobody is
told anything, since accounts also fall silent because they are done. An account that was itself told to slow down lately says nothing,
and one that stayed silent is due the less until it sends again.

Cannot see: pools whose workers back off one by one.
"""

from __future__ import annotations

import math
from typing import Final

PAUSE_S: Final = 8.0
"""Shorter than the ten seconds that shared queues of synthetic-data clients wait."""
QUIET_S: Final = 60.0
"""After a 429 accounts may be backing off, each for itself."""
FOLLOWED: Final = 256
"""Accounts followed: the most recent ones."""
LEAST_QUIET: Final = 5.0
"""Accounts due at quiet times before anything is said."""
_RATE_WINDOW_S: Final = 60.0


class _Sender:
    """How often an account sent lately."""

    __slots__ = ("at", "rate", "slowed_at")

    def __init__(self) -> None:
        self.at = 0.0
        self.rate = 0.0
        self.slowed_at = -math.inf

    def now(self, now: float) -> float:
        """Requests a second."""
        return self.rate * math.exp(-max(0.0, now - self.at) / _RATE_WINDOW_S)


class _Windows:
    """Windows of one kind: accounts that were due in them, and those that came."""

    __slots__ = ("came", "due")

    def __init__(self) -> None:
        self.due = 0.0
        self.came = 0


class Pauses:
    """Follows one group. An arrival costs O(1), a 429 a look at the accounts followed, once in a pause."""

    __slots__ = ("_after", "_came", "_due", "_open", "_promised", "_quiet", "_senders", "_slowed_at", "_until")

    def __init__(self) -> None:
        """Nothing seen."""
        self._senders: dict[int, _Sender] = {}
        self._after = _Windows()
        self._quiet = _Windows()
        self._open: _Windows | None = None
        self._due: dict[int, float] = {}
        """Accounts that have not sent yet in the window, and the chance that they would."""
        self._promised = 0.0
        self._came = 0
        self._until = 0.0
        self._slowed_at = -math.inf

    @property
    def observed(self) -> int:
        """Accounts that sent soon after another one's 429."""
        return self._after.came

    @property
    def expected(self) -> float:
        """Those that would have at a quiet time."""
        return self._after.due * min(1.0, (self._quiet.came + 1.0) / (self._quiet.due + 1.0))

    def arrived(self, principal: int, now: float) -> None:
        """A request arrives, served or refused."""
        self._close(now)
        if self._open is not None:
            self._came += self._due.pop(principal, None) is not None
        elif now - self._slowed_at >= QUIET_S and now >= self._until + PAUSE_S:
            self._begin(self._quiet, principal, now)
        sender = self._senders.pop(principal, None) or _Sender()
        self._senders[principal] = sender
        sender.rate = sender.now(now) + 1.0 / _RATE_WINDOW_S
        sender.at = now
        if len(self._senders) > FOLLOWED:
            del self._senders[next(iter(self._senders))]

    def slowed(self, principal: int, now: float) -> None:
        """The principal was answered 429."""
        self._close(now)
        self._slowed_at = now
        sender = self._senders.get(principal)
        if sender is not None:
            sender.slowed_at = now
        if self._open is not self._after:
            self._begin(self._after, principal, now)

    def _begin(self, kind: _Windows, principal: int, now: float) -> None:
        """Watch who sends. A quiet window in which somebody is told to slow down is none."""
        self._open = kind
        self._until = now + PAUSE_S
        self._came = 0
        self._due = {
            other: 1.0 - math.exp(-sender.now(now) * PAUSE_S)
            for other, sender in self._senders.items()
            if other != principal and sender.rate and now - sender.slowed_at >= QUIET_S
        }
        self._promised = sum(self._due.values())

    def _close(self, now: float) -> None:
        kind = self._open
        if kind is None or now < self._until:
            return
        self._open = None
        kind.came += self._came
        kind.due += self._promised
        for silent, chance in self._due.items():
            sender = self._senders.get(silent)
            if sender is not None:
                sender.rate *= 1.0 - chance

    def decades(self) -> float:
        """-log10 of the chance that so few came."""
        expected = self.expected
        if expected <= self.observed or expected < 1.0 or self._quiet.due < LEAST_QUIET:
            return 0.0
        term = total = math.exp(-min(expected, 700.0))
        for count in range(1, min(self.observed, 1000) + 1):
            term *= expected / count
            total += term
        return -math.log10(max(total, 1e-300))
