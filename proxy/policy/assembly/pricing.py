"""From documents to prices."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.documents.strict_yaml import Path
from proxy.errors import Problem
from proxy.policy.assembly.reading import Parts
from proxy.policy.language.shapes.prices import PriceDoc
from proxy.policy.names.models import ModelNames
from proxy.policy.names.prices import Price, Prices


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
        problems.extend(part.document.problem((*where, key), what, fix) for key, what, fix in _odd_dollars(price))
    return Prices({name: _dollars(price) for name, price in table.models.items()}, _dollars(table.default), table.tiers, table.batch)


def _dollars(price: PriceDoc) -> Price:
    """The prices as told; where one is left out, the dearer one that stands for it."""
    written = price.input if price.cache_write is None else price.cache_write
    return Price(
        price.input,
        price.output,
        price.input if price.cached_input is None else price.cached_input,
        written,
        written if price.cache_write_long is None else price.cache_write_long,
    )


def _odd_dollars(price: PriceDoc) -> Iterator[tuple[str, str, str]]:
    """Key, fault and remedy of prices that no provider has: two were exchanged, or one is what it adds to another."""
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
