"""Legacy completions, embeddings and the list of models."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web

from proxy.adapters.demo.delivery import DemoError, Json, Stream, limit_of, sse
from proxy.adapters.demo.mind import Speech, Wish, embedding, identifier, logprob, pieces, rivals, speak
from proxy.adapters.demo.openai.chat import CREATED, choices_of, usage_of

MODELS: Final = (
    "demo",
    "demo-small",
    "demo-reasoner",
    "demo-slow",
    "demo-long",
    "demo-no-usage",
    "demo-error",
    "demo-overloaded",
    "demo-hangup",
    "demo-embed",
)
"""Any other name is answered too; what counts is how it ends."""

DIMENSIONS: Final = 64
MAX_DIMENSIONS: Final = 3072
MAX_INPUTS: Final = 2048


def answer(_request: web.Request, document: Json) -> Json | Stream:
    """Answer a completion request."""
    prompts = _texts(document.get("prompt"))
    wishes = [Wish(document["model"], prompt, prompt, limit_of(document, "max_tokens") or 16) for prompt in prompts]
    speeches = [speak(wish, choice) for wish in wishes for choice in range(choices_of(document))]
    top = document.get("logprobs")
    if top is not None and (type(top) is not int or not 0 <= top <= 5):
        raise DemoError(400, "logprobs must be between 0 and 5.")
    envelope = {"id": identifier("cmpl-", wishes[0]), "object": "text_completion", "created": CREATED, "model": document["model"]}
    if document.get("stream"):
        return Stream("text/event-stream; charset=utf-8", _chunks(envelope, speeches, document, top))
    choices = [_choice(index, speech.words, top, _finish(speech)) for index, speech in enumerate(speeches)]
    body = envelope | {"choices": choices}
    if not document["model"].endswith("-no-usage"):
        body["usage"] = _usage(speeches)
    return body


def embeddings(_request: web.Request, document: Json) -> Json:
    """Answer an embeddings request."""
    texts = _texts(document.get("input"))
    dimensions = document.get("dimensions") or DIMENSIONS
    if type(dimensions) is not int or not 1 <= dimensions <= MAX_DIMENSIONS:
        raise DemoError(400, f"dimensions must be between 1 and {MAX_DIMENSIONS}.")
    packed = document.get("encoding_format") == "base64"
    vectors = [embedding(text, dimensions) for text in texts]
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else vector} for index, vector in enumerate(vectors)
    ]
    counted = sum(len(pieces(text)) for text in texts)
    return {"object": "list", "data": data, "model": document["model"], "usage": {"prompt_tokens": counted, "total_tokens": counted}}


async def models(request: web.Request) -> web.Response:
    """The list of models, worded for Anthropic's SDK if that asks."""
    if "anthropic-version" in request.headers:
        listed = [{"type": "model", "id": name, "display_name": name, "created_at": "2026-09-21T13:46:40Z"} for name in MODELS]
        return web.json_response({"data": listed, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})
    return web.json_response({"object": "list", "data": [_model(name) for name in MODELS]})


async def model(request: web.Request) -> web.Response:
    """One model."""
    return web.json_response(_model(request.match_info["model"]))


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "demo"}


def _texts(given: Any) -> list[str]:
    """A text, several, or token ids, which are as good a text as any to a demo."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not 1 <= len(texts) <= MAX_INPUTS:
        raise DemoError(400, f"Give a text, or between 1 and {MAX_INPUTS} of them.")
    if all(type(text) is int for text in texts):
        return [" ".join(map(str, texts))]
    return [text if isinstance(text, str) else " ".join(map(str, text)) for text in texts]


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _usage(speeches: list[Speech]) -> Json:
    usage = usage_of(speeches)
    return {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}


def _finish(speech: Speech) -> str:
    return "length" if speech.cut_short else "stop"


def _choice(index: int, words: tuple[str, ...], top: int | None, finish: str | None) -> Json:
    logprobs = None
    if top is not None:
        offsets = [0]
        for word in words[:-1]:
            offsets.append(offsets[-1] + len(word))
        logprobs = {
            "tokens": list(words),
            "token_logprobs": [logprob(word) for word in words],
            "top_logprobs": [dict(rivals(word, top)) for word in words],
            "text_offset": offsets[: len(words)],
        }
    return {"index": index, "text": "".join(words), "logprobs": logprobs, "finish_reason": finish}


def _chunks(envelope: Json, speeches: list[Speech], document: Json, top: int | None) -> Iterator[bytes]:
    wants_usage = bool((document.get("stream_options") or {}).get("include_usage")) and not document["model"].endswith("-no-usage")
    beside: Json = {"usage": None} if wants_usage else {}
    for index, speech in enumerate(speeches):
        for word in speech.words:
            yield sse(envelope | {"choices": [_choice(index, (word,), top, None)]} | beside)
        yield sse(envelope | {"choices": [_choice(index, (), None, _finish(speech))]} | beside)
    if wants_usage:
        yield sse(envelope | {"choices": [], "usage": _usage(speeches)})
    yield b"data: [DONE]\n\n"
