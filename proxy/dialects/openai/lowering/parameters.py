"""Lower parameters of chat completions, legacy completions and Responses."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from proxy.dialects.dialect import Clamps, Document, Route
from proxy.dialects.models import claude, gpt
from proxy.dialects.openai.lowering import effort
from proxy.dialects.openai.sampling import ANSWERS, COMMON_LIMITS, LOGPROBS, OUTPUT_LIMITS, reasoning
from proxy.dialects.rewrite import Bound, apply, bound, bound_all, bound_or_set, bound_temperature, drop

_LOGPROBS_INCLUDED: Final = "message.output_text.logprobs"


def chat(_route: Route, document: Document, clamps: Clamps, names: tuple[str, ...]) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a chat or legacy completion."""
    own = gpt.own_reasoning(names)
    by_model = {
        "max_tokens": partial(_max_tokens, own=own),
        "reasoning_effort": partial(effort.chat, own=own),
        "temperature": partial(_temperature, names=names),
    }
    return apply(document, clamps, {**_CHAT, **by_model})


def responses(_route: Route, document: Document, clamps: Clamps, names: tuple[str, ...]) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a Responses request."""
    by_model = {
        "reasoning_effort": partial(effort.responses, own=gpt.own_reasoning(names)),
        "temperature": partial(_temperature, names=names),
    }
    return apply(document, clamps, {**_RESPONSES, **by_model})


def images(_route: Route, document: Document, clamps: Clamps, _names: tuple[str, ...]) -> tuple[Document, tuple[str, ...]]:
    """Lower the number of images."""
    return apply(document, clamps, _IMAGES)


def _max_tokens(document: Document, most: int, own: str) -> bool:
    changed = bound_all(document, OUTPUT_LIMITS, most)
    if all(document.get(name) is None for name in COMMON_LIMITS):
        document["max_completion_tokens" if own else "max_tokens"] = most
        return True
    return changed


def _max_output_tokens(document: Document, most: int) -> bool:
    changed = bound_all(document, OUTPUT_LIMITS, most)
    return bound_or_set(document, "max_output_tokens", most) or changed


def _samples(document: Document, most: int) -> bool:
    return bound_all(document, ANSWERS, most)


def _images(document: Document, most: int) -> bool:
    return bound(document, "n", most)


def _temperature(document: Document, most: float, names: tuple[str, ...]) -> bool:
    """Asked last of all: whether a temperature is taken depends on what is left of the reasoning."""
    asked = reasoning(document)
    if not gpt.takes_temperature(names, asked.effort):
        return bound_temperature(document, most, settable=False)
    return claude.lower_temperature(document, most, names, thinks=asked.asked)


def no_logprobs(document: Document, _: Any = None) -> bool:
    """Remove every way to ask for log-probabilities."""
    asked = any(document[key] is not None and document[key] is not False for key in LOGPROBS & document.keys())
    return drop(document, LOGPROBS) and asked


def fewer_alternatives(document: Document, most: int) -> bool:
    """Lower the alternatives at each token."""
    lower = bound_all(document, ("top_logprobs", "prompt_logprobs", "n_probs"), most)
    if type(document.get("logprobs")) is int:
        lower = bound(document, "logprobs", most) or lower
    return lower


def _no_included_logprobs(document: Document, _: Any) -> bool:
    dropped = no_logprobs(document)
    included = document.get("include") or []
    if _LOGPROBS_INCLUDED not in included:
        return dropped
    document["include"] = [name for name in included if name != _LOGPROBS_INCLUDED]
    return True


_SHARED: Final[dict[str, Bound]] = {"reasoning_budget": effort.budget}
_CHAT: Final[dict[str, Bound]] = {
    **_SHARED,
    "n": _samples,
    "logprobs": no_logprobs,
    "top_logprobs": fewer_alternatives,
}
_RESPONSES: Final[dict[str, Bound]] = {
    **_SHARED,
    "max_tokens": _max_output_tokens,
    "logprobs": _no_included_logprobs,
    "n": _samples,
    "top_logprobs": fewer_alternatives,
}
_IMAGES: Final[dict[str, Bound]] = {"n": _images}
