"""Lower parameters of messages. `max_tokens` stays above the thinking budget, as the API demands."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from proxy.dialects.dialect import Clamps, Document, Route
from proxy.dialects.openai.lowering.effort import lower_template
from proxy.dialects.rewrite import DEFAULT_TEMPERATURE, Bound, apply, bound_effort, bound_or_set, lowered, nested

LEAST_BUDGET: Final = 1_024
"""The smallest thinking budget that the API takes (anthropic SDK, ThinkingConfigEnabledParam)."""

DEFAULT_EFFORT: Final = "high"
"""What a model that decides for itself how long to think does when the effort is left out (effort guide)."""

_ADAPTIVE: Final = frozenset({"adaptive", "between_tools"})
"""Kinds of thinking that take an effort in place of a budget."""

_BY_ITSELF: Final = re.compile(r"claude-(?:[a-z]+-(?:[5-9]|[1-9][0-9])(?![0-9])|mythos-preview)")
"""From the fifth generation on, models think unless they are told not to (thinking guide)."""


def thinks_by_itself(model: str) -> bool:
    """Whether a model, by whichever platform's name, thinks where a request says nothing about it."""
    return _BY_ITSELF.search(model) is not None


def messages(route: Route, document: Document, clamps: Clamps) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a message request."""
    return apply(document, clamps, _THINKING if thinks_by_itself(document.get("model") or route.model) else _MESSAGES)


def complete(_route: Route, document: Document, clamps: Clamps) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a legacy completion."""
    return apply(document, clamps, _COMPLETE)


def _max_tokens(document: Document, most: int) -> bool:
    changed = bound_or_set(document, "max_tokens", most)
    if changed:
        _budget(document, most - 1)
    return changed


def _max_tokens_to_sample(document: Document, most: int) -> bool:
    return bound_or_set(document, "max_tokens_to_sample", most)


def _temperature(document: Document, most: float) -> bool:
    return bound_or_set(document, "temperature", most, DEFAULT_TEMPERATURE)


def _budget(document: Document, most: int) -> bool:
    return lower_budget(document, "thinking", most)


def lower_budget(document: Document, key: str, most: int) -> bool:
    """Lower the budget of the thinking object at `key`. Below the smallest that the API takes, thinking is switched off."""
    thinking = document.get(key)
    if type(thinking) is not dict or thinking.get("budget_tokens") is None or 0 <= thinking["budget_tokens"] <= most:
        return False
    document[key] = {**thinking, "budget_tokens": most} if most >= LEAST_BUDGET else {"type": "disabled"}
    return True


def lower_effort(document: Document, most: str, unasked: str = "disabled") -> bool:
    """Lower `output_config.effort`. The API has no effort "none": thinking is switched off instead, and the effort left at low.

    `unasked` is the kind of thinking that a model does where the request says nothing about it.
    """
    changed = lower_template(document, most)
    thinking = document.get("thinking")
    kind = thinking.get("type", "disabled") if type(thinking) is dict else unasked
    least = "low" if most in {"none", "minimal"} else most
    if most == "none" and kind != "disabled":
        document["thinking"] = {"type": "disabled"}
        bound_effort(document, "effort", least, inside="output_config")
        return True
    if kind in _ADAPTIVE and (document.get("output_config") or {}).get("effort") is None and lowered(DEFAULT_EFFORT, least):
        nested(document, "output_config")["effort"] = least
        return True
    return bound_effort(document, "effort", least, inside="output_config") or changed


_MESSAGES: Final[dict[str, Bound]] = {
    "temperature": _temperature,
    "reasoning_effort": lower_effort,
    "max_tokens": _max_tokens,
    "reasoning_budget": _budget,
}
_THINKING: Final[dict[str, Bound]] = {**_MESSAGES, "reasoning_effort": partial(lower_effort, unasked="adaptive")}
_COMPLETE: Final[dict[str, Bound]] = {"temperature": _temperature, "max_tokens": _max_tokens_to_sample}
