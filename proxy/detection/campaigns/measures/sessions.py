"""Pinned concurrency of conversations: an agent's steps, with pauses for its tools between them, count as one.

A principal is busy from a request's start until the answer after which it stays silent for a while; what `Independence` asks of requests
is asked of busy principals. Everything is looked at that much later, when it is known whether the silence lasted.

Cannot see: tools that run for longer than the silence.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from proxy.detection.campaigns.measures.independence import Independence, Pinned

SILENCE_S: Final = 15.0


class _Change:
    """A principal becomes busy or stops being so."""

    __slots__ = ("at", "begins", "principal", "void")

    def __init__(self, at: float, principal: int, *, begins: bool) -> None:
        self.at = at
        self.principal = principal
        self.begins = begins
        self.void = False


class Sessions:
    """Follows one group; every start and end costs O(1)."""

    __slots__ = ("_ahead", "_flying", "_silent", "together")

    def __init__(self, now: float) -> None:
        """Nobody is busy yet."""
        self.together = Independence(now)
        """What is asked of busy principals."""
        self._flying: dict[int, int] = {}
        self._silent: dict[int, _Change] = {}
        """Principal -> the end after which it may go on."""
        self._ahead: deque[_Change] = deque()

    def start(self, principal: int, now: float) -> None:
        """A request of the principal begins."""
        self._settle(now)
        flying = self._flying.get(principal, 0)
        self._flying[principal] = flying + 1
        if flying:
            return
        ended = self._silent.pop(principal, None)
        if ended is not None:
            ended.void = True
        else:
            self._ahead.append(_Change(now, principal, begins=True))

    def end(self, principal: int, now: float) -> None:
        """A request of the principal ends. An end without a start is ignored."""
        self._settle(now)
        flying = self._flying.get(principal, 0)
        if flying > 1:
            self._flying[principal] = flying - 1
        elif flying:
            del self._flying[principal]
            self._silent[principal] = turn = _Change(now, principal, begins=False)
            self._ahead.append(turn)

    def _settle(self, now: float) -> None:
        while self._ahead and self._ahead[0].at + SILENCE_S <= now:
            turn = self._ahead.popleft()
            if turn.begins:
                self.together.start(turn.principal, turn.at)
            elif not turn.void:
                self.together.end(turn.principal, turn.at)
                if self._silent.get(turn.principal) is turn:
                    del self._silent[turn.principal]

    def absorb(self, other: Sessions, now: float) -> None:
        """Go on with the other group's requests too."""
        self.together.turns.absorb(other.together.turns)
        for principal, flying in other._flying.items():
            for _ in range(flying):
                self.start(principal, now)

    def measure(self, now: float) -> Pinned:
        """What the stretches say together."""
        self._settle(now)
        return self.together.measure(now)
