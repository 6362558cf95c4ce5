"""Pinned concurrency: do accounts that claim to be strangers share one pool of workers?

Independent accounts, each as bursty, regular or pinned as it likes, make the variance of the summed in-flight count equal
the sum of the single variances. One semaphore behind many accounts makes every start wait for another account's end: the sum
hardly varies while each account's own count does. The ratio of the two is measured over short stretches, a few dozen requests
each, and pooled as a geometric mean, so that the stretch in which a pool fills or drains doesn't hide the others. Under
independence it is near 1 (above, when accounts react to the same clock or the same slow upstream).

Cannot see: a campaign whose accounts each run their own pool, one that paces requests independently of answers, and one so
slow that two of its requests are rarely in flight together.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from proxy.detection.campaigns.measures.turns import Turns

STRETCH_REQUESTS: Final = 24
STRETCH_ACCOUNTS: Final = 8
"""Answers that end a stretch, once so many accounts took part: a few that work alone for a while, one by chance after the other, must
not look like taking turns."""
STRETCH_MOST: Final = 600
STRETCH_MAX_S: Final = 6 * 3600.0
TRACKED: Final = 4096
"""Accounts tracked one by one in a stretch; a stretch that meets more is closed."""
_POOLED: Final = 30.0
"""Weight at which the past is halved: some 36 short stretches."""
_SHORT_STRETCH: Final = 2.5
"""Degrees of freedom of a stretch shorter than an answer: twice mean squared over variance of the Cramer-von-Mises law."""
_FREEDOM_MAX: Final = 20.0
_LOG_RANGE: Final = (-3.0, 2.0)
"""What one stretch can say at most, as natural logarithm of the ratio."""


class Pinned(NamedTuple):
    """What the pooled stretches say."""

    ratio: float = 1.0
    """Geometric mean over the stretches of the variance of the sum over the sum of variances."""
    weight: float = 0.0
    """Precision of its logarithm; 0.0 when nothing was measured."""
    mean: float = 0.0
    """Requests in flight in the stretch that varied least, and their standard deviation."""
    deviation: float = 0.0
    expected_deviation: float = 0.0
    """The deviation that independent accounts would have shown in it."""

    @property
    def decades(self) -> float:
        """-log10 of the chance of a ratio this low under independence; 0.0 for ratios of 1 and above."""
        z = -math.log(self.ratio) * math.sqrt(self.weight)
        if z <= 0.0:
            return 0.0
        return -math.log10(max(0.5 * math.erfc(z / math.sqrt(2.0)), 1e-300))


UNKNOWN: Final = Pinned()


class Independence:
    """Follows one group's requests; every start and end costs O(1)."""

    __slots__ = (
        "_area",
        "_area_each",
        "_area_sum",
        "_at",
        "_best",
        "_each",
        "_ends",
        "_since",
        "_squares",
        "_sum",
        "_weight",
        "count",
        "turns",
    )

    def __init__(self, now: float) -> None:
        """Nothing in flight yet."""
        self.count = 0
        self.turns = Turns()
        self._squares = 0
        self._each: dict[int, list[float]] = {}
        self._sum = self._weight = 0.0
        self._best = UNKNOWN
        self._at = self._since = now
        self._ends = 0
        self._area = self._area_sum = self._area_each = 0.0

    def start(self, principal: int, now: float) -> None:
        """A request of the principal begins."""
        self._change(principal, 1, now)
        self.turns.started(principal, self.count - 1)

    def end(self, principal: int, now: float) -> None:
        """A request of the principal ends. An end without a start is ignored."""
        each = self._each.get(principal)
        if each is not None and each[0] > 0:
            self._change(principal, -1, now)
            self.turns.ended(principal)
            self._ends += 1
            if self._ends >= STRETCH_REQUESTS and (len(self._each) >= STRETCH_ACCOUNTS or self._ends >= STRETCH_MOST):
                self._close()

    def _change(self, principal: int, by: int, now: float) -> None:
        passed = now - self._at
        if passed > 0.0:
            self.turns.held(self.count, passed)
            weight = passed * self.count
            self._area += weight
            self._area_sum += weight * self.count
            self._area_each += passed * self._squares
            self._at = now
        each = self._each.get(principal)
        if each is None:
            each = self._each[principal] = [0.0, self._at, 0.0]
        each[2] += each[0] * (self._at - each[1])
        each[1] = self._at
        self._squares += int(2 * by * each[0]) + 1
        each[0] += by
        self.count += by

    def absorb(self, other: Independence, now: float) -> None:
        """Go on with the other group's requests too; what it measured alone of all together is forgotten."""
        self.turns.absorb(other.turns)
        for principal, each in other._each.items():
            for _ in range(int(each[0])):
                self._change(principal, 1, now)

    def measure(self, now: float) -> Pinned:
        """Close the stretch if it is long enough, and say what all stretches say together."""
        if len(self._each) > TRACKED or now - self._since > STRETCH_MAX_S:
            self._close()
        if self._weight <= 0.0:
            return UNKNOWN
        return self._best._replace(ratio=math.exp(self._sum / self._weight), weight=self._weight)

    def pause(self, *, paused: bool) -> None:
        """While somebody slows the group down its requests follow that, not its workers: nothing is measured."""
        if paused != self.turns.paused:
            self._close()
            self.turns.paused = paused

    def _close(self) -> None:
        seconds = self._at - self._since
        if seconds > 0.0 and not self.turns.paused and self._ends >= STRETCH_REQUESTS // 2:
            mean = self._area / seconds
            together = max(0.0, self._area_sum / seconds - mean * mean)
            apart = self._area_each / seconds - sum(self._mean_squared(each, seconds) for each in self._each.values())
            if apart > min(0.05 * mean, 1.0):  # less is accounts that hold steady each for itself: nothing to compare
                ratio = together / apart
                self._pool(
                    ratio, min(max(_SHORT_STRETCH, seconds * self._ends / self._area), _FREEDOM_MAX, max(0.5, len(self._each) / 2.0))
                )
                if self._best.weight <= 0.0 or ratio <= self._best.ratio:
                    self._best = Pinned(ratio, 1.0, mean, math.sqrt(together), math.sqrt(apart))
        self._since = self._at
        self._ends = 0
        self._area = self._area_sum = self._area_each = 0.0
        self._each = {principal: [each[0], self._at, 0.0] for principal, each in self._each.items() if each[0] > 0}

    def _mean_squared(self, each: list[float], seconds: float) -> float:
        mean = (each[2] + each[0] * (self._at - each[1])) / seconds
        return mean * mean

    def _pool(self, ratio: float, freedom: float) -> None:
        low, high = _LOG_RANGE
        bias = -1.0 / freedom - 1.0 / (3.0 * freedom**2)  # mean and variance of the logarithm of a chi-square over its freedom
        variance = 2.0 / freedom + 2.0 / freedom**2 + 4.0 / (3.0 * freedom**3)
        if self._weight > _POOLED:
            self._weight /= 2.0
            self._sum /= 2.0
        self._weight += 1.0 / variance
        self._sum += (min(max(math.log(max(ratio, 1e-9)), low), high) - bias) / variance
