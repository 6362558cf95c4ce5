"""Lower parameters of Converse, and of InvokeModel where the vendor's names for them are known."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from proxy.dialects.anthropic import clamps as anthropic
from proxy.dialects.bedrock import invoke, vendors
from proxy.dialects.bedrock.converse import EXTRA, extra_reasoning
from proxy.dialects.dialect import Clamps, Document, Route
from proxy.dialects.models import claude
from proxy.dialects.openai.lowering import effort as spellings
from proxy.dialects.openai.lowering import parameters as openai
from proxy.dialects.openai.sampling import COMMON_LIMITS
from proxy.dialects.rewrite import Bound, apply, bound, bound_all, bound_effort, drop, nested
from proxy.dialects.wire.strict import malformed


def converse(_route: Route, document: Document, clamps: Clamps, names: tuple[str, ...]) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a Converse request."""
    thinking = claude.thinking_of(*names)
    by_model = {
        "reasoning_effort": _effort if thinking is claude.RESTS else partial(_claudes_effort, thinks=thinking),
        "temperature": partial(_temperature, names=names),
    }
    return apply(document, clamps, {**_CONVERSE, **by_model})


def invoke_model(route: Route, document: Document, clamps: Clamps, names: tuple[str, ...]) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of an InvokeModel request.

    Raises CallerError where a bound can't be set because the vendor's name for the parameter isn't known.
    """
    if invoke.is_claude(route, document):
        lower = anthropic.messages if "messages" in document else anthropic.complete
        return lower(route, document, clamps, names)
    if invoke.is_nova(route, document):
        return apply(document, clamps, _NOVA)
    if "messages" in document:
        return _chat(route, document, clamps, names)
    document = dict(document)
    return document, tuple(name for name, most in clamps.items() if name in _ANY and _ANY[name](route, document, most))


def _chat(route: Route, document: Document, clamps: Clamps, names: tuple[str, ...]) -> tuple[Document, tuple[str, ...]]:
    """Lower the parameters of a vendor that speaks OpenAI's chat; the model stands in the path, so the vendor tells the limit's name."""
    family = vendors.OTHERS.get(vendors.vendor(route.model))
    if "max_tokens" not in clamps or family is None or any(document.get(key) is not None for key in COMMON_LIMITS):
        return openai.chat(route, document, clamps, names)
    document, changed = openai.chat(route, {**document, family.limit: clamps["max_tokens"]}, clamps, names)
    return document, ("max_tokens", *changed)


def _limit(document: Document, most: int) -> bool:
    config = nested(document, "inferenceConfig")
    present = [key for key in ("maxTokens", "max_new_tokens") if config.get(key) is not None]
    if not present:
        config["maxTokens"] = most
        return True
    return bound_all(config, present, most)


def _temperature(document: Document, most: float, names: tuple[str, ...] = ()) -> bool:
    """Asked last of all: whether a temperature is taken depends on what is left of the thinking."""
    thinks = extra_reasoning(document.get(EXTRA) or {}).asked
    return claude.lower_temperature(nested(document, "inferenceConfig"), most, names, thinks=thinks, top_p="topP")


def _extra(document: Document) -> Document:
    """The maker's own parameters beside Converse's, to be changed in place."""
    return nested(document, EXTRA) if document.get(EXTRA) else {}


def _effort(document: Document, most: str) -> bool:
    return bound_effort(document, "effort", most, inside="outputConfig") | _makers_effort(_extra(document), most)


def _claudes_effort(document: Document, most: str, thinks: claude.Thinking) -> bool:
    """Lower the effort of a Claude that thinks by itself, also where nothing asks for thinking."""
    changed = bound_effort(document, "effort", anthropic.least_effort(most), inside="outputConfig")
    told = (document.get("outputConfig") or {}).get("effort") is not None
    extra = dict(document.get(EXTRA) or {})
    asked = extra.pop("thinking", None)  # which other makers' models can be told to leave
    lowered = _makers_effort(extra, most)
    if asked is not None:
        extra["thinking"] = asked
    if anthropic.lower_effort(extra, most, thinks, told=told) or lowered:
        document[EXTRA] = extra
        return True
    return changed


def _makers_effort(place: Document, most: str) -> bool:
    """Lower the effort in every spelling that the models' makers have for it."""
    changed = anthropic.lower_effort(place, most)
    changed = spellings.lower(place, most) or changed
    for key in ("reasoning_config", "reasoningConfig") if most == "none" else ():
        if (place.get(key) or {}).get("type", "disabled") != "disabled":
            place[key] = {"type": "disabled"}
            changed = True
    return bound_effort(place, "maxReasoningEffort", most, inside="reasoningConfig") or changed


