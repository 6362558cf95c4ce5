"""Chat completions: `POST /v1/chat/completions` and its Azure and Gemini-compatible addresses."""

from __future__ import annotations

from typing import Final

from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.openai import content, sampling
from proxy.dialects.reading import Prompt, fields, inner, items, model, number, optional_whole, text, wrong

_PLAIN_KEYS: Final = """
model messages stream stream_options temperature top_p n max_tokens max_completion_tokens seed stop user safety_identifier
presence_penalty frequency_penalty logit_bias store metadata service_tier parallel_tool_calls tools tool_choice prompt_cache_key
"""
_PLAIN: Final = frozenset(_PLAIN_KEYS.split())
"""Keys that need no look beyond the ordinary one, so that most requests skip `_rare_texts`."""


def read(route: Route, document: Document, names: Names) -> ModelCall:
    """Read one chat completion request."""
    fields(document, "")
    prompt = Prompt()
    messages = items(document, "messages")
    if not messages:
        raise wrong("messages", "a list with at least one message")
    for message in messages:
        content.message(prompt, message)
    for tool in items(document, "tools"):
        content.tool(prompt, tool)
    if not _PLAIN.issuperset(document):
        texts_beside(prompt, document)
    thinking = sampling.reasoning(document)
    wanted, alternatives = sampling.logprobs(document)
    return ModelCall(  # by position: keywords would double the cost of building it
        route.dialect.name,
        route.endpoint,
        model(route, document, names),
        sampling.streamed(document),
        tuple(prompt.texts),
        prompt.images,
        prompt.audio,
        tuple(prompt.tools),
        prompt.tool_results,
        prompt.turns,
        sampling.output_limit(document),
        sampling.answers(document),
        number(document, "temperature"),
        optional_whole(document, "seed"),
        wanted,
        alternatives,
        thinking.asked,
        thinking.effort,
        thinking.budget,
        sampling.end_user(document),
        prompt.length(len(messages)),
        True,  # inspected
        0,  # batch_size
        prompt.unseen,
        text(document, "service_tier").lower(),
    )


def texts_beside(prompt: Prompt, document: Document) -> None:
    """Texts outside the messages: functions, searches, response schemas, predicted output, what vLLM, llama.cpp and Azure put in the prompt."""
    sampling.refuse_other_models(document)
    for function in items(document, "functions"):
        content.tool(prompt, function)
    if document.get("web_search_options") is not None:
        prompt.offer("web_search", inner(document, "web_search_options"))
    for plugin in items(document, "plugins"):
        prompt.offer(text(fields(plugin, "plugins"), "id"), plugin)
    prompt.say_all("system", inner(document, "response_format").get("json_schema"))
    prompt.say_all("assistant", inner(document, "prediction").get("content"))
    prompt.say("system", text(document, "chat_template"))
    prompt.say("assistant", text(document, "reasoning_budget_message"))
    prompt.say_all("system", inner(document, "chat_template_kwargs"))
    prompt.say_all("system", items(document, "documents"))
    prompt.say_all("system", items(document, "data_sources"))
    prompt.unseen += sum(text(google, "cachedContent") != "" for google in sampling.googles(document))
    prompt.unseen += len(items(document, "data_sources")) + sum(document.get(key) is not None for key in ("prompt_embeds", "prompt_id"))
