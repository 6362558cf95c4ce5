"""Responses: `POST /v1/responses`, its token count and its compaction, by which agents shorten a session.

An item of an unknown type counts as text, with every string in it.
"""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.openai import chat, content, sampling
from proxy.dialects.reading import Prompt, fields, inner, items, model, number, optional_whole, strings, switch, text, wrong
from proxy.dialects.wire.strict import malformed

LOGPROBS: Final = "message.output_text.logprobs"
CONFIGURATION: Final = "configuration_update"
NO_BACKGROUND: Final = "background_not_offered"

_OPAQUE: Final = frozenset({"type", "id", "call_id", "status", "encrypted_content", "fingerprint"})
"""Parts of an item that hold no words: ids and ciphertext."""

_PICTURE: Final = "image_generation_call"

_BY_ID: Final = ("conversation", "prompt")

OUTPUT_LIMIT: Final = ("max_output_tokens",)
"""llama.cpp makes a chat completion of the request and takes every parameter of one, `n_predict` before this limit."""

_PLAIN_KEYS: Final = """
model input instructions stream stream_options temperature top_p max_output_tokens tools tool_choice reasoning text include store metadata
user safety_identifier prompt_cache_key parallel_tool_calls service_tier truncation previous_response_id conversation prompt top_logprobs
max_tool_calls background
"""
_PLAIN: Final = frozenset(_PLAIN_KEYS.split())
"""Keys that OpenAI's own API has, and that are read elsewhere or hold no words."""


def read(route: Route, document: Document, names: Names) -> ModelCall:
    """Read one Responses request."""
    fields(document, "")
    _check_offered(document)
    prompt = Prompt()
    configured = _read_texts(prompt, document)
    thinking = sampling.reasoning(document)
    wanted, alternatives = sampling.logprobs(document)
    if document.get("stream_options") is not None:
        inner(document, "stream_options")
    return ModelCall(
        dialect=route.dialect.name,
        endpoint=route.endpoint,
        model=model(route, document, names),
        stream=switch(document, "stream"),
        texts=tuple(prompt.texts),
        images=prompt.images,
        audio=prompt.audio,
        tools=tuple(prompt.tools),
        tool_results=prompt.tool_results,
        turns=prompt.turns,
        max_output_tokens=sampling.output_limit(document, OUTPUT_LIMIT),
        n=sampling.answers(document),
        temperature=number(document, "temperature"),
        seed=optional_whole(document, "seed"),
        logprobs=LOGPROBS in items(document, "include") or wanted,
        top_logprobs=alternatives,
        reasoning=thinking.asked or configured not in {"", "none"},
        reasoning_effort=sampling.highest(thinking.effort, configured),
        reasoning_budget=thinking.budget,
        end_user=sampling.end_user(document),
        input_tokens=prompt.length(prompt.turns),
        unseen=prompt.unseen,
        service_tier=text(document, "service_tier").lower(),
    )


def _read_texts(prompt: Prompt, document: Document) -> str:
    """Read everything that holds words; returns the reasoning effort that input items configure."""
    prompt.say("system", text(document, "instructions"))
    configured = items_of(prompt, document.get("input"))
    for tool in items(document, "tools"):
        content.tool(prompt, tool)
    _kept_by_the_server(prompt, document)
    prompt.say_all("system", inner(document, "text").get("format"))
    if not _PLAIN.issuperset(document):
        _compatible(prompt, document)
    return configured


def _compatible(prompt: Prompt, document: Document) -> None:
    """What llama.cpp takes of a chat completion's texts, and the earlier turns that vLLM takes in other forms."""
    chat.texts_beside(prompt, document)
    prompt.say_all("user", items(document, "previous_input_messages"))
    earlier = document.get("previous_response")
    if earlier is not None:
        prompt.say_all("assistant", [items(fields(earlier, "previous_response"), "output"), text(earlier, "instructions")])
        prompt.unseen += 1  # what it holds sealed


def _check_offered(document: Document) -> None:
    sampling.refuse_other_models(document)
    if switch(document, "background"):
        why = "An answer in the background can be neither counted nor fetched here; ask for it in the foreground."
        raise malformed(why, NO_BACKGROUND, "background")


def _kept_by_the_server(prompt: Prompt, document: Document) -> None:
    """Content named by an id: no reader sees it. Values for a stored prompt's variables are in the request."""
    prompt.unseen += (text(document, "previous_response_id") != "") + sum(document.get(key) is not None for key in _BY_ID)
    prompt.say_all("user", inner(document, "prompt").get("variables"))


def items_of(prompt: Prompt, value: Any) -> str:
    """Read the input, a string or a list of items; returns the reasoning effort that items configure."""
    if value is None:
        return ""
    if type(value) is str:
        prompt.turns += 1
        prompt.say("user", value)
        return ""
    if type(value) is not list:
        raise wrong("input", "a string or a list of items")
    effort = ""
    for entry in value:
        item = fields(entry, "input")
        if item.get("type") == CONFIGURATION:
            effort = sampling.highest(effort, text(inner(item, "reasoning"), "effort"))
        read_item(prompt, item)
    return effort


def read_item(prompt: Prompt, item: Document) -> None:
    """Read one input item, or one item of a realtime conversation."""
    kind = text(item, "type")
    if kind == "message" or (not kind and "role" in item):
        content.message(prompt, item)
    elif kind == "item_reference" or not kind:
        prompt.unseen += 1
    elif kind.endswith("_output"):
        prompt.tool_results += 1
        _output(prompt, item)
    elif kind == CONFIGURATION:
        prompt.say_all("system", item.get("text"))
    elif kind == "additional_tools":
        for tool in items(item, "tools"):
            content.tool(prompt, tool)
    else:
        if kind == _PICTURE:
            prompt.images += 1
            prompt.unseen += item.get("result") is None
        prompt.unseen += kind == "compaction"
        for key, value in item.items():
            if key not in _OPAQUE and (kind != _PICTURE or key != "result"):  # base64
                prompt.say_all("assistant", value)


def _output(prompt: Prompt, item: Document) -> None:
    output = item.get("output")
    for part in output if type(output) is list else [output]:
        if type(part) is dict:
            fields(part, "input.output")
    if type(output) is list and all(type(part) is dict and "type" in part for part in output):
        content.parts(prompt, "tool", output)
    elif type(output) is dict and output.get("type") == "computer_screenshot":
        content.image(prompt, output)
    else:
        prompt.say("tool", "\n".join(strings([value for key, value in item.items() if key not in _OPAQUE])))
