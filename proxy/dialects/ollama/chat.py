"""chat, generate, embed, and the look-up of one model. Answers are streamed unless the caller says no."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects import reading
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.openai.content import ROLES
from proxy.dialects.openai.single import prompts
from proxy.dialects.reading import Prompt, fields, inner, items, limit, model, number, optional_whole, switch, text, whole, wrong

_REGISTRY: Final = "registry.ollama.ai/"
_LIBRARY: Final = "library/"
_LATEST: Final = ":latest"


def chat(route: Route, document: Document, names: Names) -> ModelCall:
    """Read one chat request."""
    fields(document, "")
    prompt = Prompt()
    messages = items(document, "messages")
    for message in messages:
        _message(prompt, fields(message, "messages"))
    for tool in items(document, "tools"):
        definition = fields(tool, "tools")
        prompt.offer(text(inner(definition, "function"), "name") or text(definition, "type"), definition)
    return _call(route, document, names, prompt, len(messages))


def _message(prompt: Prompt, message: Document) -> None:
    role = reading.role(message, ROLES)
    prompt.turns += role == "user"
    prompt.tool_results += role == "tool"
    prompt.say(role, text(message, "content"))
    prompt.say(role, text(message, "thinking"))
    prompt.say(role, text(message, "tool_name"))
    prompt.see(len(items(message, "images")))
    for called in items(message, "tool_calls"):
        function = inner(fields(called, "messages.tool_calls"), "function")
        prompt.say("assistant", text(function, "name"))
        prompt.say_all("assistant", function.get("arguments"))


def generate(route: Route, document: Document, names: Names) -> ModelCall:
    """Read one generate request. `template` replaces the model's own; `context` is an earlier conversation as token ids."""
    fields(document, "")
    prompt = Prompt()
    prompt.say("system", text(document, "system"))
    prompt.say("system", text(document, "template"))
    prompt.say("user", text(document, "prompt"))
    prompt.say("input", text(document, "suffix"))
    prompt.see(len(items(document, "images")))
    context = items(document, "context")
    prompt.tokens += len(context)
    prompt.unseen += bool(context)
    prompt.turns = 1
    return _call(route, document, names, prompt, 1)


def embed(route: Route, document: Document, names: Names) -> ModelCall:
    """Read one embedding request, new or legacy."""
    fields(document, "")
    prompt = Prompt()
    value = document.get("input", document.get("prompt"))
    if value is not None:
        prompts(prompt, value, "input")
    if document.get("input") is not None and document.get("prompt") is not None:
        raise wrong("prompt", "left out beside input")
    prompt.turns = len(prompt.texts)
    return _call(route, {**document, "stream": False}, names, prompt, 0)


def show(route: Route, document: Document, names: Names) -> ModelCall:
    """Read a look-up of one model; `name` is the legacy field."""
    fields(document, "")
    if document.get("name") is not None:
        if document.get("model") is not None:
            raise wrong("name", "left out beside model")
        document = {"model": document["name"]}
    return ModelCall(route.dialect.name, route.endpoint, _model(route, document, names))


def _call(route: Route, document: Document, names: Names, prompt: Prompt, messages: int) -> ModelCall:
    options = inner(document, "options")
    schema = document.get("format")
    if type(schema) is dict:
        prompt.say_all("system", schema)
    asked, effort = _thinking(document.get("think"))
    alternatives = whole(document, "top_logprobs")
    streamed = document.get("stream")
    return ModelCall(
        dialect=route.dialect.name,
        endpoint=route.endpoint,
        model=_model(route, document, names),
        stream=True if streamed is None else switch(document, "stream"),
        texts=tuple(prompt.texts),
        images=prompt.images,
        tools=tuple(prompt.tools),
        tool_results=prompt.tool_results,
        turns=prompt.turns,
        max_output_tokens=limit(options, "num_predict"),
        temperature=number(options, "temperature"),
        seed=optional_whole(options, "seed"),
        logprobs=switch(document, "logprobs") or alternatives > 0,
        top_logprobs=alternatives,
        reasoning=asked,
        reasoning_effort=effort,
        input_tokens=prompt.length(messages),
        unseen=prompt.unseen,
    )


def _thinking(value: Any) -> tuple[bool, str]:
    """`think` is a switch, or an effort for models that take one."""
    if value is None or type(value) is bool:
        return value is True, ""
    if type(value) is not str:
        raise wrong("think", "true, false or an effort")
    return value not in {"", "none"}, value


def _model(route: Route, document: Document, names: Names) -> str:
    """One name for what Ollama takes for one model: it fills in registry, library and tag, and ignores case."""
    name = model(route, document, {}).lower().removeprefix(_REGISTRY).removeprefix(_LIBRARY).removesuffix(_LATEST)
    return names.get(name, name)
