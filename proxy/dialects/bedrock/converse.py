"""Converse and ConverseStream. Amazon's own models take the same content in InvokeModel."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects import reading
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.openai.sampling import Reasoning, reasoning
from proxy.dialects.reading import Prompt, fields, inner, items, limit, model, number, text, wrong
from proxy.dialects.wire.strict import malformed

OVERRIDES: Final = frozenset(
    {
        "messages",
        "system",
        "prompt",
        "model",
        "max_tokens",
        "maxTokens",
        "max_new_tokens",
        "max_gen_len",
        "temperature",
        "n",
        "inferenceConfig",
    }
)
"""What `additionalModelRequestFields` may not set again: two places for one parameter have two readings."""

ROLES: Final = {"user": "user", "assistant": "assistant", "system": "system"}

_OPAQUE: Final = frozenset({"toolUseId", "status", "type", "signature", "format", "cachePoint", "redactedContent"})


def read(route: Route, document: Document, names: Names) -> ModelCall:
    """Read one Converse request."""
    fields(document, "")
    prompt = Prompt()
    messages = conversation(prompt, document)
    tools = inner(document, "toolConfig")
    for tool in items(tools, "tools"):
        _tool(prompt, fields(tool, "toolConfig.tools"))
    extra = inner(document, "additionalModelRequestFields")
    if not OVERRIDES.isdisjoint(extra):
        raise malformed(
            "additionalModelRequestFields may not repeat what has its own field.", "ambiguous_key", "additionalModelRequestFields"
        )
    variables = document.get("promptVariables")
    if variables is not None:
        prompt.unseen += 1  # the prompt itself is stored at Amazon
        prompt.say_all("user", variables)
    output = inner(document, "outputConfig")
    prompt.say_all("system", output.get("textFormat"))
    config = inner(document, "inferenceConfig")
    thinking = extra_reasoning(extra)
    effort = text(output, "effort") or thinking.effort
    return ModelCall(
        dialect=route.dialect.name,
        endpoint=route.endpoint,
        model=model(route, {}, names),
        stream=route.stream,
        texts=tuple(prompt.texts),
        images=prompt.images,
        audio=prompt.audio,
        tools=tuple(prompt.tools),
        tool_results=prompt.tool_results,
        turns=prompt.turns,
        max_output_tokens=limit(config, "maxTokens"),
        temperature=number(config, "temperature"),
        reasoning=thinking.asked,
        reasoning_effort=effort,
        reasoning_budget=thinking.budget,
        input_tokens=prompt.length(messages),
        unseen=prompt.unseen,
    )


def extra_reasoning(extra: Document) -> Reasoning:
    """Reasoning as Claude (`thinking`, `reasoning_config`), Nova (`reasoningConfig`) and gpt-oss (`reasoning_effort`) take it."""
    found = reasoning(extra)
    for key in ("reasoning_config", "reasoningConfig"):
        if extra.get(key) is None:
            continue
        inside = fields(extra[key], key)
        budget = limit(inside, "budget_tokens")
        effort = text(inside, "maxReasoningEffort")
        found = Reasoning(found.asked or text(inside, "type") not in {"", "disabled"}, found.effort or effort, max(found.budget, budget))
    return found


def conversation(prompt: Prompt, document: Document) -> int:
    """Read system and messages; returns how many messages there are."""
    for block in items(document, "system"):
        _block(prompt, "system", fields(block, "system"))
    messages = items(document, "messages")
    for entry in messages:
        message = fields(entry, "messages")
        role = reading.role(message, ROLES)
        before = prompt.tool_results
        blocks(prompt, role, message.get("content"))
        prompt.turns += role == "user" and prompt.tool_results == before
    return len(messages)


def blocks(prompt: Prompt, role: str, value: Any) -> None:
    """Read a list of content blocks; Nova's InvokeModel also takes a string."""
    if type(value) is str:
        prompt.say(role, value)
        return
    if type(value) is not list:
        raise wrong("content", "a list of content blocks")
    for block in value:
        _block(prompt, role, fields(block, "content"))


def _block(prompt: Prompt, role: str, block: Document) -> None:
    for key, value in block.items():
        if value is None or key in _OPAQUE:
            continue
        if key == "text" and type(value) is not dict:
            prompt.say(role, text(block, "text"))
        elif key in {"image", "video"}:
            prompt.see()
        elif key == "audio":
            prompt.hear()
        elif key == "document":
            _document(prompt, role, fields(value, "content.document"))
        elif key == "toolResult":
            prompt.tool_results += 1
            blocks(prompt, "tool", fields(value, "content.toolResult").get("content"))
        elif key == "guardContent":
            _block(prompt, role, fields(value, "content.guardContent"))
        else:
            prompt.say_all(role, _words(value))


def _words(value: Any) -> Any:
    """A tool's input, reasoning, citations, search results: what isn't an id or a signature."""
    return {key: _words(inside) for key, inside in value.items() if key not in _OPAQUE} if type(value) is dict else value


def _document(prompt: Prompt, role: str, document: Document) -> None:
    prompt.say(role, text(document, "name"))
    prompt.say(role, text(document, "context"))
    source = inner(document, "source")
    if source.get("text") is not None:
        prompt.say(role, text(source, "text"))
    elif source.get("content") is not None:
        blocks(prompt, role, source["content"])
    else:
        prompt.attach(source.get("bytes"))


def _tool(prompt: Prompt, tool: Document) -> None:
    for key, value in tool.items():
        if key != "cachePoint" and value is not None:
            definition = fields(value, f"toolConfig.tools.{key}")
            prompt.offer(text(definition, "name"), definition)
