"""Fingerprints wait here until a sweep counts thousands of them at once."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np

from proxy.detection.index.fingerprints import Hashes, Principals

Sender = TypeVar("Sender")


class Batch(Generic[Sender]):
    """A fixed buffer of fingerprints and who sent them, request by request."""

    def __init__(self, size: int) -> None:
        """Room for `size` fingerprints."""
        self._hashes: Hashes = np.zeros(size, np.uint64)
        self._principals: Principals = np.zeros(size, np.uint32)
        self._ends: list[int] = []
        self._senders: list[Sender] = []
        self._used = 0

    def room(self, count: int) -> bool:
        """Whether `count` more fingerprints fit."""
        return self._used + count <= self._hashes.size

    def add(self, fingerprints: bytes, principal: int, sender: Sender) -> None:
        """Add one request's fingerprints, packed; the caller made sure of room."""
        end = self._used + len(fingerprints) // 8
        self._hashes[self._used : end] = np.frombuffer(fingerprints, np.uint64)
        self._principals[self._used : end] = principal
        self._used = end
        self._ends.append(end)
        self._senders.append(sender)

    def pairs(self) -> tuple[Hashes, Principals]:
        """All fingerprints and their principals."""
        return self._hashes[: self._used], self._principals[: self._used]

    def sending(self, wanted: Hashes) -> list[tuple[Sender, bytes]]:
        """The requests that hold any of the wanted fingerprints, each with all of its own."""
        ends = np.asarray(self._ends)
        places = np.flatnonzero(np.isin(self._hashes[: self._used], wanted))
        found = []
        for request in np.unique(np.searchsorted(ends, places, side="right")).tolist():
            begin = self._ends[request - 1] if request else 0
            found.append((self._senders[request], self._hashes[begin : self._ends[request]].tobytes()))
        return found

    def clear(self) -> None:
        """Empty it."""
        self._used = 0
        self._ends.clear()
        self._senders.clear()
