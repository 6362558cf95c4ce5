"""Messages, token counting and the legacy completion."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects.anthropic import content
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.models.claude import QUIET
from proxy.dialects.openai import sampling
from proxy.dialects.reading import Prompt, fields, inner, items, limit, model, number, switch, text, tier, wrong
from proxy.dialects.wire.strict import malformed

_PLAIN_KEYS: Final = """
model messages system max_tokens stream temperature top_p top_k stop_sequences tools tool_choice metadata thinking service_tier
"""
_PLAIN: Final = frozenset(_PLAIN_KEYS.split())


def read(route: Route, document: Document, names: Names) -> ModelCall:
    """Read one message request, or the same document sent to be counted."""
    fields(document, "")
    prompt = Prompt()
    content.system(prompt, document.get("system"))
    messages = items(document, "messages")
    if not messages:
        raise wrong("messages", "a list with at least one message")
    efforts = [content.message(prompt, message) for message in messages]
    for tool in items(document, "tools"):
        content.tool(prompt, tool)
    asked, budget = _thinking(document.get("thinking"))
    effort = sampling.highest(*efforts) if any(efforts) else ""
    if not _PLAIN.issuperset(document):
        more, told = _rare(prompt, document)
        asked, effort = asked or more, sampling.highest(effort, told)
    return ModelCall(  # by position: keywords would double the cost of building it
        route.dialect.name,
        route.endpoint,
        model(route, document, names),
        route.stream or switch(document, "stream"),
        tuple(prompt.texts),
        prompt.images,
        0,  # audio
        tuple(prompt.tools),
        prompt.tool_results,
        prompt.turns,
        limit(document, "max_tokens"),
        1,  # n
        number(document, "temperature"),
        None,  # seed
        False,  # logprobs
        0,  # top_logprobs
        asked,
        effort,
        budget,
        text(inner(document, "metadata"), "user_id"),
        prompt.length(len(messages)),
        True,  # inspected
        0,  # batch_size
        prompt.unseen,
        tier(text(document, "speed"), text(document, "service_tier")),
    )


def _thinking(value: Any) -> tuple[bool, int]:
    if value is None:
        return False, 0
    inside = fields(value, "thinking")
    return text(inside, "type") not in QUIET, limit(inside, "budget_tokens")


def _rare(prompt: Prompt, document: Document) -> tuple[bool, str]:
    """Output schemas, servers whose tools are offered, content kept by the server, what compatible servers tell their chat template.

    Returns whether the template is asked for reasoning, and the effort.
    """
    if document.get("fallbacks"):
        raise malformed("fallbacks names further models; send one request for one model.", "several_models", "fallbacks")
    output = inner(document, "output_config")
    prompt.say_all("system", output.get("format"))
    prompt.say_all("system", document.get("output_format"))
    prompt.say_all("system", inner(document, "context_management"))  # instructions for summaries
    prompt.say("system", text(inner(document, "compaction"), "instructions"))
    for server in items(document, "mcp_servers"):
        prompt.tools.append(text(fields(server, "mcp_servers"), "name"))
    for key in ("container", "thread"):
        prompt.unseen += document.get(key) is not None
    template = inner(document, "chat_template_kwargs")
    prompt.say_all("system", template)
    told = sampling.reasoning({"chat_template_kwargs": template})
    return told.asked, sampling.highest(text(output, "effort"), told.effort)


def complete(route: Route, document: Document, names: Names) -> ModelCall:
    """Read a legacy text completion."""
    fields(document, "")
    prompt = Prompt()
    words = document.get("prompt")
    if type(words) is not str:
        raise wrong("prompt", "a string")
    prompt.say("input", words)
    return ModelCall(
        dialect=route.dialect.name,
        endpoint=route.endpoint,
        model=model(route, document, names),
        stream=switch(document, "stream"),
        texts=tuple(prompt.texts),
        turns=max(words.count("\n\nHuman:"), 1),
        max_output_tokens=limit(document, "max_tokens_to_sample"),
        temperature=number(document, "temperature"),
        end_user=text(inner(document, "metadata"), "user_id"),
        input_tokens=prompt.length(),
    )
