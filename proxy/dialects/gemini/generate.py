"""generateContent, streamGenerateContent, countTokens, embedContent, batchEmbedContents."""

from __future__ import annotations

from typing import Final

from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.gemini import content
from proxy.dialects.reading import Prompt, count, inner, limit, number, one_model, optional_whole, switch, text, whole, wrong
from proxy.dialects.wire.strict import malformed

_MODELS = "models/"
_BY_ID: Final = ("cachedContent", "continuationToken")
"""Earlier content and an answer to go on with, both kept by the server."""


def generate(route: Route, document: Document, names: Names) -> ModelCall:
    """Read one generation request."""
    document = content.camel(document, "")
    prompt = Prompt()
    content.system(prompt, document.get("systemInstruction"))
    messages = content.contents(prompt, document.get("contents"))
    if not messages:
        raise wrong("contents", "a list with at least one message")
    content.tools(prompt, document.get("tools"))
    prompt.unseen += sum(text(document, key) != "" for key in _BY_ID)
    config = content.camel(inner(document, "generationConfig"), "generationConfig")
    _read_config(prompt, config)
    asked, effort, budget = thinking(config)
    alternatives = whole(config, "logprobs")
    return ModelCall(
        dialect=route.dialect.name,
        endpoint=route.endpoint,
        model=_model(route, document, names),
        stream=route.stream,
        texts=tuple(prompt.texts),
        images=prompt.images,
        audio=prompt.audio,
        tools=tuple(prompt.tools),
        tool_results=prompt.tool_results,
        turns=prompt.turns,
        max_output_tokens=limit(config, "maxOutputTokens"),
        n=count(config, "candidateCount"),
        temperature=number(config, "temperature"),
        seed=optional_whole(config, "seed"),
        logprobs=switch(config, "responseLogprobs") or alternatives > 0,
        top_logprobs=alternatives,
        reasoning=asked,
        reasoning_effort=effort,
        reasoning_budget=budget,
        input_tokens=prompt.length(messages),
        unseen=prompt.unseen,
        service_tier=text(document, "serviceTier").lower(),
    )


def _read_config(prompt: Prompt, config: Document) -> None:
    """What of the configuration the model reads."""
    if config.get("routingConfig"):
        why = "routingConfig names further models; send one request for one model."
        raise malformed(why, "several_models", "generationConfig.routingConfig")
    for key in ("responseSchema", "responseJsonSchema", "responseFormat"):
        prompt.say_all("system", config.get(key))
    prompt.say_all("system", inner(config, "audioTranscriptionConfig"))


def thinking(holder: Document) -> tuple[bool, str, int]:
    """Whether thinking is asked for, at what level and with what budget, in the object that holds `thinkingConfig`."""
    config = content.camel(inner(holder, "thinkingConfig"), "thinkingConfig")
    budget = optional_whole(config, "thinkingBudget")  # -1 leaves it to the model, 0 switches it off
    level = text(config, "thinkingLevel").lower()
    asked = switch(config, "includeThoughts") or budget not in {None, 0} or level not in {"", "thinking_level_unspecified"}
    return asked, level, max(budget or 0, 0)


def _model(route: Route, document: Document, names: Names) -> str:
    """The path names the model; a body that repeats it must agree."""
    return one_model(route.model, text(document, "model").removeprefix(_MODELS), names)


def count_tokens(route: Route, document: Document, names: Names) -> ModelCall:
    """Read a token count: contents, or a whole generation request."""
    document = content.camel(document, "")
    inside = document.get("generateContentRequest")
    if inside is None:
        return generate(route, document, names)
    if document.get("contents") is not None:
        raise malformed("Send contents or generateContentRequest, not both.", "ambiguous_key", "contents")
    return generate(route, content.camel(inside, "generateContentRequest"), names)


def embed(route: Route, document: Document, names: Names) -> ModelCall:
    """Read one embedding request."""
    prompt = Prompt()
    _embedded(prompt, route, content.camel(document, ""), names)
    return _embedding(route, prompt, names)


def batch_embed(route: Route, document: Document, names: Names) -> ModelCall:
    """Read many embedding requests for one model."""
    prompt = Prompt()
    requests = content.one_or_more(content.camel(document, "").get("requests"))
    if not requests:
        raise wrong("requests", "a list with at least one request")
    for request in requests:
        _embedded(prompt, route, content.camel(request, "requests"), names)
    return _embedding(route, prompt, names)


def _embedded(prompt: Prompt, route: Route, document: Document, names: Names) -> None:
    _model(route, document, names)
    prompt.say("input", text(document, "title"))
    content.parts(prompt, "input", content.camel(document.get("content"), "content").get("parts"))


def _embedding(route: Route, prompt: Prompt, names: Names) -> ModelCall:
    return ModelCall(
        dialect=route.dialect.name,
        endpoint=route.endpoint,
        model=names.get(route.model, route.model),
        texts=tuple(prompt.texts),
        images=prompt.images,
        audio=prompt.audio,
        turns=len(prompt.texts),
        input_tokens=prompt.length(),
        unseen=prompt.unseen,
    )
