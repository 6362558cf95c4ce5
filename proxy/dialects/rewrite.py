"""Requests that policy changes: parameters lowered to a bound, usage asked for. Everything else in the document stays as it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from typing import Any, Final, NamedTuple

from proxy.dialects.call import ModelCall, Text
from proxy.dialects.dialect import NO_NAMES, Clamps, Document, Names, Route
from proxy.dialects.wire.thoughts import left_open

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Reasoning efforts from the lowest to the highest, over all APIs."""

DEFAULT_TEMPERATURE: Final = 1.0
"""What models do when the temperature is left out; those whose default lies lower lose nothing by a bound above it."""

Bound = Callable[[Document, Any], bool]
"""Lowers one parameter in place; True when it changed."""

_SAMPLED: Final = frozenset({
    "chat", "chat.completions", "complete", "completions", "converse", "converse_stream", "generate", "generate_content", "invoke",
    "invoke_stream", "messages", "responses", "responses.compact", "stream_generate_content",
})  # fmt: skip
"""Endpoints at which a model chooses its words by a temperature, its own where none is given."""

_RANK: Final = {effort: rank for rank, effort in enumerate(EFFORTS)}
_APART: Final[dict[str, tuple[Any, ...]]] = {
    "reasoning_format": (None, "parsed", "hidden", "auto", "deepseek"),
    "separate_reasoning": (None, True),
    "echo": (None, False),
}
"""What leaves the reasoning outside the text (Groq, llama.cpp; SGLang), or the prompt out of it; any other value demands the opposite."""
_TEMPLATES: Final = ("template", "chat_template")
_USAGE_ON_REQUEST: Final = frozenset({"chat.completions", "completions"})


class Clamped(NamedTuple):
    """A request within the bounds, as far as its model takes them."""

    document: Document
    call: ModelCall
    changed: tuple[str, ...] = ()
    """Parameters that were lowered, or set where they were left out."""
    unmet: tuple[str, ...] = ()
    """Parameters that are still above their bound: the model takes none, or none as low."""


def clamp(route: Route, document: Document, call: ModelCall, clamps: Clamps, names: Names = NO_NAMES) -> Clamped:
    """The document and the call within the bounds. What was given is left as it is; without a change it is returned itself."""
    changed_document, changed = route.dialect.clamp(route, document, clamps, call.model) if document else (document, ())
    if changed:
        document, call = changed_document, route.read(changed_document, names)
    return Clamped(document, call, changed, above(call, clamps))


def above(call: ModelCall, clamps: Clamps) -> tuple[str, ...]:
    """Parameters that are above their bound, sorted; a temperature that is left out is the model's own."""
    return tuple(sorted(name for name, most in clamps.items() if _EXCEEDS[name](call, most)))


def apply(document: Document, clamps: Clamps, bounds: Mapping[str, Bound]) -> tuple[Document, tuple[str, ...]]:
    """A copy of the document within the bounds, and the parameters that changed. Those without a place in the document aren't in `bounds`.

    Lowered in the order of `bounds`, so that what is said to have changed doesn't depend on which rule was joined first.
    """
    document = dict(document)
    return document, tuple(name for name, lower in bounds.items() if name in clamps and lower(document, clamps[name]))


def force_usage(route: Route, document: Document) -> bool:
    """Ask for usage in an OpenAI stream, in place; True when the caller hadn't, so that the extra chunk can be removed again.

    Other APIs report usage in every stream.
    """
    if route.endpoint not in _USAGE_ON_REQUEST or document.get("stream") is not True:
        return False
    options = document.get("stream_options") or {}
    if options.get("include_usage") is True:
        return False
    document["stream_options"] = {**options, "include_usage": True}
    return True


def keep_reasoning_apart(document: Document) -> bool:
    """Take back, in place, demands to leave the reasoning inside the text, from where it can't be removed, or to put the prompt before it."""
    return drop(document, frozenset(key for key, apart in _APART.items() if key in document and document[key] not in apart))


