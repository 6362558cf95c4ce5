"""What was worked out before, kept within bounds: strangers choose the keys, so neither number nor usefulness of entries may rest on them."""

from __future__ import annotations

from typing import Final, TypeVar

PASSED_OVER: Final = 4
"""Times its size that newcomers are passed over by a full memory before it starts over."""

K = TypeVar("K")
V = TypeVar("V")


class Recollection(dict[K, V]):
    """At most `most` entries. When it is full, newcomers are passed over until they are several times as many; then it starts over.

    Throwing everything away at once, or an old entry for each new one, would make whoever invents keys pay for nothing and everybody
    else for it: an entry costs more to make than to do without.
    """

    __slots__ = ("_left", "most")

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self._left = most * PASSED_OVER

    def keep(self, key: K, value: V) -> None:
        """Keep a value, if there is room or it takes an older one's place."""
        if len(self) >= self.most and key not in self:
            self._left -= 1
            if self._left > 0:
                return
            self._left = self.most * PASSED_OVER
            self.clear()
        self[key] = value
