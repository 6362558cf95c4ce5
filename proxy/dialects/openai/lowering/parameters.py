"""Lower parameters of chat completions, legacy completions and Responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from proxy.dialects.dialect import Clamps, Document, Route
from proxy.dialects.openai.lowering import effort
from proxy.dialects.openai.sampling import LOGPROBS, OUTPUT_LIMITS
from proxy.dialects.rewrite import bound, bound_all, drop

_DEFAULT_TEMPERATURE: Final = 1.0
_LOGPROBS_INCLUDED: Final = "message.output_text.logprobs"

Bound = Callable[[Document, Any], bool]


def apply(document: Document, clamps: Clamps, bounds: dict[str, Bound]) -> tuple[Document, tuple[str, ...]]:
    """A copy of the document within the bounds. Parameters that the endpoint hasn't got are left out of `bounds`."""
    document = dict(document)
    return document, tuple(name for name, most in clamps.items() if name in bounds and bounds[name](document, most))


def chat(_route: Route, document: Document, clamps: Clamps) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a chat or legacy completion."""
    return apply(document, clamps, _CHAT)


def responses(_route: Route, document: Document, clamps: Clamps) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a Responses request."""
    return apply(document, clamps, _RESPONSES)


def images(_route: Route, document: Document, clamps: Clamps) -> tuple[Document, tuple[str, ...]]:
    """Lower the number of images."""
    return apply(document, clamps, {"n": _samples})


def _max_tokens(document: Document, most: int) -> bool:
    present = [name for name in OUTPUT_LIMITS if document.get(name) is not None]
    if not present:
        document["max_completion_tokens" if effort.reasons(document) else "max_tokens"] = most
        return True
    return bound_all(document, present, most)


def _max_output_tokens(document: Document, most: int) -> bool:
    if document.get("max_output_tokens") is None:
        document["max_output_tokens"] = most
        return True
    return bound(document, "max_output_tokens", most)


def _samples(document: Document, most: int) -> bool:
    return bound_all(document, ("n", "best_of"), most)


def temperature(document: Document, most: float) -> bool:
    """Lower the temperature; inserted where the default of 1.0 would be above."""
    if document.get("temperature") is None and most < _DEFAULT_TEMPERATURE:
        document["temperature"] = most
        return True
    return bound(document, "temperature", most)


def _no_logprobs(document: Document, _: Any) -> bool:
    asked = any(document[key] is not None and document[key] is not False for key in LOGPROBS & document.keys())
    return drop(document, LOGPROBS) and asked


def _alternatives(document: Document, most: int) -> bool:
    lower = bound_all(document, ("top_logprobs", "prompt_logprobs", "n_probs"), most)
    if type(document.get("logprobs")) is int:
        lower = bound(document, "logprobs", most) or lower
    return lower


def _no_included_logprobs(document: Document, _: Any) -> bool:
    dropped = drop(document, frozenset({"top_logprobs"}))
    included = document.get("include") or []
    if _LOGPROBS_INCLUDED not in included:
        return dropped
    document["include"] = [name for name in included if name != _LOGPROBS_INCLUDED]
    return True


_SHARED: Final[dict[str, Bound]] = {"temperature": temperature, "reasoning_budget": effort.budget}
_CHAT: Final[dict[str, Bound]] = {
    **_SHARED,
    "max_tokens": _max_tokens,
    "n": _samples,
    "logprobs": _no_logprobs,
    "top_logprobs": _alternatives,
    "reasoning_effort": effort.chat,
}
_RESPONSES: Final[dict[str, Bound]] = {
    **_SHARED,
    "max_tokens": _max_output_tokens,
    "logprobs": _no_included_logprobs,
    "top_logprobs": _alternatives,
    "reasoning_effort": effort.responses,
}