def begins_inside_thought(document: Document, call: ModelCall, *, template_opens: bool) -> bool:
    """Whether the answer goes on with a thought whose opening tag stands in the prompt.

    `template_opens`: the model's own chat template puts it there. A caller can too: at the end of a raw prompt, in the beginning of the
    answer, or in a chat template of its own.
    """
    raw = document.get("raw") is True or any(role == "input" for role, _ in call.texts)
    if template_opens and not raw:
        return True
    said = [text for text in call.texts if text.role != "system"]
    if raw:
        begun = [words for _, words in said]
    else:
        begun = ["".join(words for _, words in reversed(list(takewhile(_is_assistants, reversed(said)))))]
    begun += [words for words in map(document.get, _TEMPLATES) if type(words) is str]
    return any(map(left_open, begun))


def _is_assistants(text: Text) -> bool:
    return text.role == "assistant"


def lowered(effort: str, most: str) -> bool:
    """Whether `effort` is above `most`. An effort without a rank is: it could mean anything."""
    return _RANK.get(effort, len(EFFORTS)) > _RANK[most]


def _warmer(call: ModelCall, most: float) -> bool:
    told = call.temperature
    return told > most if told is not None else call.endpoint in _SAMPLED and most < DEFAULT_TEMPERATURE


_EXCEEDS: Final[Mapping[str, Callable[[ModelCall, Any], bool]]] = {
    "max_tokens": lambda call, most: call.max_output_tokens > most,
    "n": lambda call, most: call.n > most,
    "temperature": _warmer,
    "logprobs": lambda call, _: call.logprobs,
    "top_logprobs": lambda call, most: call.top_logprobs > most,
    "reasoning_effort": lambda call, most: call.reasoning_effort != "" and lowered(call.reasoning_effort, most),
    "reasoning_budget": lambda call, most: call.reasoning_budget > most,
}
"""Whether a call is above a bound, by the parameter's name in policies."""


def bound(document: Document, key: str, most: float) -> bool:
    """Lower the number at `key` to `most`. Negative numbers mean unlimited where they are allowed, so they are lowered too."""
    value = document.get(key)
    if value is None or 0 <= value <= most:
        return False
    document[key] = most
    return True


def bound_or_set(document: Document, key: str, most: float, default: float = math.inf) -> bool:
    """Lower the number at `key`; where it is left out, set it if the API's own default lies above `most`."""
    if document.get(key) is None and most < default:
        document[key] = most
        return True
    return bound(document, key, most)


def bound_temperature(document: Document, most: float, *, settable: bool = True) -> bool:
    """Lower the temperature of this object; where it is left out, set it if the default lies above `most`.

    One that isn't `settable` is only taken away: the model refuses any value but its default, so a lower one would cost the caller the answer.
    """
    if settable:
        return bound_or_set(document, "temperature", most, DEFAULT_TEMPERATURE)
    over = bound(document, "temperature", most)
    return over and drop(document, frozenset({"temperature"}))


def bound_all(document: Document, keys: Iterable[str], most: float) -> bool:
    """Lower the numbers at all of these keys."""
    lower = [bound(document, key, most) for key in keys]
    return any(lower)


def bound_effort(document: Document, key: str, most: str, inside: str = "") -> bool:
    """Lower the reasoning effort at `key`, or at `key` of the object at `inside`."""
    place = document.get(inside) if inside else document
    effort = place.get(key) if type(place) is dict else None
    if effort is None or not lowered(effort, most):
        return False
    (nested(document, inside) if inside else document)[key] = most
    return True


def drop(document: Document, keys: frozenset[str]) -> bool:
    """Remove these keys."""
    found = keys & document.keys()
    for key in found:
        del document[key]
    return bool(found)


def nested(document: Document, key: str) -> dict[str, Any]:
    """A copy of the object at `key`, put in its place, so that changes never reach the document it came from."""
    document[key] = inside = dict(document.get(key) or {})
    return inside
