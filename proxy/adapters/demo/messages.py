"""Anthropic messages: content blocks, with thinking when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from aiohttp import web

from proxy.adapters.demo.delivery import DemoError, Json, Stream, limit_of, sse, text_of
from proxy.adapters.demo.mind import Speech, Tool, Wish, identifier, pieces, speak

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def error(status: int, message: str) -> Json:
    """An error as Anthropic words it."""
    kinds = {400: "invalid_request_error", 404: "not_found_error", 429: "rate_limit_error"}
    return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": message}, "request_id": "req_demo"}


def answer(_request: web.Request, document: Json) -> Json | Stream:
    """Answer a messages request."""
    if not limit_of(document, "max_tokens"):
        raise DemoError(400, "max_tokens: Field required")
    wish = _wish(document)
    speech = speak(wish)
    if document.get("stream"):
        return Stream("text/event-stream; charset=utf-8", _events(wish, speech))
    message = _message(wish) | {"content": _blocks(speech), "stop_reason": _stop(speech)}
    if not wish.model.endswith("-no-usage"):
        message["usage"] = _usage(speech) | _written(speech)
    return message


def count_tokens(_request: web.Request, document: Json) -> Json:
    """Answer a count_tokens request."""
    return {"input_tokens": speak(_wish(document)).input_tokens}


def _wish(document: Json) -> Wish:
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        raise DemoError(400, "messages: at least one message is required")
    last = messages[-1].get("content")
    results = [block for block in last if block.get("type") == "tool_result"] if isinstance(last, list) else []
    choice = document.get("tool_choice") or {"type": "auto"}
    texts = [text_of(document.get("system")), *(text_of(message.get("content")) for message in messages)]
    return Wish(
        model=document["model"],
        prompt=text_of(last),
        everything="\n".join(texts),
        max_tokens=document.get("max_tokens") or 0,
        reasoning=(document.get("thinking") or {}).get("type") in {"enabled", "adaptive"},
        tools=tuple(Tool(tool["name"], tool.get("input_schema") or {}) for tool in document.get("tools") or ()),
        tool_choice=choice["name"] if choice["type"] == "tool" else _CHOICES[choice["type"]],
        answered=bool(results),
    )


def _message(wish: Wish) -> Json:
    return {
        "id": identifier("msg_", wish),
        "type": "message",
        "role": "assistant",
        "model": wish.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _blocks(speech: Speech) -> list[Json]:
    blocks: list[Json] = []
    if speech.thoughts:
        blocks.append({"type": "thinking", "thinking": "".join(speech.thoughts), "signature": "ZGVtbw=="})
    if speech.words:
        blocks.append({"type": "text", "text": "".join(speech.words)})
    if speech.call:
        arguments: Any = orjson.loads(speech.call.arguments)
        blocks.append({"type": "tool_use", "id": f"toolu_{speech.call.id}", "name": speech.call.name, "input": arguments})
    return blocks


def _stop(speech: Speech) -> str:
    return "max_tokens" if speech.cut_short else "tool_use" if speech.call else "end_turn"


def _usage(speech: Speech) -> Json:
    return {"input_tokens": speech.input_tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}


def _written(speech: Speech) -> Json:
    return {"output_tokens": speech.output_tokens, "output_tokens_details": {"thinking_tokens": len(speech.thoughts)}}


def _events(wish: Wish, speech: Speech) -> Iterator[bytes]:
    tells = not wish.model.endswith("-no-usage")
    start = _message(wish) | ({"usage": _usage(speech)} if tells else {})
    yield sse({"type": "message_start", "message": start}, "message_start")
    yield sse({"type": "ping"}, "ping")
    for index, block in enumerate(_blocks(speech)):
        empty, deltas = _streamed(block, speech)
        yield sse({"type": "content_block_start", "index": index, "content_block": empty}, "content_block_start")
        for delta in deltas:
            yield sse({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
        yield sse({"type": "content_block_stop", "index": index}, "content_block_stop")
    end: Json = {"type": "message_delta", "delta": {"stop_reason": _stop(speech), "stop_sequence": None}}
    yield sse(end | ({"usage": _written(speech)} if tells else {}), "message_delta")
    yield sse({"type": "message_stop"}, "message_stop")


def _streamed(block: Json, speech: Speech) -> tuple[Json, list[Json]]:
    """The block as it starts, and the deltas that fill it."""
    if block["type"] == "thinking":
        deltas: list[Json] = [{"type": "thinking_delta", "thinking": thought} for thought in speech.thoughts]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return block | {"thinking": "", "signature": ""}, deltas
    if block["type"] == "text":
        return block | {"text": ""}, [{"type": "text_delta", "text": word} for word in speech.words]
    arguments = pieces(speech.call.arguments) if speech.call else []
    return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": part} for part in ["", *arguments]]
