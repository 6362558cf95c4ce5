"""HyperLogLog: how many distinct values were seen, in 64 bytes (standard error 13 %); sketches merge in any order."""

from __future__ import annotations

import math
from typing import Final

REGISTERS: Final = 64
_BITS: Final = 6
_RANKS: Final = 65 - _BITS
_ALPHA: Final = 0.709  # bias correction for 64 registers (Flajolet et al. 2007)


class Distinct:
    """Counts distinct 64-bit hashes."""

    __slots__ = ("registers",)

    def __init__(self) -> None:
        """Empty."""
        self.registers = bytearray(REGISTERS)

    def add(self, value: int) -> None:
        """Count a hash, which must be well mixed."""
        place = value & (REGISTERS - 1)
        rank = _RANKS - (value >> _BITS).bit_length()
        if rank > self.registers[place]:  # noqa: PLR1730  max() costs 70 ns
            self.registers[place] = rank

    def merge(self, other: Distinct) -> None:
        """Become the sketch of both sets."""
        self.registers = bytearray(map(max, self.registers, other.registers))

    def count(self) -> float:
        """The estimate."""
        estimate = _ALPHA * REGISTERS * REGISTERS / sum(2.0**-rank for rank in self.registers)
        empty = self.registers.count(0)
        if estimate <= 2.5 * REGISTERS and empty:
            return REGISTERS * math.log(REGISTERS / empty)
        return estimate
