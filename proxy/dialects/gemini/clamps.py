"""Lower parameters in generationConfig, under whichever spelling the caller used."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects.dialect import Clamps, Document, Route
from proxy.dialects.gemini.content import spelling
from proxy.dialects.rewrite import Bound, apply, bound, bound_or_set, bound_temperature, lowered


def generate(_route: Route, document: Document, clamps: Clamps, _names: tuple[str, ...]) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a generation request."""
    document = dict(document)
    key = _key(document, "generationConfig")
    document[key], changed = apply(document.get(key) or {}, clamps, _BOUNDS)
    return document, changed


def _key(document: Document, camel: str) -> str:
    """The spelling of a key that the document uses."""
    return next((key for key in document if spelling(key) == camel), camel)


def _max_tokens(config: Document, most: int) -> bool:
    return bound_or_set(config, _key(config, "maxOutputTokens"), most)


def _candidates(config: Document, most: int) -> bool:
    return bound(config, _key(config, "candidateCount"), most)


def _no_logprobs(config: Document, _: Any) -> bool:
    asked = bool(config.pop(_key(config, "responseLogprobs"), None))
    return config.pop("logprobs", None) is not None or asked


def _alternatives(config: Document, most: int) -> bool:
    return bound(config, "logprobs", most)


def _thinking(config: Document) -> Document:
    key = _key(config, "thinkingConfig")
    config[key] = inside = dict(config.get(key) or {})
    return inside


def lower_budget(config: Document, most: int) -> bool:
    """Lower the budget; -1, which leaves it to the model, is above any, and so is one that is left out where a level doesn't say it."""
    if config.get(_key(config, "thinkingConfig")) is None:
        return False
    thinking = _thinking(config)
    level = thinking.get(_key(thinking, "thinkingLevel"))
    key = _key(thinking, "thinkingBudget")
    return bound_or_set(thinking, key, most) if level is None else bound(thinking, key, most)


def lower_effort(config: Document, most: str) -> bool:
    """Lower the level. Gemini has no level "none": a budget of 0 and no thoughts say it."""
    if config.get(_key(config, "thinkingConfig")) is None:
        return False
    thinking = _thinking(config)
    if most == "none":
        asked = thinking.get(_key(thinking, "thinkingBudget")) != 0 or len(thinking) > 1
        thinking.clear()
        thinking["thinkingBudget"] = 0
        return asked
    key = _key(thinking, "thinkingLevel")
    level = thinking.get(key)
    if level is None or not lowered(level.lower(), most):
        return False
    thinking[key] = most.upper()
    return True


_BOUNDS: Final[dict[str, Bound]] = {
    "max_tokens": _max_tokens,
    "temperature": bound_temperature,
    "n": _candidates,
    "logprobs": _no_logprobs,
    "top_logprobs": _alternatives,
    "reasoning_budget": lower_budget,
    "reasoning_effort": lower_effort,
}
