"""What models cost: US dollars per million tokens, for limits that count money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Price = tuple[float, float]
"""US dollars per million input and output tokens."""

DEFAULT_PRICE: Final[Price] = (15.0, 75.0)
"""Without a price table: dearer than most models of 2025, so that nothing ever counts as free. A judgement, not a price list."""

_REMEMBERED: Final = 1024
_LONGEST_NAME: Final = 128


class Prices:
    """A price for every model; one that isn't listed costs the default."""

    __slots__ = ("_exact", "_prefixes", "_seen", "default", "models", "tiers")

    def __init__(self, models: Mapping[str, Price], default: Price = DEFAULT_PRICE, tiers: Mapping[str, float] | None = None) -> None:
        """`tiers` says how many times the ordinary price a processing tier costs."""
        self.tiers = dict(tiers or {})
        self.models = dict(models)
        self.default = default
        self._exact = {name: price for name, price in models.items() if not name.endswith("*")}
        starred = [(name[:-1], price) for name, price in models.items() if name.endswith("*")]
        self._seen: dict[str, Price] = {}
        self._prefixes = sorted(starred, key=lambda item: len(item[0]), reverse=True)

    def of(self, model: str, tier: str = "") -> Price:
        """The model's price: its own, that of the longest beginning listed, or the default; times what its tier costs."""
        read, written = self._ordinary(model)
        times = self.tiers.get(tier, 1.0)
        return read * times, written * times

    def _ordinary(self, model: str) -> Price:
        price = self._exact.get(model) or self._seen.get(model)
        if price is None:
            price = next((price for prefix, price in self._prefixes if model.startswith(prefix)), self.default)
            if len(model) <= _LONGEST_NAME and len(self._seen) < _REMEMBERED:
                self._seen[model] = price
        return price
