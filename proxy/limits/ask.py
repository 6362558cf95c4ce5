"""What a limit asks of the store: spend this cost on that key, or say when it will be possible.

A store keeps, for every key, one number: the theoretical arrival time of GCRA (rates), or the open leases (concurrency).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Ask(NamedTuple):
    """One limit applied to one request."""

    limit: str
    """The limit's id, for the record."""
    key: str
    """Digest-free joined key, unique per limit and subject; a shared store hashes it before it leaves the process."""
    cost: float
    """Units reserved now: requests, tokens, US dollars, or 1 lease."""
    rate: float
    """Units per second; 0.0 for a concurrency limit."""
    burst: float
    """Units that may be spent at once; the maximum of open leases for a concurrency limit."""
    shadow: bool = False
    """Evaluate and count, but never deny."""
    unit: str = "requests"
    """What is counted, one of `costs.COUNTS`: it names the reply headers that describe the limit."""


class Standing(NamedTuple):
    """Where one limit stands after an ask: for the RateLimit headers and the record."""

    limit: str
    allowed: bool
    remaining: float
    retry_after_s: float
    """0.0 when allowed; inf when the cost is above the burst and can never pass."""
    reset_s: float
    """Seconds until the full burst is available again."""
    burst: float
    rate: float
    shadow: bool = False
    unit: str = "requests"


class Reservation(NamedTuple):
    """All asks of one request, reserved together or (when `denied`) not at all."""

    asks: tuple[Ask, ...]
    standings: tuple[Standing, ...]
    denied: Standing | None
    at: float
    degraded: bool = False
    """The shared store didn't answer in time and this process decided alone."""
    leases: tuple[str, ...] = ()
    """Lease ids of the concurrency asks, in the order of `asks`; "" for the others."""


class LimitStore(Protocol):
    """Where budgets live. Implemented by `adapters.memory_store` and `adapters.redis_store`."""

    async def reserve(self, asks: Sequence[Ask], now: float) -> Reservation:
        """Spend all asks or none. Never raises for a store that is down: it degrades and says so."""

    async def settle(self, held: Reservation, actual: Sequence[float], now: float) -> None:
        """Replace each reserved cost with the actual one and end the leases. `actual` is aligned with `held.asks`."""

    async def close(self) -> None:
        """Flush what is pending and release connections."""
