"""Fingerprint -> accounts, in fixed memory and two generations: now (hours) and history (weeks).

A fingerprint that only one principal has sent costs one slot of a doorkeeper, where newcomers overwrite; from the second principal
on it has an entry with the first principals that sent it and a count. Pairs arrive in batches, because numpy handles a batch
of thousands in the time of a few single ones.

Cannot see: a second sending after the doorkeeper's slot was overwritten; with 2**22 slots that is some 100,000 requests later.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Principals = NDArray[np.uint32]
Places = NDArray[np.intp]

WAYS: Final = 4
MEMBERS: Final = 24
"""Principals kept by name per entry; from then on they are only counted."""
_PAIR_BITS: Final = 24
_HISTORY_DECAY: Final = 0.96
"""Per generation of 12 h: a half-life of about nine days."""
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_HIGH: Final = np.uint64(32)


class Shared(NamedTuple):
    """Fingerprints whose count of principals just rose, and what the index knows of them."""

    fingerprints: Hashes
    now: NDArray[np.int64]
    """Principals of this generation and the one before."""
    history: NDArray[np.float32]
    """Principals of older generations, decayed."""
    places: Places


class Fingerprints:
    """The table. All arrays are allocated once."""

    def __init__(self, entry_bits: int, doorkeeper_bits: int) -> None:
        """2**entry_bits entries for shared fingerprints, 2**doorkeeper_bits slots for single ones."""
        entries = 1 << entry_bits
        self._bucket_mask = np.uint64((entries // WAYS) - 1)
        self._tags = np.zeros(entries, np.uint64)
        self._count = np.zeros(entries, np.uint32)
        self._before = np.zeros(entries, np.uint32)
        self._history = np.zeros(entries, np.float32)
        self._touched = np.zeros(entries, np.uint32)
        self._members = np.zeros((entries, MEMBERS), np.uint32)
        self._door_mask = np.uint64((1 << doorkeeper_bits) - 1)
        self._door = np.zeros(1 << doorkeeper_bits, np.uint64)
        self._pairs = np.zeros(1 << (_PAIR_BITS - 3), np.uint8)
        for array in (self._tags, self._members, self._door, self._pairs):
            array.fill(0)  # touched now, so that memory doesn't grow while it serves
        self._clock = 0
        self.evicted = 0
        self.used = 0

    @property
    def capacity(self) -> int:
        """Entries for shared fingerprints."""
        return int(self._tags.size)

    @property
    def size_bytes(self) -> int:
        """Memory of all arrays."""
        arrays = (self._tags, self._count, self._before, self._history, self._touched, self._members, self._door, self._pairs)
        return sum(array.nbytes for array in arrays)

    def add(self, fingerprints: Hashes, principals: Principals) -> Shared:
        """Count a batch of (fingerprint, principal) pairs; returns the fingerprints that gained a principal."""
        self._clock += 1
        fingerprints, principals = _unique_pairs(fingerprints, principals)
        places = self._find(fingerprints)
        if self._admit(fingerprints, principals, places):
            places = np.where(places < 0, self._find(fingerprints), places)
        kept = places >= 0
        gained = self._count_in(places[kept], principals[kept])
        self._touched[places[kept]] = self._clock
        gained = np.unique(gained)
        return Shared(self._tags[gained], (self._count[gained] + self._before[gained]).astype(np.int64), self._history[gained], gained)

    def members(self, place: int) -> list[int]:
        """The first principals that sent the entry's fingerprint in this generation."""
        return [int(member) for member in self._members[place, : min(int(self._count[place]), MEMBERS)]]

    def rotate(self) -> None:
        """Begin a new generation."""
        self._history *= np.float32(_HISTORY_DECAY)
        self._history += self._before
        self._before[:] = self._count
        self._count[:] = 0
        self._pairs[:] = 0

    def _find(self, fingerprints: Hashes) -> Places:
        first = ((fingerprints >> _HIGH) & self._bucket_mask).astype(np.intp) * WAYS
        places = np.full(fingerprints.size, -1, np.intp)
        for way in range(WAYS):
            match = self._tags[first + way] == fingerprints
            places[match] = first[match] + way
        return places

    def _admit(self, fingerprints: Hashes, principals: Principals, places: Places) -> bool:
        """Take in those of which a second principal is seen now; whether there were any."""
        missing = np.flatnonzero(places < 0)
        if not missing.size:
            return False
        wanted, owners = fingerprints[missing], principals[missing].astype(np.uint64)
        slots = (wanted & self._door_mask).astype(np.intp)
        stamps = ((wanted >> _HIGH) << _HIGH) | owners
        held = self._door[slots]
        again = ((held ^ stamps) >> _HIGH == 0) & (held != stamps)
        here = np.zeros(wanted.size, np.bool_)
        here[1:] = wanted[1:] == wanted[:-1]  # pairs are sorted: two principals of one batch
        self._door[slots] = stamps
        entering = again | here
        found = bool(entering.any())
        if found:
            first_owner = held[again].astype(np.uint32)
            self._insert(np.unique(wanted[entering]))
            again_places = self._find(wanted[again])
            kept = again_places >= 0
            self._count_in(again_places[kept], first_owner[kept])
        return found

    def _insert(self, fingerprints: Hashes) -> None:
        first = ((fingerprints >> _HIGH) & self._bucket_mask).astype(np.intp) * WAYS
        while fingerprints.size:
            _, chosen = np.unique(first, return_index=True)  # one newcomer per bucket and round
            buckets = first[chosen]
            ways = buckets[:, None] + np.arange(WAYS)
            worth = np.where(self._tags[ways] == 0, -1.0, self._worth(ways))
            places = buckets + np.argmin(worth, axis=1)
            replaced = int(np.count_nonzero(self._tags[places]))
            self.evicted += replaced
            self.used += places.size - replaced
            self._tags[places] = fingerprints[chosen]
            self._count[places] = 0
            self._before[places] = 0
            self._history[places] = 0.0
            self._touched[places] = self._clock
            rest = np.ones(fingerprints.size, np.bool_)
            rest[chosen] = False
            fingerprints, first = fingerprints[rest], first[rest]

    def _worth(self, places: NDArray[np.intp]) -> NDArray[np.float64]:
        """What an entry is worth keeping for: principals, fading with the batches since it was last touched."""
        idle = (self._clock - self._touched[places]).astype(np.float64)
        known = self._count[places] + self._before[places] + self._history[places].astype(np.float64)
        kept: NDArray[np.float64] = known / (1.0 + idle / 256.0)
        return kept

    def _count_in(self, places: Places, principals: Principals) -> Places:
        """Add each principal to its entry unless it is known there; the entries that gained, perhaps repeated."""
        gained: list[Places] = []
        while places.size:
            _, chosen = np.unique(places, return_index=True)  # one principal per entry and round, so that appends don't collide
            now, who = places[chosen], principals[chosen]
            count = self._count[now]
            named = np.arange(MEMBERS) < np.minimum(count, MEMBERS)[:, None]
            new = ~((self._members[now] == who[:, None]) & named).any(axis=1)
            append = new & (count < MEMBERS)
            self._members[now[append], count[append]] = who[append]
            full = new & (count >= MEMBERS)
            new[full] = self._first_time(now[full], who[full])
            self._count[now[new]] += 1
            gained.append(now[new])
            rest = np.ones(places.size, np.bool_)
            rest[chosen] = False
            places, principals = places[rest], principals[rest]
            if gained and places.size and self._all_full(places):
                gained.append(self._count_many(places, principals))
                break
        return np.concatenate(gained) if gained else places

    def _all_full(self, places: Places) -> bool:
        return bool((self._count[places] >= MEMBERS).all())

    def _count_many(self, places: Places, principals: Principals) -> Places:
        new = self._first_time(places, principals)
        np.add.at(self._count, places[new], 1)
        return places[new]

    def _first_time(self, places: Places, principals: Principals) -> NDArray[np.bool_]:
        """Whether a pair beyond the named members is new, by a filter of bits that each generation clears."""
        mixed = (self._tags[places] ^ (principals.astype(np.uint64) * _MIX)) * _MIX
        bit = (mixed >> np.uint64(64 - _PAIR_BITS)).astype(np.intp)
        mask = (np.uint8(1) << (bit & 7).astype(np.uint8)).astype(np.uint8)
        known = self._pairs[bit >> 3] & mask != 0
        named = (self._members[places] == principals[:, None]).any(axis=1)
        np.bitwise_or.at(self._pairs, bit >> 3, mask)
        fresh: NDArray[np.bool_] = ~known & ~named
        return fresh


def _unique_pairs(fingerprints: Hashes, principals: Principals) -> tuple[Hashes, Principals]:
    order = np.argsort(fingerprints)
    fingerprints, principals = fingerprints[order], principals[order]
    same = np.zeros(fingerprints.size + 1, np.bool_)
    same[1:-1] = fingerprints[1:] == fingerprints[:-1]
    repeated = (same[1:] | same[:-1]).nonzero()[0]  # few are: to sort all by both takes three times as long
    principals[repeated] = principals[repeated[np.lexsort((principals[repeated], fingerprints[repeated]))]]
    first = np.ones(fingerprints.size, np.bool_)
    first[1:] = (fingerprints[1:] != fingerprints[:-1]) | (principals[1:] != principals[:-1])
    return fingerprints[first], principals[first]
