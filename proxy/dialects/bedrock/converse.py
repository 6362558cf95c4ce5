"""Converse and ConverseStream. Amazon's own models take the same content in InvokeModel."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects import reading
from proxy.dialects.anthropic import content as anthropic
from proxy.dialects.bedrock.vendors import CONFIGS, LIMITS, SAMPLES
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.models.claude import QUIET
from proxy.dialects.openai.sampling import LOGPROBS, REASONING, Reasoning, highest, logprobs, reasoning
from proxy.dialects.reading import Prompt, fields, inner, items, limit, model, number, optional_whole, text, tier, wrong
from proxy.dialects.wire.strict import malformed

STORED_PROMPT: Final = ":prompt/"
"""What tells the name of a stored prompt from that of a model."""

EXTRA: Final = "additionalModelRequestFields"
OVERRIDES: Final = frozenset({"messages", "system", "prompt", "model", "temperature", *LIMITS, *SAMPLES})
"""What `additionalModelRequestFields` may not set again: two places for one parameter have two readings."""

_EXTRA_SETTINGS: Final = (
    REASONING
    | LOGPROBS
    | {"reasoning_config", "reasoningConfig", "output_config", "anthropic_beta", "tools", "mcp_servers", "speed", "service_tier"}
) - {"chat_template_kwargs"}
"""Extra fields that are read for themselves, or are no words."""

ROLES: Final = {"user": "user", "assistant": "assistant", "system": "system"}

_MEDIA: Final = frozenset({"image", "video", "audio"})
_OPAQUE: Final = frozenset({"toolUseId", "status", "type", "signature", "format", "cachePoint", "redactedContent"})


def read(route: Route, document: Document, names: Names) -> ModelCall:
    """Read one Converse request."""
    fields(document, "")
    prompt = Prompt()
    messages = conversation(prompt, document)
    tools = inner(document, "toolConfig")
    for tool in items(tools, "tools"):
        _tool(prompt, fields(tool, "toolConfig.tools"))
    extra = _extra(prompt, document)
    variables = document.get("promptVariables")
    if variables is not None:
        prompt.say_all("user", variables)
    prompt.unseen += variables is not None or STORED_PROMPT in route.model  # the prompt itself is stored at Amazon
    output = inner(document, "outputConfig")
    prompt.say_all("system", output.get("textFormat"))
    config = inner(document, "inferenceConfig")
    thinking = extra_reasoning(extra)
    wanted, alternatives = logprobs(extra)
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
        seed=optional_whole(extra, "seed"),
        logprobs=wanted,
        top_logprobs=alternatives,
        reasoning=thinking.asked,
        reasoning_effort=highest(text(output, "effort"), thinking.effort),
        reasoning_budget=thinking.budget,
        input_tokens=prompt.length(messages),
        unseen=prompt.unseen,
        service_tier=_tier(document, extra),
    )


def _tier(document: Document, extra: Document) -> str:
    """Amazon's tier and optimised latency, and Claude's own fields."""
    told = text(inner(document, "performanceConfig"), "latency"), text(inner(document, "serviceTier"), "type")
    return tier(*told, *(text(extra, key) for key in ("speed", "service_tier")))


def _extra(prompt: Prompt, document: Document) -> Document:
    """What goes to the model beside Converse's own fields: Claude's server tools, and whatever else holds words."""
    extra = inner(document, EXTRA)
    for place in (extra, *(inner(extra, key) for key in CONFIGS)):
        if not OVERRIDES.isdisjoint(place):
            raise malformed(f"{EXTRA} may not repeat what has its own field.", "ambiguous_key", EXTRA)
    for tool in items(extra, "tools"):
        anthropic.tool(prompt, tool)
    for server in items(extra, "mcp_servers"):
        prompt.tools.append(text(fields(server, "mcp_servers"), "name"))
    prompt.say_all("system", [value for key, value in extra.items() if key not in _EXTRA_SETTINGS])
    return extra


def extra_reasoning(extra: Document) -> Reasoning:
    """Reasoning as Claude (`thinking`, `reasoning_config`), Nova (`reasoningConfig`) and gpt-oss (`reasoning_effort`) take it."""
    found = reasoning(extra)
    found = found._replace(effort=highest(found.effort, text(inner(extra, "output_config"), "effort")))
    for key in ("reasoning_config", "reasoningConfig"):
        if extra.get(key) is None:
            continue
        inside = fields(extra[key], key)
        budget = limit(inside, "budget_tokens")
        effort = text(inside, "maxReasoningEffort")
        found = Reasoning(found.asked or text(inside, "type") not in QUIET, highest(found.effort, effort), max(found.budget, budget))
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
        elif key in _MEDIA:
            _media(prompt, key, fields(value, f"content.{key}"))
        elif key == "document":
            _document(prompt, role, fields(value, "content.document"))
        elif key == "toolResult":
            prompt.tool_results += 1
            blocks(prompt, "tool", fields(value, "content.toolResult").get("content"))
        elif key == "guardContent":
            _block(prompt, role, fields(value, "content.guardContent"))
        else:
            prompt.say_all(role, _words(value))


def _media(prompt: Prompt, kind: str, media: Document) -> None:
    if kind == "audio":
        prompt.hear()
    else:
        prompt.see()
    prompt.unseen += inner(media, "source").get("s3Location") is not None


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