def _budget(document: Document, most: int) -> bool:
    return _makers_budget(_extra(document), most)


def _makers_budget(place: Document, most: int) -> bool:
    lower = [anthropic.lower_budget(place, key, most) for key in ("thinking", "reasoning_config", "reasoningConfig")]
    return spellings.budget(place, most) or any(lower)


def _no_logprobs(document: Document, _: Any) -> bool:
    return openai.no_logprobs(_extra(document))


def _alternatives(document: Document, most: int) -> bool:
    return openai.fewer_alternatives(_extra(document), most)


_CONVERSE: Final[dict[str, Bound]] = {
    "max_tokens": _limit,
    "logprobs": _no_logprobs,
    "top_logprobs": _alternatives,
    "reasoning_effort": _effort,
    "reasoning_budget": _budget,
}


def _with_extra(beside: Bound, extra: Bound) -> Bound:
    """A bound for Nova in InvokeModel, which takes its own parameters beside Converse's and in an object of their own."""

    def lower(document: Document, most: Any) -> bool:
        return beside(document, most) | extra(document, most)

    return lower


_NOVA: Final[dict[str, Bound]] = {
    "max_tokens": _limit,
    "temperature": _temperature,
    "logprobs": _with_extra(openai.no_logprobs, _no_logprobs),
    "top_logprobs": _with_extra(openai.fewer_alternatives, _alternatives),
    "reasoning_effort": _with_extra(_makers_effort, _effort),
    "reasoning_budget": _with_extra(_makers_budget, _budget),
}


def _any_limit(route: Route, document: Document, most: int) -> bool:
    """Lower every output limit that is set; without one, set the vendor's."""
    config = [nested(document, key) for key in vendors.CONFIGS if document.get(key) is not None]
    found = [(place, key) for place in (document, *config) for key in vendors.LIMITS if place.get(key) is not None]
    if found:
        over = [bound(place, key, most) for place, key in found]
        return any(over)
    family = vendors.OTHERS.get(vendors.vendor(route.model))
    if family is None:
        raise malformed("Send an output limit: for this model it can't be set for you, and the terms demand one.", "output_limit_required")
    place = nested(document, family.config) if family.config else document
    place[family.limit] = most
    return True


def _any_temperature(_route: Route, document: Document, most: float) -> bool:
    """Lower the temperature where it is set: vendors' defaults lie below 1.0."""
    places = (document, *(nested(document, key) for key in vendors.CONFIGS if document.get(key) is not None))
    over = [bound(place, "temperature", most) for place in places]
    return any(over)


def _any_samples(_route: Route, document: Document, most: int) -> bool:
    places = (document, *(nested(document, key) for key in vendors.CONFIGS if document.get(key) is not None))
    over = [bound_all(place, vendors.SAMPLES, most) for place in places]
    return any(over)


def _any_logprobs(_route: Route, document: Document, _: Any) -> bool:
    return drop(document, _LIKELIHOODS)


_LIKELIHOODS: Final = frozenset({"return_likelihoods", "logprobs"})

_ANY: Final[dict[str, Callable[[Route, Document, Any], bool]]] = {
    "max_tokens": _any_limit,
    "temperature": _any_temperature,
    "n": _any_samples,
    "logprobs": _any_logprobs,
}
