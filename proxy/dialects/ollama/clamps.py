"""Lower parameters of chat and generate; most live in `options`."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects.dialect import Clamps, Document, Route
from proxy.dialects.rewrite import Bound, apply, bound, bound_or_set, bound_temperature, lowered, nested

_LOGPROBS: Final = ("logprobs", "top_logprobs")


def generate(_route: Route, document: Document, clamps: Clamps, _names: tuple[str, ...]) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a request. The default temperature is the model's own, 0.8 unless it says otherwise."""
    return apply(document, clamps, _BOUNDS)


def _limit(document: Document, most: int) -> bool:
    """Lower the limit. Ollama stops at a limit only if it is above 0."""
    options = nested(document, "options")
    if options.get("num_predict") == 0:
        del options["num_predict"]
    return bound_or_set(options, "num_predict", most)


def _temperature(document: Document, most: float) -> bool:
    return bound_temperature(nested(document, "options"), most)


def _no_logprobs(document: Document, _: Any) -> bool:
    asked = [document.pop(key, None) for key in _LOGPROBS]
    return any(asked)


def _alternatives(document: Document, most: int) -> bool:
    return bound(document, "top_logprobs", most)


def _effort(document: Document, most: str) -> bool:
    think = document.get("think")
    if think is None or think is False or (type(think) is str and not lowered(think, most)):
        return False
    if most == "none":
        document["think"] = False
    elif type(think) is str:
        document["think"] = most
    return most == "none" or type(think) is str


_BOUNDS: Final[dict[str, Bound]] = {
    "max_tokens": _limit,
    "temperature": _temperature,
    "logprobs": _no_logprobs,
    "top_logprobs": _alternatives,
    "reasoning_effort": _effort,
}
