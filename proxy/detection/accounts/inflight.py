"""Exact time-weighted mean and variance of a count of requests in flight."""

from __future__ import annotations

from typing import NamedTuple


class Concurrency(NamedTuple):
    """Moments of a count over a stretch of time."""

    seconds: float
    mean: float
    variance: float


class InFlight:
    """A count that goes up and down, and its integrals over time since `reset`.

    A time that runs back (replicas' clocks, near-simultaneous events) is read as no time passed.
    """

    __slots__ = ("_area", "_area_squared", "_at", "_since", "count")

    def __init__(self, now: float) -> None:
        """Starts empty at `now`."""
        self.count = 0
        self._at = self._since = now
        self._area = self._area_squared = 0.0

    def change(self, by: int, now: float) -> None:
        """`by` requests more (or fewer) are in flight from `now` on."""
        self._advance(now)
        self.count = max(0, self.count + by)

    def _advance(self, now: float) -> None:
        passed = now - self._at
        if passed > 0.0:
            weight = passed * self.count
            self._area += weight
            self._area_squared += weight * self.count
            self._at = now

    def moments(self, now: float) -> Concurrency:
        """Mean and variance since the last reset."""
        self._advance(now)
        seconds = self._at - self._since
        if seconds <= 0.0:
            return Concurrency(0.0, float(self.count), 0.0)
        mean = self._area / seconds
        return Concurrency(seconds, mean, max(0.0, self._area_squared / seconds - mean * mean))

    def reset(self, now: float) -> None:
        """Forget the past; what is in flight stays so."""
        self._advance(now)
        self._since = self._at
        self._area = self._area_squared = 0.0
