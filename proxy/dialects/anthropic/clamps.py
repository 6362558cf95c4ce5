"""Lower parameters of messages. `max_tokens` stays above the thinking budget, as the API demands."""

from __future__ import annotations

import re
from functools import partial
from typing import Final, NamedTuple

from proxy.dialects.dialect import Clamps, Document, Route
from proxy.dialects.openai.lowering.effort import lower_template
from proxy.dialects.rewrite import DEFAULT_TEMPERATURE, Bound, apply, bound_effort, bound_or_set, lowered, nested

LEAST_BUDGET: Final = 1_024
"""The smallest thinking budget that the API takes (anthropic SDK, ThinkingConfigEnabledParam)."""

DEFAULT_EFFORT: Final = "high"
"""What a model that decides for itself how long to think does when the effort is left out (effort guide)."""

_ADAPTIVE: Final = frozenset({"adaptive", "between_tools"})
"""Kinds of thinking that take an effort in place of a budget."""

_VERSION: Final = re.compile(r"claude-([a-z]+)-([0-9]{1,2})(?:-([0-9]{1,2}))?(?![0-9])")


class Thinking(NamedTuple):
    """Kinds of thinking."""

    unasked: str
    """What a model does where the request says nothing about it."""
    least: str
    """The least that it can be told to do."""


RESTS: Final = Thinking("disabled", "disabled")
_ALWAYS: Final = Thinking("adaptive", "adaptive")
"""Refuses to be told not to think (migration guides of Fable 5 and Opus 5.5); its effort can be lowered all the same."""


def thinking_of(*names: str) -> Thinking:
    """How a model thinks, by any of its names on whichever platform. From the fifth generation on, models do unless they are told not to (thinking guide)."""
    name = " ".join(names)
    found = _VERSION.search(name)
    if found is None:
        return _ALWAYS if "claude-mythos-preview" in name else RESTS
    family, version = found[1], (int(found[2]), int(found[3] or 0))
    if version < (5, 0):
        return RESTS
    if family in {"fable", "mythos"} or (family == "opus" and version >= (5, 5)):
        return _ALWAYS
    return Thinking("adaptive", "between_tools" if family == "sonnet" and version >= (5, 5) else "disabled")


def messages(_route: Route, document: Document, clamps: Clamps, names: tuple[str, ...]) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a message request."""
    return apply(document, clamps, {**_MESSAGES, "reasoning_effort": partial(lower_effort, thinks=thinking_of(*names))})


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


def least_effort(most: str) -> str:
    """What the API has for an effort: none below low."""
    return "low" if most in {"none", "minimal"} else most


def lower_effort(document: Document, most: str, thinks: Thinking = RESTS, *, told: bool = False) -> bool:
    """Lower `output_config.effort`, of the request and of its messages. "none" becomes the least thinking that the model can be told, at low.

    `told`: the request says an effort in a place of another API.
    """
    changed = lower_template(document, most)
    asked = document.get("thinking")
    kind = asked.get("type", "disabled") if type(asked) is dict else thinks.unasked
    least = least_effort(most)
    changed = _lower_messages(document, least) or changed
    if most == "none" and kind not in {"disabled", thinks.least}:
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
    "temperature": _temperature,
    "reasoning_effort": lower_effort,
    "max_tokens": _max_tokens,
    "reasoning_budget": _budget,
}
_COMPLETE: Final[dict[str, Bound]] = {"temperature": _temperature, "max_tokens": _max_tokens_to_sample}
