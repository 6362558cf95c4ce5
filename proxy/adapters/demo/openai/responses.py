"""Responses as OpenAI answers them: output items, each streamed under its output index."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from proxy.adapters.demo.delivery import DemoError, Json, Stream, limit_of, sse, text_of
from proxy.adapters.demo.mind import Speech, Tool, Wish, identifier, logprob, rivals, speak
from proxy.adapters.demo.openai.chat import CREATED

Event = tuple[str, Json]


def answer(_request: web.Request, document: Json) -> Json | Stream:
    """Answer a responses request."""
    wish = _wish(document)
    speech = speak(wish)
    top = document.get("top_logprobs") or 0 if "message.output_text.logprobs" in (document.get("include") or ()) else None
    items = _items(speech, top)
    if document.get("stream"):
        return Stream("text/event-stream; charset=utf-8", _numbered(_events(wish, speech, document, items)))
    return _response(wish, document, items, speech)


def _wish(document: Json) -> Wish:
    given = document.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(items, list) or not items:
        raise DemoError(400, "input must be a text or hold at least one item.")
    said = [item for item in items if item.get("role") == "user" or item.get("type") == "function_call_output"]
    choice = document.get("tool_choice", "auto")
    effort = (document.get("reasoning") or {}).get("effort")
    return Wish(
        model=document["model"],
        prompt=_said(said[-1]) if said else "",
        everything="\n".join([text_of(document.get("instructions")), *map(_said, items)]),
        max_tokens=limit_of(document, "max_output_tokens"),
        reasoning=effort not in {None, "none"},
        tools=tuple(
            Tool(tool["name"], tool.get("parameters") or {}) for tool in document.get("tools") or () if tool.get("type") == "function"
        ),
        tool_choice=choice if isinstance(choice, str) else str(choice.get("name", "auto")),
        answered=items[-1].get("type") == "function_call_output",
    )


def _said(item: Json) -> str:
    return text_of(item.get("content") or item.get("output"))


def _items(speech: Speech, top: int | None) -> list[Json]:
    items: list[Json] = []
    if speech.thoughts:
        summary = [{"type": "summary_text", "text": "".join(speech.thoughts)}]
        items.append({"id": "rs_demo", "type": "reasoning", "summary": summary, "encrypted_content": None, "status": "completed"})
    if speech.words:
        logprobs = [] if top is None else [_logprob(word, top) for word in speech.words]
        part = {"type": "output_text", "text": "".join(speech.words), "annotations": [], "logprobs": logprobs}
        items.append({"id": "msg_demo", "type": "message", "status": "completed", "role": "assistant", "content": [part]})
    if speech.call:
        call = {"name": speech.call.name, "arguments": speech.call.arguments, "call_id": f"call_{speech.call.id}"}
        items.append({"id": "fc_demo", "type": "function_call", "status": "completed"} | call)
    return items


def _logprob(word: str, top: int) -> Json:
    rivalry = [{"token": token, "logprob": value, "bytes": list(token.encode())} for token, value in rivals(word, top)]
    return {"token": word, "logprob": logprob(word), "bytes": list(word.encode()), "top_logprobs": rivalry}


def _response(wish: Wish, document: Json, items: list[Json], speech: Speech | None) -> Json:
    """The response object; without a speech, as it is before anything was said."""
    usage = None
    if speech and not wish.model.endswith("-no-usage"):
        usage = {
            "input_tokens": speech.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": speech.output_tokens,
            "output_tokens_details": {"reasoning_tokens": len(speech.thoughts)},
            "total_tokens": speech.input_tokens + speech.output_tokens,
        }
    cut_short = speech is not None and speech.cut_short
    return {
        "id": identifier("resp_", wish),
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress" if speech is None else "incomplete" if cut_short else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut_short else None,
        "instructions": document.get("instructions"),
        "max_output_tokens": document.get("max_output_tokens"),
        "model": wish.model,
        "output": items,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": (document.get("reasoning") or {}).get("effort"), "summary": None},
        "store": False,
        "temperature": document.get("temperature", 1.0),
        "text": {"format": {"type": "text"}},
        "tool_choice": document.get("tool_choice", "auto"),
        "tools": document.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "user": None,
        "metadata": {},
    }


def _numbered(events: Iterator[Event]) -> Iterator[bytes]:
    for number, (kind, fields) in enumerate(events):
        yield sse({"type": kind} | fields | {"sequence_number": number}, kind)


def _events(wish: Wish, speech: Speech, document: Json, items: list[Json]) -> Iterator[Event]:
    begun = _response(wish, document, [], None)
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(items):
        place = {"item_id": item["id"], "output_index": index}
        yield "response.output_item.added", {"output_index": index, "item": _emptied(item)}
        if item["type"] == "reasoning":
            yield from _reasoning(speech, place, item)
        elif item["type"] == "message":
            yield from _message(speech, place, item["content"][0])
        elif speech.call:
            half = len(speech.call.arguments) // 2
            for part in (speech.call.arguments[:half], speech.call.arguments[half:]):
                yield "response.function_call_arguments.delta", place | {"delta": part}
            done = {"arguments": speech.call.arguments, "name": speech.call.name}
            yield "response.function_call_arguments.done", place | done
        yield "response.output_item.done", {"output_index": index, "item": item}
    ended = _response(wish, document, items, speech)
    yield f"response.{ended['status']}", {"response": ended}


def _emptied(item: Json) -> Json:
    empty: dict[str, Json] = {"reasoning": {"summary": []}, "message": {"content": []}, "function_call": {"arguments": ""}}
    return item | empty[item["type"]] | {"status": "in_progress"}


def _reasoning(speech: Speech, place: Json, item: Json) -> Iterator[Event]:
    place = place | {"summary_index": 0}
    yield "response.reasoning_summary_part.added", place | {"part": {"type": "summary_text", "text": ""}}
    for thought in speech.thoughts:
        yield "response.reasoning_summary_text.delta", place | {"delta": thought}
    yield "response.reasoning_summary_text.done", place | {"text": item["summary"][0]["text"]}
    yield "response.reasoning_summary_part.done", place | {"part": item["summary"][0]}


def _message(speech: Speech, place: Json, part: Json) -> Iterator[Event]:
    place = place | {"content_index": 0}
    yield "response.content_part.added", place | {"part": part | {"text": "", "logprobs": []}}
    for at, word in enumerate(speech.words):
        yield "response.output_text.delta", place | {"delta": word, "logprobs": part["logprobs"][at : at + 1]}
    yield "response.output_text.done", place | {"text": part["text"], "logprobs": part["logprobs"]}
    yield "response.content_part.done", place | {"part": part}
