"""Does one member take turns with the others, or does it only send what they send?

In a group that shares workers a member's request takes a place that another's left: it always meets the same number of others' requests.
A request of somebody else meets what the group happens to hold: one more at the pool's best times, none while it rests. Each spell of
requests says a little; two or more tell an honest user of the same tool or settings from the accounts behind the pool.

Cannot see: members with a single request, and anything in a group whose members meet what a stranger would meet.
"""

from __future__ import annotations

import math
from typing import Final

MEMBERS: Final = 1 << 15
"""Members remembered; of more the oldest half is forgotten."""
MEMORY_ENDS: Final = 16.0
"""What a stranger would meet is what the group held during about so many of its last answers."""
_SPELLS: Final = 8
"""Spells before anything is said."""
_UNSETTLED: Final = 2.0
"""Further than this, and half, from what the group held of late it is filling or draining: a stranger would meet anything."""
_SPELL_LEARNING: Final = 1.0 / 32.0
_LEARNING: Final = 0.1
_PAUSE: Final = 4.0
"""A pause counts as at most so many times the usual gap when gaps are learnt."""
_LEAST_VARIANCE: Final = 0.1
_ONE: Final = 1.5
"""The most that one spell says, as logarithm of odds: a pool that fills must not pass for strangers."""
_MOST: Final = 6.0
_SURE: Final = 2.3
"""Odds of ten to one."""
_CONVINCED: Final = 3.0
"""Odds of twenty to one: to share in what is held against the others takes more than to be spared it."""
LEANING: Final = 1.4
"""Odds of four to one: about what one request can say."""
_NEARLY_ALL: Final = 2.5
"""Twelve of thirteen."""
CLEARLY: Final = 2.8
"""Two of them."""


class _Spell:
    """A principal has requests in flight."""

    __slots__ = ("area", "at", "began", "count", "held", "own", "said", "settled")

    def __init__(self, now: float, area: float, held: float, *, settled: bool) -> None:
        self.began = self.at = now
        self.area = area
        self.held = held
        self.settled = settled
        self.count = 0
        self.own = self.said = 0.0


class Turns:
    """Follows one group; every start and end costs O(1). Times are seconds on a clock of its own, which `held` moves."""

    __slots__ = (
        "_alone", "_area", "_busy", "_ended", "_gap", "_held", "_met", "_met_usually", "_met_variance", "_now", "_sharing", "_spells", "paused",
    )  # fmt: skip

    def __init__(self) -> None:
        """Nothing seen."""
        self._now = self._ended = self._area = 0.0
        self._gap = self._held = 0.0
        """Seconds between ends, and the requests that the group holds: of late, on average."""
        self._met_usually = self._met_variance = 0.0
        """Requests of others that a spell meets, on average, and their variance."""
        self._spells = 0
        self._busy: dict[int, _Spell] = {}
        self._met: dict[int, float] = {}
        """Principal -> what its spells say, as logarithm of odds: above 0.0 that it is independent of the others."""
        self._alone = self._sharing = 0
        """Principals of which they say the one and the other."""
        self.paused = False
        """Somebody slows the group down: how its requests come and go says nothing of who sends them."""

    def held(self, count: int, seconds: float) -> None:
        """The group held so many requests for so long."""
        self._now += seconds
        self._area += count * seconds
        if self._gap:
            self._held += (1.0 - math.exp(-seconds / (MEMORY_ENDS * self._gap))) * (count - self._held)

    def started(self, principal: int, others: int) -> None:
        """A request of the principal begins while the group holds so many."""
        spell = self._busy.get(principal)
        if spell is None:
            settled = abs(others - self._held) <= _UNSETTLED + 0.5 * self._held
            spell = self._busy[principal] = _Spell(self._now, self._area, self._held, settled=settled)
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
        if spell.own <= 0.0 or self.paused:
            return
        met = (self._area - spell.area - spell.own) / seconds
        beyond = met - self._met_usually
        if self._spells >= _SPELLS and spell.settled:
            stranger = spell.held - self._met_usually  # what a stranger meets beyond what members meet
            said = stranger * (beyond - stranger / 2.0) / max(_LEAST_VARIANCE, self._met_variance)
            said = min(max(said, -_ONE), _ONE)
            self._hear(principal, said - spell.said)  # a spell that goes on counts once
            spell.said = said
        if not spell.count:
            self._spells += 1
            member = 2.0 / (1.0 + math.exp(self._met.get(principal, 0.0)))  # strangers teach little of what members meet
            share = member * max(_SPELL_LEARNING, 1.0 / (1.0 + self._spells))
            self._met_usually += share * beyond
            self._met_variance += share * (beyond * beyond * (1.0 - share) - self._met_variance)

    def _hear(self, principal: int, said: float) -> None:
        before = self._met.get(principal, 0.0)
        after = min(max(before + said, -_MOST), _MOST)
        self._met[principal] = after
        self._alone += (after > 0.0) - (before > 0.0)
        self._sharing += (after < 0.0) - (before < 0.0)
        if len(self._met) > MEMBERS:
            self._met = dict(list(self._met.items())[MEMBERS // 2 :])
            self._alone = sum(said > 0.0 for said in self._met.values())
            self._sharing = sum(said < 0.0 for said in self._met.values())

    def apart(self, principal: int) -> bool:
        """Whether the principal's requests come and go without regard to the others'. Its own requests must show it."""
        return self._met.get(principal, 0.0) >= _SURE

    def taken(self, principal: int, least: float = LEANING) -> bool:
        """Whether the principal takes turns with the others: its own requests say `least` of it, and with what most members do it is sure enough."""
        own = self._met.get(principal, 0.0)
        return own <= -least and own + self._most() <= -_CONVINCED

    def presumed(self, principal: int) -> bool:
        """Whether it may be taken for one who takes turns while its own requests say little: nearly all others do."""
        return self._met.get(principal, 0.0) <= LEANING / 2.0 and self._most() <= -_NEARLY_ALL

    def _most(self) -> float:
        """What is to be thought of a member of which nothing is known."""
        return math.log((self._alone + 1.0) / (self._sharing + 1.0))

    def absorb(self, other: Turns) -> None:
        """Know what the other group's spells said too."""
        for principal, said in other._met.items():
            self._hear(principal, said)
