"""Ollama: chat and generate, a line for each piece unless `stream` is false, and embed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson
from aiohttp import web

from proxy.adapters.demo.delivery import DemoError, Json, Stream, text_of
from proxy.adapters.demo.mind import Speech, Tool, Wish, embedding, logprob, pieces, rivals, speak
from proxy.adapters.demo.openai.completions import MODELS

CREATED: Final = "2026-09-21T13:46:40Z"
Wrap = Callable[[str, str], Json]
"""From a piece of text and a piece of thinking to what a line holds of them."""


def error(_status: int, message: str) -> Json:
    """An error as Ollama words it."""
    return {"error": message}


def chat(_request: web.Request, document: Json) -> Json | Stream:
    """Answer a chat request."""
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        raise DemoError(400, "messages must hold at least one message")
    said = [message for message in messages if message["role"] in {"user", "tool"}]
    tools = [tool["function"] for tool in document.get("tools") or ()]
    wish = _wish(
        document, text_of(said[-1].get("content")) if said else "", "\n".join(text_of(message.get("content")) for message in messages)
    )
    wish = wish._replace(
        tools=tuple(Tool(tool["name"], tool.get("parameters") or {}) for tool in tools), answered=messages[-1]["role"] == "tool"
    )
    return _deliver(wish, document, _chat_line)


def generate(_request: web.Request, document: Json) -> Json | Stream:
    """Answer a generate request."""
    prompt = text_of(document.get("prompt"))
    return _deliver(_wish(document, prompt, text_of(document.get("system")) + prompt), document, _generate_line)


def embed(_request: web.Request, document: Json) -> Json:
    """Answer an embed request."""
    given = document.get("input")
    texts = [given] if isinstance(given, str) else [text for text in given or () if isinstance(text, str)]
    counted = sum(len(pieces(text)) for text in texts)
    return {"model": document["model"], "embeddings": [embedding(text, 64) for text in texts], "prompt_eval_count": counted}


async def tags(_request: web.Request) -> web.Response:
    """The list of models."""
    return web.json_response(
        {"models": [{"name": name, "model": name, "modified_at": CREATED, "size": 1, "digest": "demo"} for name in MODELS]}
    )


def _wish(document: Json, prompt: str, everything: str) -> Wish:
    limit = (document.get("options") or {}).get("num_predict") or 0
    if type(limit) is not int:
        raise DemoError(400, "num_predict must be an integer")
    return Wish(document["model"], prompt, everything, max(0, limit), reasoning=bool(document.get("think")))


def _chat_line(text: str, thinking: str) -> Json:
    return {"message": {"role": "assistant", "content": text} | ({"thinking": thinking} if thinking else {})}


def _generate_line(text: str, thinking: str) -> Json:
    return {"response": text} | ({"thinking": thinking} if thinking else {})


def _deliver(wish: Wish, document: Json, line: Wrap) -> Json | Stream:
    speech = speak(wish)
    top = document.get("top_logprobs") or 0 if document.get("logprobs") else None
    if document.get("stream", True):
        return Stream("application/x-ndjson", (orjson.dumps(part) + b"\n" for part in _lines(wish, speech, top, line)))
    whole = _line(wish, line("".join(speech.words), "".join(speech.thoughts)), speech)
    if speech.call:
        whole["message"]["tool_calls"] = _calls(speech)
    return whole | _logprobs(speech.words, top)


def _lines(wish: Wish, speech: Speech, top: int | None, line: Wrap) -> Iterator[Json]:
    for thought in speech.thoughts:
        yield _line(wish, line("", thought), None)
    for word in speech.words:
        yield _line(wish, line(word, ""), None) | _logprobs((word,), top)
    if speech.call:
        called = _line(wish, line("", ""), None)
        called["message"]["tool_calls"] = _calls(speech)
        yield called
    yield _line(wish, line("", ""), speech)


def _line(wish: Wish, held: Json, speech: Speech | None) -> Json:
    """One line; with a speech, the last."""
    answer: dict[str, Any] = {"model": wish.model, "created_at": CREATED, **held, "done": speech is not None}
    if speech is not None:
        answer |= {"done_reason": "length" if speech.cut_short else "stop", "total_duration": 1, "load_duration": 1}
        if not wish.model.endswith("-no-usage"):
            answer |= {"prompt_eval_count": speech.input_tokens, "eval_count": speech.output_tokens}
    return answer


def _calls(speech: Speech) -> list[Json]:
    called = speech.call
    return [{"function": {"name": called.name, "arguments": orjson.loads(called.arguments)}}] if called else []


def _logprobs(words: tuple[str, ...], top: int | None) -> Json:
    if top is None:
        return {}
    return {
        "logprobs": [
            {
                "token": word,
                "logprob": logprob(word),
                "top_logprobs": [{"token": token, "logprob": value} for token, value in rivals(word, top)],
            }
            for word in words
        ]
    }
