"""HyperLogLog: how many distinct values were seen, in 64 bytes (standard error 13 %); sketches merge in any order."""

from __future__ import annotations

import math
from typing import Final

REGISTERS: Final = 64
_BITS: Final = 6
_RANKS: Final = 65 - _BITS
_ALPHA: Final = 0.709  # bias correction for 64 registers (Flajolet et al. 2007)
_EMPTY: Final = bytes(REGISTERS)
_WEIGHTS: Final = tuple(2.0**-rank for rank in range(_RANKS + 1))


class Distinct(bytearray):
    """Counts distinct 64-bit hashes. It is its own registers: an account has one, and an object around them would take 56 bytes more."""

    __slots__ = ()

    def __init__(self, registers: bytes = _EMPTY) -> None:
        """Empty, or the sketch with these registers."""
        super().__init__(registers)

    def add(self, value: int) -> None:
        """Count a hash, which must be well mixed."""
        place = value & (REGISTERS - 1)
        rank = _RANKS - (value >> _BITS).bit_length()
        if rank > self[place]:  # noqa: PLR1730  max() costs 70 ns
            self[place] = rank

    def merge(self, other: Distinct) -> None:
        """Become the sketch of both sets."""
        self[:] = bytes(map(max, self, other))

    def estimate(self) -> float:
        """How many distinct hashes were seen, about."""
        found = _ALPHA * REGISTERS * REGISTERS / sum(map(_WEIGHTS.__getitem__, self))
        empty = self.count(0)
        if found <= 2.5 * REGISTERS and empty:
            return REGISTERS * math.log(REGISTERS / empty)
        return found
