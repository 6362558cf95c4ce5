"""Lower the reasoning effort and budget of chat completions and Responses, in every spelling that `sampling` reads."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects.dialect import Document
from proxy.dialects.gemini import clamps as gemini
from proxy.dialects.models import gpt
from proxy.dialects.openai.sampling import BUDGETS
from proxy.dialects.rewrite import bound, bound_all, bound_effort, drop, lowered, nested

_SWITCHES: Final = frozenset({"enable_thinking", "include_reasoning", *BUDGETS})
_NO_EFFORT: Final = {"effort": "none"}
TEMPLATE: Final = "chat_template_kwargs"
_NESTED_EFFORT: Final = (("reasoning", "effort"), (TEMPLATE, "reasoning_effort"))
_NESTED_BUDGET: Final = (("reasoning", "max_tokens"), ("thinking", "budget_tokens"))


def chat(document: Document, most: str, own: str) -> bool:
    """Lower the effort; inserted only for models known to take one, since others refuse it."""
    changed = lower(document, most)
    if document.get("reasoning_effort") is None and document.get("reasoning") is None and gpt.chooses_more(own, most):
        document["reasoning_effort"] = most
        return True
    return changed


def responses(document: Document, most: str, own: str) -> bool:
    """Lower the effort of a Responses request, also where an input item configures it; inserted as for chat."""
    changed = _lower_items(document, most)
    changed = lower(document, most) or changed
    if (document.get("reasoning") or {}).get("effort") is None and gpt.chooses_more(own, most):
        nested(document, "reasoning")["effort"] = most
        return True
    return changed


def budget(document: Document, most: int) -> bool:
    """Lower the thinking tokens."""
    changed = bound_all(document, BUDGETS, most)
    for google in _googles(document):
        changed = gemini.lower_budget(google, most) or changed
    for key, inside in _NESTED_BUDGET:
        if _inside(document, key).get(inside) is not None:
            changed = bound(nested(document, key), inside, most) or changed
    return changed


def _lower_items(document: Document, most: str) -> bool:
    entries = document.get("input")
    if type(entries) is not list:
        return False
    kept = [_configured(entry, most) for entry in entries]
    changed = any(new is not old for new, old in zip(kept, entries, strict=True))
    if changed:
        document["input"] = kept
    return changed


def _configured(entry: Any, most: str) -> Any:
    effort = _inside(entry, "reasoning").get("effort") if type(entry) is dict and entry.get("type") == "configuration_update" else None
    if effort is None or not lowered(effort, most):
        return entry
    return {**entry, "reasoning": {**entry["reasoning"], "effort": most}}


def _googles(document: Document) -> list[Document]:
    """Copies, in their places, of the objects that `sampling.googles` reads."""
    places = [nested(document, "google")] if document.get("google") else []
    if _inside(document, "extra_body").get("google"):
        places.append(nested(nested(document, "extra_body"), "google"))
    return places


def _inside(document: Document, key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if type(value) is dict else {}


def lower(document: Document, most: str) -> bool:
    """Lower the effort wherever it is written."""
    changed = bound_effort(document, "reasoning_effort", most)
    for google in _googles(document):
        changed = gemini.lower_effort(google, most) or changed
    for place, key in _NESTED_EFFORT:
        changed = bound_effort(document, key, most, inside=place) or changed
    return _switch_off(document) or changed if most == "none" else changed


def _switch_off(document: Document) -> bool:
    """Remove every other way to ask for thinking."""
    changed = drop(document, _SWITCHES)
    if document.get("reasoning") not in (None, _NO_EFFORT):
        document["reasoning"] = dict(_NO_EFFORT)
        changed = True
    if document.get("thinking") not in (None, False, {"type": "disabled"}, {"type": "between_tools"}):
        document["thinking"] = {"type": "disabled"}
        changed = True
    return _template_off(document) or changed


def lower_template(document: Document, most: str) -> bool:
    """Lower what the chat template is told of reasoning."""
    changed = bound_effort(document, "reasoning_effort", most, inside=TEMPLATE)
    return (most == "none" and _template_off(document)) or changed


def _template_off(document: Document) -> bool:
    template = _inside(document, TEMPLATE)
    if not (template.get("thinking") or template.get("enable_thinking")):
        return False
    document[TEMPLATE] = {**template, "thinking": False, "enable_thinking": False}
    return True
