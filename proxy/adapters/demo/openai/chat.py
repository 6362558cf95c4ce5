"""Chat completions as OpenAI answers them, with `reasoning_content` as DeepSeek and vLLM add it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web

from proxy.adapters.demo.delivery import DemoError, Json, Stream, limit_of, sse, text_of
from proxy.adapters.demo.mind import Speech, Tool, Wish, identifier, logprob, rivals, speak

CREATED: Final = 1_790_000_000
"""Seconds since the epoch in every answer, so that the same request gives the same bytes."""

MAX_CHOICES: Final = 16
MAX_TOP_LOGPROBS: Final = 20


def answer(_request: web.Request, document: Json) -> Json | Stream:
    """Answer a chat completion request."""
    wish = read_wish(document)
    speeches = [speak(wish, choice) for choice in range(choices_of(document))]
    top = _top_logprobs(document)
    if document.get("stream"):
        return Stream("text/event-stream; charset=utf-8", _chunks(wish, speeches, document, top))
    choices = [
        {
            "index": index,
            "message": _message(speech),
            "logprobs": None if top is None else {"content": [_logprob(piece, top) for piece in speech.words], "refusal": None},
            "finish_reason": _finish(speech),
        }
        for index, speech in enumerate(speeches)
    ]
    body = _envelope(wish, "chat.completion") | {"choices": choices}
    if not wish.model.endswith("-no-usage"):
        body["usage"] = usage_of(speeches)
    return body


def read_wish(document: Json) -> Wish:
    """What a chat completion request wants."""
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        raise DemoError(400, "messages must hold at least one message.")
    said = [message for message in messages if message["role"] in {"user", "tool", "function"}]
    choice = document.get("tool_choice", "auto")
    tools = [tool["function"] for tool in document.get("tools") or () if tool.get("type") == "function"]
    return Wish(
        model=document["model"],
        prompt=text_of(said[-1].get("content")) if said else "",
        everything="\n".join(text_of(message.get("content")) for message in messages),
        max_tokens=limit_of(document, "max_completion_tokens", "max_tokens"),
        reasoning=_wants_reasoning(document),
        tools=tuple(Tool(tool["name"], tool.get("parameters") or {}) for tool in tools),
        tool_choice=choice if isinstance(choice, str) else choice["function"]["name"],
        answered=messages[-1]["role"] in {"tool", "function"},
    )


def choices_of(document: Json) -> int:
    """How many answers are wanted."""
    n = document.get("n") or 1
    if type(n) is not int or not 1 <= n <= MAX_CHOICES:
        raise DemoError(400, f"n must be between 1 and {MAX_CHOICES}.")
    return n


def usage_of(speeches: list[Speech]) -> Json:
    """Usage over all choices; the prompt counts once."""
    prompt = speeches[0].input_tokens
    written = sum(speech.output_tokens for speech in speeches)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": sum(len(speech.thoughts) for speech in speeches), "audio_tokens": 0},
    }


def _wants_reasoning(document: Json) -> bool:
    effort = document.get("reasoning_effort") or (document.get("reasoning") or {}).get("effort")
    return effort not in {None, "none"}


def _top_logprobs(document: Json) -> int | None:
    if not document.get("logprobs"):
        return None
    top = document.get("top_logprobs") or 0
    if type(top) is not int or not 0 <= top <= MAX_TOP_LOGPROBS:
        raise DemoError(400, f"top_logprobs must be between 0 and {MAX_TOP_LOGPROBS}.")
    return top


def _logprob(piece: str, top: int) -> Json:
    def entry(token: str, value: float) -> Json:
        return {"token": token, "logprob": value, "bytes": list(token.encode())}

    return entry(piece, logprob(piece)) | {"top_logprobs": [entry(*rival) for rival in rivals(piece, top)]}


def _message(speech: Speech) -> Json:
    message: Json = {"role": "assistant", "content": "".join(speech.words) or None, "refusal": None}
    if speech.thoughts:
        message["reasoning_content"] = "".join(speech.thoughts)
    if speech.call:
        function = {"name": speech.call.name, "arguments": speech.call.arguments}
        message["tool_calls"] = [{"id": f"call_{speech.call.id}", "type": "function", "function": function}]
    return message


def _finish(speech: Speech) -> str:
    return "length" if speech.cut_short else "tool_calls" if speech.call else "stop"


def _envelope(wish: Wish, kind: str) -> Json:
    return {
        "id": identifier("chatcmpl-", wish),
        "object": kind,
        "created": CREATED,
        "model": wish.model,
        "service_tier": "default",
        "system_fingerprint": "fp_demo",
    }


def _chunks(wish: Wish, speeches: list[Speech], document: Json, top: int | None) -> Iterator[bytes]:
    envelope = _envelope(wish, "chat.completion.chunk")
    wants_usage = bool((document.get("stream_options") or {}).get("include_usage")) and not wish.model.endswith("-no-usage")
    beside: Json = {"usage": None} if wants_usage else {}
    for index, speech in enumerate(speeches):
        for delta, piece in _deltas(speech):
            logprobs = None if top is None or piece is None else {"content": [_logprob(piece, top)], "refusal": None}
            choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
            yield sse(envelope | {"choices": [choice]} | beside)
        last = {"index": index, "delta": {}, "logprobs": None, "finish_reason": _finish(speech)}
        yield sse(envelope | {"choices": [last]} | beside)
    if wants_usage:
        yield sse(envelope | {"choices": [], "usage": usage_of(speeches)})
    yield b"data: [DONE]\n\n"


def _deltas(speech: Speech) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Each delta, with the piece whose log-probability goes with it."""
    yield {"role": "assistant", "content": "", "refusal": None}, None
    for thought in speech.thoughts:
        yield {"reasoning_content": thought}, None
    for word in speech.words:
        yield {"content": word}, word
    if speech.call:
        head = {"name": speech.call.name, "arguments": ""}
        yield {"tool_calls": [{"index": 0, "id": f"call_{speech.call.id}", "type": "function", "function": head}]}, None
        half = len(speech.call.arguments) // 2
        for part in (speech.call.arguments[:half], speech.call.arguments[half:]):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}, None
