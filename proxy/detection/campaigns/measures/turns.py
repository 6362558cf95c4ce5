"""Does one member take turns with the others, or does it only send what they send?

In a group that shares workers a member's request takes a place that another's left: while it lasts the group holds what it usually holds.
A request of somebody else comes on top of that, and at times when the group rests it comes alone. Each such spell says a little; two or
more tell an honest user of the same tool or the same settings from the accounts behind the pool.

Cannot see: members with a single request, and anything while a pool fills, drains, or varies as independent users do.
"""

from __future__ import annotations

import math
from typing import Final

MEMBERS: Final = 1 << 15
"""Members remembered; of more the oldest half is forgotten."""
MEMORY_ENDS: Final = 16.0
"""What the group usually holds is what it held during about so many of its last answers."""
_LEARNING: Final = 0.1
_PAUSE: Final = 4.0
"""A pause counts as at most so many times the usual gap when gaps are learnt."""
_LEAST_VARIANCE: Final = 0.1
_ONE: Final = 1.5
"""The most that one spell says, as logarithm of odds: a pool that fills must not pass for two users."""
_MOST: Final = 6.0
_SURE: Final = 2.3
"""Odds of ten to one."""


class _Spell:
    """A principal has requests in flight."""

    __slots__ = ("area", "at", "began", "count", "own", "said", "usual")

    def __init__(self, now: float, area: float, usual: float) -> None:
        self.began = self.at = now
        self.area = area
        self.usual = usual
        self.count = 0
        self.own = self.said = 0.0


class Turns:
    """Follows one group; every start and end costs O(1). Times are seconds on a clock of its own, which `held` moves."""

    __slots__ = ("_area", "_busy", "_ended", "_gap", "_met", "_now", "_usual", "_variance")

    def __init__(self) -> None:
        """Nothing seen."""
        self._now = self._ended = self._area = 0.0
        self._usual = self._variance = self._gap = 0.0
        self._busy: dict[int, _Spell] = {}
        self._met: dict[int, float] = {}
        """Principal -> logarithm of the odds that it is independent of the others."""

    def held(self, count: int, seconds: float) -> None:
        """The group held so many requests for so long."""
        self._now += seconds
        self._area += count * seconds
        if self._gap:
            share = 1.0 - math.exp(-seconds / (MEMORY_ENDS * self._gap))
            beyond = count - self._usual
            self._usual += share * beyond
            self._variance += share * (beyond * beyond - self._variance)

    def started(self, principal: int) -> None:
        """A request of the principal begins."""
        spell = self._busy.get(principal)
        if spell is None:
            spell = self._busy[principal] = _Spell(self._now, self._area, self._usual)
        self._own(spell, 1)

    def ended(self, principal: int) -> None:
        """A request of the principal ends."""
        gap = self._now - self._ended
        self._ended = self._now
        self._gap += _LEARNING * (min(gap, _PAUSE * self._gap) - self._gap) if self._gap else gap
        spell = self._busy.get(principal)
        if spell is None:
            return
        self._own(spell, -1)
        self._weigh(principal, spell)
        if not spell.count:
            del self._busy[principal]

    def _own(self, spell: _Spell, by: int) -> None:
        spell.own += spell.count * (self._now - spell.at)
        spell.at = self._now
        spell.count += by

    def _weigh(self, principal: int, spell: _Spell) -> None:
        seconds = self._now - spell.began
        if spell.own <= 0.0:
            return
        more = ((self._area - spell.area) / seconds - spell.usual) * seconds / spell.own
        said = min(max((min(max(more, 0.0), 1.0) - 0.5) / max(_LEAST_VARIANCE, self._variance), -_ONE), _ONE)
        together = self._met.get(principal, 0.0) + said - spell.said  # a spell that goes on counts once
        spell.said = said
        self._met[principal] = min(max(together, -_MOST), _MOST)
        if len(self._met) > MEMBERS:
            self._met = dict(list(self._met.items())[MEMBERS // 2 :])

    def apart(self, principal: int) -> bool:
        """Whether the principal's requests come and go without regard to the others'."""
        return self._met.get(principal, 0.0) >= _SURE

    def taken(self, principal: int) -> bool:
        """Whether the principal was rather seen to take turns with the others."""
        return self._met.get(principal, 0.0) < 0.0

    def absorb(self, other: Turns) -> None:
        """Know what the other group's spells said too."""
        for principal, said in other._met.items():
            self._met[principal] = min(max(self._met.get(principal, 0.0) + said, -_MOST), _MOST)
