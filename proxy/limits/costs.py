"""What one call costs a limit: an estimate to reserve before it is made, the actual to settle when its usage is known.

Estimates lean high, because a limit that reserves too little is overspent by everything in flight; settling gives the difference back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from proxy.dialects.call import PICTURES_AND_SOUND, ModelCall, Usage
from proxy.limits.ask import Ask

COUNTS: Final = ("requests", "input_tokens", "output_tokens", "total_tokens", "concurrent", "usd")
"""What a limit may count."""

UNMETERED: Final = frozenset({"requests", "concurrent"})
"""What an answer doesn't change."""

DEFAULT_OUTPUT_TOKENS: Final = 1024
"""Output reserved for a call that gave no limit of its own: above the length of most chat answers, below what blocks small budgets."""

NO_OUTPUT: Final = frozenset({
    "batch_embed_contents", "batches.cancel", "batches.get", "batches.list", "count_tokens", "embed", "embed_content", "embeddings",
    "files.content", "files.delete", "files.get", "files.list", "files.upload", "fine_tuning.cancel", "fine_tuning.events",
    "fine_tuning.get", "fine_tuning.list", "messages.batches.cancel", "messages.batches.delete", "messages.batches.get",
    "messages.batches.list", "messages.batches.results", "messages.count_tokens", "models.get", "models.list", "models.running",
    "models.show", "moderations", "responses.input_tokens", "version",
})  # fmt: skip
"""Endpoints at which no model writes: a caller that spent its tokens, without debt, may still list the models."""

_MOST_TOKENS: Final = 1 << 40
"""A hostile max_tokens has any number of digits; more than this is above every burst anyway."""


Price = tuple[float, float, float, float, float]
"""US dollars per million tokens: of input, of output, and of those parts of input that came from a prompt cache, were written to one, and
were written to be kept for longer."""

FREE: Final[Price] = (0.0, 0.0, 0.0, 0.0, 0.0)
"""The price of what counts no money."""


def output_estimate(call: ModelCall) -> int:
    """Output tokens to reserve: what the caller allows, else `DEFAULT_OUTPUT_TOKENS`, for each answer of each call."""
    if call.endpoint in NO_OUTPUT:
        return 0
    most, n, batch_size = call.max_output_tokens, call.n, call.batch_size
    each = most if most > 0 else DEFAULT_OUTPUT_TOKENS
    if n == 1 and batch_size <= 1 and each <= _MOST_TOKENS:
        return each
    return min(each, _MOST_TOKENS) * min(max(n, 1), _MOST_TOKENS) * min(max(batch_size, 1), _MOST_TOKENS)


def bounded(call: ModelCall, most_output_tokens: int, most_answers: int) -> ModelCall:
    """The call as it is made where policy lowers its output or its answers; 0 where policy sets no bound.

    A bound takes the place of a limit that was left out only where it lies below what would be reserved for that.
    """
    asked, n = call.max_output_tokens, call.n
    if 0 < most_output_tokens < (asked if asked > 0 else DEFAULT_OUTPUT_TOKENS):
        asked = most_output_tokens
    if 0 < most_answers < n:
        n = most_answers
    return call if asked == call.max_output_tokens and n == call.n else call._replace(max_output_tokens=asked, n=n)


def uncounted_output(call: ModelCall) -> int:
    """Output tokens of an answer that told no usage and holds nothing to count: what was reserved for it."""
    return output_estimate(call) if call.endpoint.startswith(PICTURES_AND_SOUND) else 0


def tokens(call: ModelCall) -> tuple[int, int]:
    """Input and output tokens to reserve before the call is made."""
    given = call.input_tokens
    if not 0 <= given <= _MOST_TOKENS:
        given = min(max(given, 0), _MOST_TOKENS)
    return given, output_estimate(call)


def reserved(count: str, call: ModelCall, given: int, output: int, price: Price) -> float:
    """Units to reserve before the call is made; `given` and `output` are its `tokens`.

    Money is reserved at the plain price of input. What a cache will give nobody knows before, and the dearest price, of writing all of it,
    would turn away callers whose budget suffices. Raises ValueError for a count that isn't one of `COUNTS`.
    """
    if count == "requests":
        return float(min(max(call.batch_size, 1), _MOST_TOKENS))
    if count == "concurrent":
        return 1.0
    return of_tokens(count, given, output, price)


def settled(asks: Sequence[Ask], usage: Usage, price: Price) -> list[float]:
    """Units that a call really cost, for each ask: requests and leases cost what was reserved, whatever came back.

    Raises ValueError for a unit that isn't one of `COUNTS`.
    """
    given, output = usage[:2]
    spent: list[float] = []
    for _, _, estimate, _, _, _, unit in asks:
        if unit in UNMETERED:
            spent.append(estimate)
        else:
            spent.append(_dollars(usage, price) if unit == "usd" else of_tokens(unit, given, output, price))
    return spent


def _dollars(usage: Usage, price: Price) -> float:
    """What was used, each part of it at its own price. Parts that exceed the whole cost what they are."""
    given, output, cached, _, _, written, kept = usage
    plain = given - cached - written
    cost = output * price[1] + cached * price[2] + (written - kept) * price[3] + kept * price[4]
    return (cost + plain * price[0] if plain > 0 else cost) / 1e6


def of_tokens(count: str, given: int, output: int, price: Price) -> float:
    """Units that so many input and output tokens are, no cache at work. Raises ValueError for a count of anything else."""
    if count == "total_tokens":
        return float(given + output)
    if count == "usd":
        return (given * price[0] + output * price[1]) / 1e6
    if count == "output_tokens":
        return float(output)
    if count == "input_tokens":
        return float(given)
    raise ValueError(f"a limit can't count {count!r}")
