"""Label values with a bound: strangers choose model names and paths, and each new value would be a new series for ever."""

from __future__ import annotations

from typing import Final

OTHER: Final = "other"


class LabelValues:
    """The values one label may take: those known beforehand and the first `most` admitted; the rest are `other`, and counted.

    A value that can't be printed is `other` too: a lone surrogate, which JSON can hold, would fail every scrape from then on.
    """

    __slots__ = ("_left", "_values", "overflowed")

    def __init__(self, most: int) -> None:
        self._values: dict[str, str] = {"": "", OTHER: OTHER}
        self._left = most
        self.overflowed = 0

    def know(self, values: list[str]) -> None:
        """Admit values that aren't a stranger's choice, beside the bound: those that policies and settings name."""
        self._values.update({value: value for value in values})

    def of(self, value: str, *, admit: bool = True) -> str:
        """The label to count `value` under. `admit` is false for a value that nothing has confirmed yet."""
        known = self._values.get(value)
        if known is not None:
            return known
        if admit and self._left > 0 and len(value) <= _LONGEST and value.isprintable():
            self._left -= 1
            self._values[value] = value
            return value
        self.overflowed += 1
        return OTHER


_LONGEST: Final = 128
