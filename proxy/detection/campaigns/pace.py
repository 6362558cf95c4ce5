"""How the sendings of a candidate come and go: together, as if shared workers sent them, and each member among the others."""

from __future__ import annotations

from typing import Final

from proxy.detection.campaigns.measures.independence import UNKNOWN, Independence, Pinned
from proxy.detection.campaigns.measures.pauses import Pauses
from proxy.detection.campaigns.measures.sessions import Sessions
from proxy.detection.campaigns.measures.turns import Turns

CONTRADICTED_S: Final = 3600.0
INDEPENDENT: Final = 0.7
"""Ratio from which requests vary as independent accounts' do."""
INDEPENDENT_WEIGHT: Final = 8.0
SLOWED_S: Final = 1800.0
"""So long after a 429 a throttled campaign is still taken to follow its budget."""


class Pace:
    """Follows one group; every start and end costs O(1)."""

    def __init__(self, now: float) -> None:
        """Nothing seen."""
        self.pinned: Pinned = UNKNOWN
        """The strongest evidence of shared workers, until later traffic contradicts it."""
        self.pauses = Pauses()
        self._requests = Independence(now)
        self._sessions: Sessions | None = None
        """From the first sending on that goes on with something: without any, requests say as much."""
        self._in_sessions = False
        """Whether what is pinned are conversations rather than requests."""
        self._pinned_at = now
        self._slowed_at = -SLOWED_S

    def start(self, principal: int, now: float) -> None:
        """A sending begins to be answered."""
        self._requests.start(principal, now)
        if self._sessions is not None:
            self._sessions.start(principal, now)

    def end(self, principal: int, now: float) -> None:
        """A sending's answer ended."""
        self._requests.end(principal, now)
        if self._sessions is not None:
            self._sessions.end(principal, now)

    def goes_on(self, now: float) -> None:
        """A sending goes on with a conversation or a trajectory."""
        if self._sessions is None:
            self._sessions = Sessions(now)

    def slowed(self, principal: int, now: float) -> None:
        """A member was told to slow down."""
        self.pauses.slowed(principal, now)
        self._slowed_at = now

    def absorb(self, other: Pace, now: float) -> None:
        """Go on with the other group's sendings too."""
        self._requests.absorb(other._requests, now)
        if other._sessions is not None:
            self._sessions = self._sessions or Sessions(now)
            self._sessions.absorb(other._sessions, now)
        if other.pinned.decades > self.pinned.decades:
            self.pinned, self._pinned_at, self._in_sessions = other.pinned, other._pinned_at, other._in_sessions

    def measure(self, now: float, *, raised: bool) -> None:
        """Say anew what is pinned. `raised`: the campaign has a level, so that 429s are its budget's, which its requests then follow."""
        paused = raised and now - self._slowed_at < SLOWED_S
        self._requests.pause(paused=paused)
        pinned, in_sessions = self._requests.measure(now), False
        if self._sessions is not None:
            self._sessions.together.pause(paused=paused)
            sessions = self._sessions.measure(now)
            if sessions.decades > pinned.decades:
                pinned, in_sessions = sessions, True
        contradicted = pinned.ratio >= INDEPENDENT and pinned.weight >= INDEPENDENT_WEIGHT and now - self._pinned_at > CONTRADICTED_S
        if pinned.decades >= self.pinned.decades or contradicted:
            self.pinned, self._pinned_at, self._in_sessions = pinned, now, in_sessions

    @property
    def turns(self) -> Turns:
        """Who takes turns with the others, in what is pinned."""
        return (self._sessions.together if self._in_sessions and self._sessions is not None else self._requests).turns
