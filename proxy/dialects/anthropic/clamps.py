"""Lower parameters of messages. `max_tokens` stays above the thinking budget, as the API demands."""

from __future__ import annotations

from functools import partial
from typing import Final

from proxy.dialects.dialect import Clamps, Document, Route
from proxy.dialects.models import claude
from proxy.dialects.openai.lowering.effort import lower_template
from proxy.dialects.rewrite import Bound, apply, bound_effort, bound_or_set, bound_temperature, lowered, nested

LEAST_BUDGET: Final = 1_024
"""The smallest thinking budget that the API takes (anthropic SDK, ThinkingConfigEnabledParam)."""

DEFAULT_EFFORT: Final = "high"
"""What a model that decides for itself how long to think does when the effort is left out (effort guide)."""

_ADAPTIVE: Final = frozenset({"adaptive", "between_tools"})
"""Kinds of thinking that take an effort in place of a budget."""


def messages(_route: Route, document: Document, clamps: Clamps, names: tuple[str, ...]) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a message request."""
    by_model = {
        "reasoning_effort": partial(lower_effort, thinks=claude.thinking_of(*names)),
        "temperature": partial(_temperature, names=names),
    }
    return apply(document, clamps, {**_MESSAGES, **by_model})


def complete(_route: Route, document: Document, clamps: Clamps, _names: tuple[str, ...]) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a legacy completion."""
    return apply(document, clamps, _COMPLETE)


def _max_tokens(document: Document, most: int) -> bool:
    changed = bound_or_set(document, "max_tokens", most)
    if changed:
        _budget(document, most - 1)
    return changed


def _max_tokens_to_sample(document: Document, most: int) -> bool:
    return bound_or_set(document, "max_tokens_to_sample", most)


def _temperature(document: Document, most: float, names: tuple[str, ...]) -> bool:
    """Asked last of all: whether a temperature is taken depends on what is left of the thinking."""
    return claude.lower_temperature(document, most, names, thinks=claude.RESTS.kind(document.get("thinking")) not in claude.QUIET)


def _budget(document: Document, most: int) -> bool:
    return lower_budget(document, "thinking", most)


def lower_budget(document: Document, key: str, most: int) -> bool:
    """Lower the budget of the thinking object at `key`. Below the smallest that the API takes, thinking is switched off."""
    thinking = document.get(key)
    if type(thinking) is not dict or thinking.get("budget_tokens") is None or 0 <= thinking["budget_tokens"] <= most:
        return False
    document[key] = {**thinking, "budget_tokens": most} if most >= LEAST_BUDGET else {"type": "disabled"}
    return True


def least_effort(most: str) -> str:
    """What the API has for an effort: none below low."""
    return "low" if most in {"none", "minimal"} else most


def lower_effort(document: Document, most: str, thinks: claude.Thinking = claude.RESTS, *, told: bool = False) -> bool:
    """Lower `output_config.effort`, of the request and of its messages. "none" becomes the least thinking that the model can be told, at low.

    `told`: the request says an effort in a place of another API.
    """
    changed = lower_template(document, most)
    kind = thinks.kind(document.get("thinking"))
    least = least_effort(most)
    changed = _lower_messages(document, least) or changed
    if most == "none" and kind not in {*claude.QUIET, thinks.least}:
        kind = thinks.least
        document["thinking"] = {"type": kind}
        changed = True
    told = told or (document.get("output_config") or {}).get("effort") is not None
    if kind in _ADAPTIVE and not told and lowered(DEFAULT_EFFORT, least):
        nested(document, "output_config")["effort"] = least
        return True
    return bound_effort(document, "effort", least, inside="output_config") or changed


def _lower_messages(document: Document, most: str) -> bool:
    """Lower the effort that a message sets for the turns behind it."""
    messages = document.get("messages")
    if type(messages) is not list:
        return False
    copies = [dict(message) if "output_config" in message else message for message in messages]
    over = [bound_effort(copy, "effort", most, inside="output_config") for copy in copies]
    if any(over):
        document["messages"] = copies
    return any(over)


_MESSAGES: Final[dict[str, Bound]] = {
    "reasoning_effort": lower_effort,
    "max_tokens": _max_tokens,
    "reasoning_budget": _budget,
}
_COMPLETE: Final[dict[str, Bound]] = {"temperature": bound_temperature, "max_tokens": _max_tokens_to_sample}
