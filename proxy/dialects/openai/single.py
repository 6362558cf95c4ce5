"""One prompt in, no conversation: legacy completions, embeddings, moderations, images, speech."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.openai import content, sampling
from proxy.dialects.reading import Prompt, count, fields, items, model, number, optional_whole, switch, text, wrong

_PROMPT: Final = "a string, token ids, or a list of them"


def completions(route: Route, document: Document, names: Names) -> ModelCall:
    """Read a legacy completion. `suffix` is text behind the gap; `echo` returns the prompt with its log-probabilities."""
    fields(document, "")
    sampling.refuse_other_models(document)
    prompt = Prompt()
    prompts(prompt, document.get("prompt"), "prompt")
    turns = len(prompt.texts) or 1
    prompt.say("input", text(document, "suffix"))
    if document.get("prompt_embeds") is not None:
        prompt.unseen += 1
    thinking = sampling.reasoning(document)
    wanted, alternatives = sampling.logprobs(document)
    return ModelCall(
        dialect=route.dialect.name,
        endpoint=route.endpoint,
        model=model(route, document, names),
        stream=sampling.streamed(document),
        texts=tuple(prompt.texts),
        turns=turns,
        max_output_tokens=sampling.output_limit(document),
        n=sampling.answers(document),
        temperature=number(document, "temperature"),
        seed=optional_whole(document, "seed"),
        logprobs=wanted,
        top_logprobs=alternatives,
        reasoning=thinking.asked,
        reasoning_effort=thinking.effort,
        reasoning_budget=thinking.budget,
        end_user=sampling.end_user(document),
        input_tokens=prompt.length(),
        unseen=prompt.unseen,
    )


def embeddings(route: Route, document: Document, names: Names) -> ModelCall:
    """Read an embedding request; vLLM takes chat messages instead of an input."""
    fields(document, "")
    prompt = Prompt()
    messages = items(document, "messages")
    for message in messages:
        content.message(prompt, message)
    if not messages:
        prompts(prompt, document.get("input"), "input")
    return _plain(route, document, names, prompt)


def moderations(route: Route, document: Document, names: Names) -> ModelCall:
    """Read a moderation request: text, or parts of text and images."""
    fields(document, "")
    prompt = Prompt()
    value = document.get("input")
    if type(value) is list and any(type(part) is dict for part in value):
        content.parts(prompt, "input", value)
    else:
        prompts(prompt, value, "input")
    return _plain(route, document, names, prompt)


def images(route: Route, document: Document, names: Names) -> ModelCall:
    """Read an image generation."""
    fields(document, "")
    prompt = Prompt()
    prompt.say("input", text(document, "prompt"))
    return _plain(route, document, names, prompt)._replace(n=count(document, "n"), stream=switch(document, "stream"))


def speech(route: Route, document: Document, names: Names) -> ModelCall:
    """Read a text to be spoken, with the directions for the voice."""
    fields(document, "")
    prompt = Prompt()
    prompt.say("system", text(document, "instructions"))
    prompt.say("input", text(document, "input"))
    return _plain(route, document, names, prompt)._replace(turns=1, stream=text(document, "stream_format") == "sse")


def prompts(prompt: Prompt, value: Any, param: str) -> None:
    """Read a string, a list of strings, a list of token ids, or a list of such lists. Token ids are counted, not decoded."""
    if type(value) is str:
        prompt.say("input", value)
        return
    if type(value) is not list or not value:
        raise wrong(param, _PROMPT)
    if _token_ids(prompt, value):
        return
    for part in value:
        if type(part) is str:
            prompt.say("input", part)
        elif type(part) is not list or not _token_ids(prompt, part):
            raise wrong(param, _PROMPT)


def _token_ids(prompt: Prompt, value: list[Any]) -> bool:
    if set(map(type, value)) != {int}:
        return False
    prompt.tokens += len(value)
    prompt.unseen += 1
    return True


def _plain(route: Route, document: Document, names: Names, prompt: Prompt) -> ModelCall:
    return ModelCall(
        dialect=route.dialect.name,
        endpoint=route.endpoint,
        model=model(route, document, names),
        texts=tuple(prompt.texts),
        images=prompt.images,
        audio=prompt.audio,
        turns=len(prompt.texts),
        end_user=sampling.end_user(document),
        input_tokens=prompt.length(),
        unseen=prompt.unseen,
    )
