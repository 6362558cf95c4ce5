"""GCRA with cost: may this key spend `cost` units at `now`, and what does it owe once the real cost is known?

A key's whole state is its theoretical arrival time `tat`: the moment at which the full burst is available again. A `tat` at or before
`now` is a full bucket, so a key that was never seen is `NEVER`. Working in seconds of refill instead of units has a second use: halving
rate and burst together leaves every `tat` valid, which is how replicas split a limit when the store they share is gone.
"""

from __future__ import annotations

from math import inf

from proxy.limits.ask import Ask, Standing

NEVER = 0.0
"""The state of a key that never spent."""

TOLERANCE_S = 1e-6
"""Rounding allowed in a comparison of times: doubles near the epoch have a step of 0.24 us. It is granted once, it never adds up."""

_new = tuple.__new__
"""Builds a NamedTuple in half the time its own constructor takes."""

LEASE_RETRY_S = 1.0
"""What a caller is told to wait when every lease is taken: when one ends can't be known, so it is an invitation to ask again."""


def look(ask: Ask, tat: float, now: float) -> Standing:
    """Where a rate limit would stand after `ask`. Spends nothing.

    A clock that went back makes `tat` look further away, so it refuses rather than refills. A cost that isn't a number is refused. A key
    in debt refuses even a cost of 0.
    """
    limit, _, cost, rate, burst, shadow, unit = ask
    owed = tat - now if tat > now else 0.0
    after = owed + cost / rate
    wait = after - burst / rate
    if wait <= TOLERANCE_S:
        left = burst - after * rate
        return _new(Standing, (limit, True, left if left > 0.0 else 0.0, 0.0, after, burst, rate, shadow, unit))  # noqa: FURB136  max() costs 70 ns
    retry = wait if cost <= burst else inf
    return Standing(limit, False, max(burst - owed * rate, 0.0), retry, owed, burst, rate, shadow, unit)


def spend(tat: float, seconds: float, now: float) -> float:
    """The state after spending `seconds` of refill (cost / rate), allowed or not: a settlement may go into debt."""
    return max(now, tat) + seconds


def refund(tat: float, seconds: float, now: float) -> float:
    """The state after giving `seconds` of refill back. A bucket is never more than full."""
    back = tat - seconds
    return back if back > now else min(tat, now)


def correction(ask: Ask, actual: float, age_s: float) -> float:
    """Units still to spend (> 0) or to give back (< 0) so that `ask` cost `actual` instead of its estimate.

    Nothing is given back once the reservation is older than the time a whole burst takes to refill: the estimate has long been refilled,
    and long-held reservations would otherwise let a caller save up bursts. An `actual` that isn't a number >= 0 leaves the estimate.
    """
    if not actual >= 0.0 or actual == inf:
        return 0.0
    more = actual - ask.cost
    if more < 0.0 and age_s * ask.rate >= ask.burst:
        return 0.0
    return more


def look_leases(ask: Ask, taken: int) -> Standing:
    """Where a concurrency limit would stand if `ask` took one more lease beside the `taken` ones."""
    limit, _, _, rate, burst, shadow, unit = ask
    left = burst - taken
    if left >= 1.0:
        return _new(Standing, (limit, True, left - 1.0, 0.0, 0.0, burst, rate, shadow, unit))
    retry = LEASE_RETRY_S if burst >= 1.0 else inf
    return Standing(limit, False, 0.0, retry, LEASE_RETRY_S, burst, rate, shadow, unit)


def denying(standings: list[Standing]) -> Standing | None:
    """The enforced limit that refuses and will do so longest; None when all pass. Shadow limits refuse nobody."""
    worst: Standing | None = None
    for standing in standings:
        if not standing[1] and not standing[7] and (worst is None or standing[3] > worst[3]):
            worst = standing
    return worst
