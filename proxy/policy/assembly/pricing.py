"""From documents to prices."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.documents.strict_yaml import Path
from proxy.errors import Problem
from proxy.policy.assembly.reading import Parts
from proxy.policy.language.shapes.prices import PriceDoc, TokensDoc
from proxy.policy.names.models import ModelNames
from proxy.policy.names.prices import ModelPrice, Price, Prices


def prices(parts: Parts, problems: list[Problem], models: ModelNames) -> Prices:
    """The price table of all files, or one with the default alone. What is wrong or odd with it goes to `problems`."""
    tables = [(part, part.policy.prices) for part in parts.parts if part.policy.prices is not None]
    for part, _ in tables[1:]:
        problems.append(part.document.problem(("prices",), f"a second price table (first in {tables[0][0].document.file})", "keep one"))
    if not tables:
        return Prices({})
    part, table = tables[0]
    for name in table.models:
        path = ("prices", "models", name)
        if "*" in name[:-1]:
            problems.append(part.document.problem(path, f"{name!r} has a * inside", "* may only stand at the end"))
        if name in models.aliases:
            what = f"{name!r} is an alias, and prices are asked for by canonical names"
            problems.append(part.document.problem(path, what, f"write {models.aliases[name]!r}"))
    priced: dict[Path, PriceDoc] = {("prices", "default"): table.default}
    priced |= {("prices", "models", name): price for name, price in table.models.items()}
    for where, price in priced.items():
        problems.extend(part.document.problem((*where, *key), what, fix) for key, what, fix in _odd(price))
    return Prices({name: _price(price) for name, price in table.models.items()}, _price(table.default), table.tiers, table.batch)


def _price(price: PriceDoc) -> ModelPrice:
    ordinary, long = _dollars(price), price.long
    return ModelPrice.flat(ordinary) if long is None else ModelPrice(ordinary, _dollars(long), float(long.above))


def _dollars(price: TokensDoc) -> Price:
    """The prices as told; where one is left out, the dearer one that stands for it."""
    written = price.input if price.cache_write is None else price.cache_write
    return Price(
        price.input,
        price.output,
        price.input if price.cached_input is None else price.cached_input,
        written,
        written if price.cache_write_long is None else price.cache_write_long,
    )


def _odd(price: PriceDoc) -> Iterator[tuple[Path, str, str]]:
    """Key, fault and remedy of prices that no provider has."""
    yield from (((key,), what, fix) for key, what, fix in _odd_dollars(price))
    if price.long is None:
        return
    yield from ((("long", key), what, fix) for key, what, fix in _odd_dollars(price.long))
    for key, short, long in zip(Price._fields, _dollars(price), _dollars(price.long), strict=True):
        told = getattr(price.long, key) is not None
        if long < short and (told or getattr(price, key) is not None):
            what = f"{long:g} is below what a short prompt costs, {short:g}"
            where, what = (("long", key), what) if told else (("long",), f"{key} is left out, and {what}")
            yield where, what, "write the whole price of a long one"


def _odd_dollars(price: TokensDoc) -> Iterator[tuple[str, str, str]]:
    """Two were exchanged, or one is what it adds to another."""
    plain, _, _, written, kept = _dollars(price)
    if price.cached_input is not None and price.cached_input > plain:
        yield (
            "cached_input",
            f"{price.cached_input:g} is above input {plain:g}",
            "a cache makes input cheaper: exchange them, or leave it out",
        )
    if price.cache_write is not None and written < plain:
        yield "cache_write", f"{written:g} is below input {plain:g}", "it takes the place of input: write the whole price"
    if price.cache_write_long is not None and kept < written:
        yield "cache_write_long", f"{kept:g} is below what is kept for less long, {written:g}", "exchange them, or write the whole price"
