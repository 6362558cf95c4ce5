"""What models cost: US dollars per million tokens, for limits that count money."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Final, NamedTuple


class Price(NamedTuple):
    """US dollars per million tokens. The last three take the place of `input` for the parts of it that they name."""

    input: float
    output: float
    cached_input: float
    cache_write: float
    cache_write_long: float

    @classmethod
    def plain(cls, read: float, written: float) -> Price:
        """A price that no cache changes."""
        return cls(read, written, read, read, read)

    def times(self, factor: float) -> Price:
        """So many times as dear."""
        return self if factor == 1.0 else Price(*(dollars * factor for dollars in self))


class ModelPrice(NamedTuple):
    """What a model costs: `ordinary`, or `long` for all of a call whose prompt has more than `above` tokens."""

    ordinary: Price
    long: Price
    above: float = inf

    @classmethod
    def flat(cls, price: Price) -> ModelPrice:
        """A price for prompts of any length."""
        return cls(price, price)


DEFAULT_PRICE: Final = ModelPrice.flat(Price.plain(15.0, 75.0))
"""Without a price table: dearer than most models of 2025, so that nothing ever counts as free. A judgement, not a price list."""

_REMEMBERED: Final = 1024
_LONGEST_NAME: Final = 128


class Prices:
    """A price for every model; one that isn't listed costs the default."""

    __slots__ = ("_exact", "_prefixes", "_seen", "batch", "default", "models", "tiers")

    def __init__(
        self,
        models: Mapping[str, ModelPrice],
        default: ModelPrice = DEFAULT_PRICE,
        tiers: Mapping[str, float] | None = None,
        batch: float = 1.0,
    ) -> None:
        """`tiers` says how many times the ordinary price a processing tier costs, `batch` how many times a call in a batch does."""
        self.tiers = dict(tiers or {})
        self.batch = batch
        self.models = dict(models)
        self.default = default
        self._exact = {name: price for name, price in models.items() if not name.endswith("*")}
        starred = [(name[:-1], price) for name, price in models.items() if name.endswith("*")]
        self._seen: dict[str, ModelPrice] = {}
        self._prefixes = sorted(starred, key=lambda item: len(item[0]), reverse=True)

    def of(self, model: str, prompt_tokens: int, tier: str = "", *, batch: bool = False) -> Price:
        """The model's price: its own, that of the longest beginning listed, or the default; times what its tier and a batch cost.

        `prompt_tokens` are all of one call, those from a cache included.
        In a batch a cheaper tier doesn't count: providers have one price for batches, and anyone may write the tier's name into a line.
        """
        ordinary, long, above = self._listed(model)
        times = self.tiers.get(tier, 1.0)
        return (long if prompt_tokens > above else ordinary).times(max(times, 1.0) * self.batch if batch else times)

    def _listed(self, model: str) -> ModelPrice:
        price = self._exact.get(model) or self._seen.get(model)
        if price is None:
            price = next((price for prefix, price in self._prefixes if model.startswith(prefix)), self.default)
            if len(model) <= _LONGEST_NAME and len(self._seen) < _REMEMBERED:
                self._seen[model] = price
        return price
