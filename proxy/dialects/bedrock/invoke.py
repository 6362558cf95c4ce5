"""InvokeModel: the body is the vendor's own. A vendor without a reader of its own has every string in the body read."""

from __future__ import annotations

from typing import Final

from proxy.dialects.anthropic import messages as anthropic
from proxy.dialects.bedrock import converse
from proxy.dialects.bedrock.vendors import CONFIGS, LIMITS, SAMPLES, vendor
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.openai import chat, content
from proxy.dialects.openai.sampling import highest, logprobs
from proxy.dialects.reading import Prompt, count, fields, inner, items, limit, model, number, optional_whole

_OPAQUE: Final = frozenset({"inputImage", "images", "image", "audio", "video", "anthropic_version"})


def read(route: Route, document: Document, names: Names) -> ModelCall:
    """Read one InvokeModel request."""
    if is_claude(route, document):
        reader = anthropic.read if "messages" in document else anthropic.complete
        return reader(route, document, names)._replace(stream=route.stream)
    if is_nova(route, document):
        return _nova(route, document, names)
    if "messages" in document:
        return chat.read(route, document, names)._replace(stream=route.stream)
    return _any(route, document, names)


def is_claude(route: Route, document: Document) -> bool:
    """Whether Anthropic's parameters are meant. Of a model whose maker its id doesn't tell, the body says so."""
    made_by = vendor(route.model)
    return made_by == "anthropic" or (not made_by and "anthropic_version" in document)


def is_nova(route: Route, document: Document) -> bool:
    """Amazon's Nova takes Converse's content, which has no `type`, and its parameters in `inferenceConfig`."""
    if vendor(route.model) == "amazon":
        return "messages" in document
    return "messages" in document and ("inferenceConfig" in document or "schemaVersion" in document or type(document.get("system")) is list)


def _nova(route: Route, document: Document, names: Names) -> ModelCall:
    fields(document, "")
    config = inner(document, "inferenceConfig")
    plain = {key: value for key, value in document.items() if key not in {"inferenceConfig", "schemaVersion"}}
    call = converse.read(route, plain, names)
    thinking = converse.extra_reasoning(document)
    wanted, alternatives = logprobs(document)
    return call._replace(
        logprobs=call.logprobs or wanted,
        top_logprobs=max(call.top_logprobs, alternatives),
        max_output_tokens=limit(config, "maxTokens", "max_new_tokens"),
        temperature=number(config, "temperature"),
        reasoning=call.reasoning or thinking.asked,
        reasoning_effort=highest(call.reasoning_effort, thinking.effort),
        reasoning_budget=max(call.reasoning_budget, thinking.budget),
    )


def _any(route: Route, document: Document, names: Names) -> ModelCall:
    """One prompt in whatever shape: every string counts as input, parameters are read under all names that vendors give them."""
    fields(document, "")
    prompt = Prompt()
    for tool in items(document, "tools"):
        content.tool(prompt, tool)
    for key, value in document.items():
        if key == "tools":
            continue
        if key in _OPAQUE:
            prompt.see()
        else:
            prompt.say_all("input", value)
    places = [document, *(inner(document, key) for key in CONFIGS)]
    return ModelCall(
        dialect=route.dialect.name,
        endpoint=route.endpoint,
        model=model(route, document, names),
        stream=route.stream,
        texts=tuple(prompt.texts),
        images=prompt.images,
        tools=tuple(prompt.tools),
        tool_results=len(items(document, "tool_results")),
        turns=1,
        max_output_tokens=max(limit(place, *LIMITS) for place in places),
        n=max(count(place, key) for place in places for key in SAMPLES),
        temperature=next((heat for heat in (number(place, "temperature") for place in places) if heat is not None), None),
        seed=next((seed for seed in (optional_whole(place, "seed") for place in places) if seed is not None), None),
        logprobs=bool(document.get("return_likelihoods") or document.get("logprobs")),
        input_tokens=prompt.length(),
    )
