"""Leases of this process in the shared store: those that are open, and those that ended and whose end is still to be told.

A lease lives on the server for a time only, so that a process that dies leaves none behind for long; as long as it is open it is renewed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Final

Change = tuple[str, str, str]
"""Key name, what to do (see the script), seconds or lease."""

_RENEWALS: Final = 3
"""Times a lease is renewed while it would live: two may fail."""


class Leases:
    """`len` of it is how many ends are still to be told."""

    def __init__(self, most: int, ttl_s: float, renew: Callable[[list[Change]], None] | None) -> None:
        """`most` ends may wait; of further ones the server learns when their time of `ttl_s` is over.

        `renew` is called in time with what to tell; None where somebody else's clock counts.
        """
        self._most, self._every_s, self._renew = most, ttl_s / _RENEWALS, renew
        self._timer: asyncio.TimerHandle | None = None
        self._open: dict[str, str] = {}
        self._ended: dict[str, set[str]] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def take(self, key: str, lease: str) -> None:
        """A lease was granted."""
        self._open[lease] = key
        if self._timer is None and self._renew is not None:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._tell, self._renew)

    def end(self, key: str, lease: str) -> bool:
        """A lease ended, or may have been granted to nobody. False when too many ends wait. Ending twice is harmless."""
        self._open.pop(lease, None)
        if self._waiting >= self._most:
            return False
        leases = self._ended.setdefault(key, set())
        self._waiting += lease not in leases
        leases.add(lease)
        return True

    def ended(self, key: str) -> str:
        """Leases of this key that ended, with a comma after each."""
        return "".join(f"{lease}," for lease in self._ended.get(key, ()))

    def ends(self, most: int) -> list[Change]:
        """Ends to tell."""
        return list(islice(((key, "finish", lease) for key, leases in self._ended.items() for lease in leases), most))

    def told(self, key: str, lease: str) -> None:
        """The server knows that a lease ended."""
        leases = self._ended[key]
        leases.discard(lease)
        self._waiting -= 1
        if not leases:
            del self._ended[key]

    def renewals(self) -> list[Change]:
        """Every open lease, for another time."""
        return [(key, "hold", lease) for lease, key in self._open.items()]

    def close(self) -> None:
        """Renew no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self, renew: Callable[[list[Change]], None]) -> None:
        self._timer = None
        if self._open:
            renew(self.renewals())
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._tell, renew)
