"""Lower parameters of messages. `max_tokens` stays above the thinking budget, as the API demands."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects.dialect import Clamps, Document, Route
from proxy.dialects.rewrite import bound, lowered, nested

LEAST_BUDGET: Final = 1_024
"""The smallest thinking budget that the API takes (anthropic SDK, ThinkingConfigEnabledParam)."""

_DEFAULT_TEMPERATURE: Final = 1.0


def messages(_route: Route, document: Document, clamps: Clamps) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a message request."""
    document = dict(document)
    changed = []
    if "temperature" in clamps and _temperature(document, clamps["temperature"]):
        changed.append("temperature")
    if "reasoning_effort" in clamps and _effort(document, clamps["reasoning_effort"]):
        changed.append("reasoning_effort")
    if "max_tokens" in clamps and _limit(document, "max_tokens", clamps["max_tokens"]):
        changed.append("max_tokens")
        _budget(document, document["max_tokens"] - 1)
    if "reasoning_budget" in clamps and _budget(document, clamps["reasoning_budget"]):
        changed.append("reasoning_budget")
    return document, tuple(changed)


def complete(_route: Route, document: Document, clamps: Clamps) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a legacy completion."""
    document = dict(document)
    changed = []
    if "temperature" in clamps and _temperature(document, clamps["temperature"]):
        changed.append("temperature")
    if "max_tokens" in clamps and _limit(document, "max_tokens_to_sample", clamps["max_tokens"]):
        changed.append("max_tokens")
    return document, tuple(changed)


def _limit(document: Document, key: str, most: Any) -> bool:
    if document.get(key) is None:
        document[key] = most
        return True
    return bound(document, key, most)


def _temperature(document: Document, most: Any) -> bool:
    if document.get("temperature") is None and most < _DEFAULT_TEMPERATURE:
        document["temperature"] = most
        return True
    return bound(document, "temperature", most)


def _budget(document: Document, most: Any) -> bool:
    thinking = document.get("thinking")
    if not thinking or thinking.get("budget_tokens") is None or 0 <= thinking["budget_tokens"] <= most:
        return False
    document["thinking"] = {**thinking, "budget_tokens": most} if most >= LEAST_BUDGET else {"type": "disabled"}
    return True


def _effort(document: Document, most: Any) -> bool:
    """Lower `output_config.effort`. The API has no effort "none": thinking is switched off instead, and the effort left at low."""
    changed = False
    if most == "none" and (document.get("thinking") or {}).get("type", "disabled") != "disabled":
        document["thinking"] = {"type": "disabled"}
        changed = True
    least = "low" if most in {"none", "minimal"} else most
    effort = (document.get("output_config") or {}).get("effort")
    if effort is not None and lowered(effort, least):
        nested(document, "output_config")["effort"] = least
        changed = True
    return changed
