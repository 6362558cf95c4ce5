"""An account's level over time: jittered promotion, hysteresis, demotion after a while.

Promotion waits a delay of its own for each account, since a proxy that answers at once tells an attacker which request gave
them away. Demotion waits until the lower score has stood for a while.
"""

from __future__ import annotations

from typing import Final

from proxy.detection.observation import NO_SIGNALS, Signals

NEVER: Final = float("inf")
FIRST_REVIEW_S: Final = 900.0
"""Alone, an account's first requests can't raise it; a campaign asks for a review at once."""


class Standing:
    """The signals in force, and what they are about to become."""

    __slots__ = ("demote_at", "level", "pending", "promote_at", "review_at", "signals")

    def __init__(self, now: float) -> None:
        """Nothing known."""
        self.signals: Signals = NO_SIGNALS
        self.level = 0
        self.pending = 0
        self.promote_at = self.demote_at = NEVER
        self.review_at = now + FIRST_REVIEW_S

    def aim(self, target: int, now: float, delay_s: float, demote_s: float) -> None:
        """The evidence now supports `target`: schedule the change, or make it if it is due."""
        if target > self.level:
            self.demote_at = NEVER
            if self.pending == 0 or self.promote_at == NEVER:
                self.promote_at = now + delay_s
            self.pending = target
            if now >= self.promote_at:
                self.level = target
                self.pending = 0
                self.promote_at = NEVER
            return
        self.pending = 0
        self.promote_at = NEVER
        if target == self.level:
            self.demote_at = NEVER
        elif self.demote_at == NEVER:
            self.demote_at = now + demote_s
        elif now >= self.demote_at:
            self.level = target
            self.demote_at = NEVER

    def lower(self, most: int) -> None:
        """The brake: at most this level, at once."""
        self.level = min(self.level, most)

    def next_change(self) -> float:
        """When a scheduled change is due; infinity when none is."""
        return min(self.promote_at, self.demote_at)

    def clear(self) -> None:
        """Back to nothing, as an operator's release asks."""
        self.level = self.pending = 0
        self.promote_at = self.demote_at = NEVER
        self.signals = NO_SIGNALS
