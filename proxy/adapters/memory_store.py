"""Budgets in this process: a bounded table of GCRA states and the open leases. Implements `limits.ask.LimitStore`.

Memory is bounded by `max_keys` however many keys a stranger invents. Only a key whose bucket is full again may leave the table: it comes
back with what it would have had anyway. When the table is full of keys that still owe something, a new key spends from a bucket that it
shares with every other such key of its limit and hash slot, gets no refunds there, and starts from that bucket's state once it finds room.
So the error is always to refuse: a new key may be refused for its neighbours' spending, a spent key never gets a fresh burst.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from itertools import count
from math import inf

from proxy.limits import gcra
from proxy.limits.ask import Ask, Reservation, Standing

_new = tuple.__new__

_SLOTS = 256
"""Shared buckets per limit for keys the table has no room for."""
_PROBES = 8
"""Oldest keys looked at for one that may leave; bounds the work of an insertion."""
_SWEEP_EVERY = 4096
"""Leases taken between two searches for leases that nobody ended."""


class _Leases(dict[str, float]):
    """The open leases of one key, and when each counts as leaked."""

    __slots__ = ("earliest",)

    earliest: float
    """None counts as leaked before: as long as that is to come, none of them need be looked at."""


class MemoryStore:
    """Keys are kept as their 64-bit hash, seeded afresh by each process: long keys cost nothing, collisions can't be aimed and only refuse."""

    def __init__(self, *, max_keys: int = 131_072, lease_ttl_s: float = 900.0) -> None:
        """`lease_ttl_s` must exceed the longest exchange: an older lease counts as leaked and its slot is given away."""
        self._max_keys = max_keys
        self._lease_ttl_s = lease_ttl_s
        self._tats: dict[int, float] = {}
        self._oldest_first: deque[int] = deque()
        self._shared: dict[str, array[float]] = {}
        self._leases: dict[int, _Leases] = {}
        self._open_leases = 0
        self._lease_numbers = count(1)
        self._until_sweep = _SWEEP_EVERY
        self.overflowed = 0
        """Spends that went to a shared bucket because the table was full."""

    @property
    def keys(self) -> int:
        """Keys in the table."""
        return len(self._tats)

    @property
    def open_leases(self) -> int:
        """Leases taken and neither ended nor found expired."""
        return self._open_leases

    async def reserve(self, asks: Sequence[Ask], now: float) -> Reservation:
        """Spend all asks or none."""
        return self.take(asks, now)

    async def settle(self, held: Reservation, actual: Sequence[float], now: float) -> None:
        """Replace each reserved cost with the actual one and end the leases."""
        self.give_back(held, actual, now)

    async def close(self) -> None:
        """Nothing outlives the process."""

    def take(self, asks: Sequence[Ask], now: float, leases: tuple[str, ...] = ()) -> Reservation:
        """`reserve` without a coroutine. `leases` names the leases to take when the caller needs them known beforehand."""
        tats = self._tats
        standings: list[Standing] = []
        passed = True
        for ask in asks:
            key = hash(ask[1])
            if ask[3]:
                tat = tats.get(key)
                standing = gcra.look(ask, self._shared_tat(ask, key) if tat is None else tat, now)
            else:
                standing = gcra.look_leases(ask, self._taken(key, now) if key in self._leases else 0)
            standings.append(standing)
            if not standing[1]:
                passed = False
        if not passed:
            denied = gcra.denying(standings)
            if denied is not None:
                return Reservation(tuple(asks), tuple(standings), denied, now)
        taken = [""] * len(standings)
        for place, ask in enumerate(asks):
            if passed or standings[place][1]:
                key = hash(ask[1])
                if not ask[3]:
                    taken[place] = self._lease(key, leases[place] if leases else "", now)
                elif key in tats:
                    tat = tats[key]
                    tats[key] = (tat if tat > now else now) + ask[2] / ask[3]  # noqa: FURB136  max() costs 70 ns
                else:
                    self._spend(ask, key, ask[2] / ask[3], now)
        return _new(Reservation, (tuple(asks), tuple(standings), None, now, False, tuple(taken)))

    def give_back(self, held: Reservation, actual: Sequence[float], now: float) -> None:
        """`settle` without a coroutine. A denied reservation and a shadow ask that was over its limit hold nothing."""
        asks, standings, denied, at, _, leases = held
        if denied is not None:
            return
        age_s = now - at
        for ask, standing, cost, lease in zip(asks, standings, actual, leases, strict=True):
            if not standing[1]:
                continue
            if lease:
                self._end(hash(ask[1]), lease)
                continue
            if cost == ask[2]:
                continue
            more = gcra.correction(ask, cost, age_s)
            if more > 0.0:
                self._spend(ask, hash(ask[1]), more / ask[3], now)
            elif more < 0.0:
                key = hash(ask[1])
                tat = self._tats.get(key)
                if tat is not None:
                    self._tats[key] = gcra.refund(tat, -more / ask[3], now)

    def owed_until(self, ask: Ask) -> float:
        """The key's state: when its bucket is full again, seconds since the epoch."""
        return self._tat(ask, hash(ask[1]))

    def learn(self, ask: Ask, tat: float, now: float) -> None:
        """Take over the key's state from a store that knows more; a key without room only makes its shared bucket stricter."""
        key = hash(ask[1])
        if key in self._tats:
            self._tats[key] = tat
        elif tat > max(self._shared_tat(ask, key), now):
            self._spend(ask, key, tat - max(self._shared_tat(ask, key), now), now)

    def hold(self, ask: Ask, lease: str, now: float) -> None:
        """Count a lease that another store granted."""
        self._lease(hash(ask[1]), lease, now)

    def release(self, ask: Ask, lease: str) -> None:
        """End a lease; ending it twice is harmless."""
        self._end(hash(ask[1]), lease)

    def _tat(self, ask: Ask, key: int) -> float:
        tat = self._tats.get(key)
        return self._shared_tat(ask, key) if tat is None else tat

    def _shared_tat(self, ask: Ask, key: int) -> float:
        slots = self._shared.get(ask[0])
        return gcra.NEVER if slots is None else slots[key % _SLOTS]

    def _spend(self, ask: Ask, key: int, seconds: float, now: float) -> None:
        tats = self._tats
        tat = gcra.spend(self._tat(ask, key), seconds, now)
        if key in tats or self._makes_room(key, now):
            tats[key] = tat
        else:
            self.overflowed += 1
            slots = self._shared.get(ask[0])
            if slots is None:
                slots = self._shared[ask[0]] = array("d", bytes(8 * _SLOTS))
            slots[key % _SLOTS] = tat

    def _makes_room(self, key: int, now: float) -> bool:
        tats, oldest = self._tats, self._oldest_first
        if len(tats) >= self._max_keys:
            for _ in range(_PROBES):
                candidate = oldest.popleft()
                if tats[candidate] <= now:
                    del tats[candidate]
                    break
                oldest.append(candidate)
            else:
                return False
        oldest.append(key)
        return True

    def _taken(self, key: int, now: float) -> int:
        leases = self._leases.get(key)
        if leases is None:
            return 0
        if leases.earliest <= now:
            self._expire(key, leases, now)
        return len(leases)

    def _lease(self, key: int, name: str, now: float) -> str:
        lease = name or str(next(self._lease_numbers))
        self._until_sweep -= 1
        if self._until_sweep <= 0:
            self._until_sweep = _SWEEP_EVERY
            for other, leases in list(self._leases.items()):
                self._expire(other, leases, now)
        until = now + self._lease_ttl_s
        found = self._leases.get(key)
        if found is None:
            found = self._leases[key] = _Leases()
            found.earliest = until
        elif until < found.earliest:
            found.earliest = until
        if lease not in found:
            self._open_leases += 1
        found[lease] = until
        return lease

    def _end(self, key: int, lease: str) -> None:
        leases = self._leases.get(key)
        if leases is not None and leases.pop(lease, None) is not None:
            self._open_leases -= 1
            if not leases:
                del self._leases[key]

    def _expire(self, key: int, leases: _Leases, now: float) -> None:
        for lease in [lease for lease, until in leases.items() if until <= now]:
            self._end(key, lease)
        leases.earliest = min(leases.values(), default=inf)
