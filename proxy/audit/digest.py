"""Keyed digests of addresses and accounts: records can be joined within a period and say nothing to a reader without the key.

A bare hash of an address is no protection, since there are only 2^32 to try. Each period has a key of its own, so digests of different
periods can't be joined without the secret, and whoever throws the secret away has erased every subject in the log.
"""

from __future__ import annotations

import hashlib
from typing import Final

from proxy.recollection import Recollection

PERIOD_S: Final = 30 * 86_400.0
_REMEMBERED: Final = 8192
_LONGEST: Final = 128
"""Digests kept, and the longest text kept with one: about 2 MB when full."""


class Digests:
    """Digests under one secret of any length. `period_s` is how long the same text keeps the same digest."""

    __slots__ = ("_keyed", "_known", "_period", "_period_s", "_secret")

    def __init__(self, secret: bytes, period_s: float = PERIOD_S) -> None:
        self._secret = hashlib.sha256(secret).digest()
        self._period_s = period_s
        self._period = -1
        self._keyed = hashlib.blake2b()
        self._known: Recollection[str, str] = Recollection(_REMEMBERED)
        """Digests of this period, by their text."""

    def of(self, text: str, now: float) -> str:
        """The number of the period and 24 hexadecimal digits; "" for "". `now` is in seconds since the epoch."""
        if not text:
            return ""
        period = int(now // self._period_s)
        if period == self._period:
            known = self._known.get(text)
            if known is not None:
                return known
        else:
            key = hashlib.blake2b(str(period).encode(), key=self._secret, person=b"tosproxy.period").digest()
            self._period, self._keyed = period, hashlib.blake2b(key=key, digest_size=12)
            self._known.clear()
        keyed = self._keyed.copy()
        keyed.update(text.encode("utf-8", "surrogatepass"))
        digest = f"{period}.{keyed.hexdigest()}"
        if len(text) <= _LONGEST:
            self._known.keep(text, digest)
        return digest
