"""How the demo endpoint reads requests and sends answers, at the pace its model names ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple

import orjson
from aiohttp import web

SLOW_PAUSE_S: Final = 0.05
"""Between two pieces of a model whose name ends in -slow."""

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class DemoError(Exception):
    """The request can't be answered: told to the caller in the wording of its API."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Stream(NamedTuple):
    """A streamed answer."""

    content_type: str
    events: Iterable[bytes]


Answer = Callable[[web.Request, Json], Json | Stream]


def endpoint(answer: Answer, words: Callable[[int, str], Json]) -> Handler:
    """A handler around a pure function from a request's document to a body or a stream; `words` words errors."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            document = await _document(request)
            model = document["model"] = _model(request, document)
            answered = answer(request, document)
        except DemoError as error:
            return _reply(words(error.status, error.message), error.status)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return _reply(words(400, f"The request can't be understood ({type(error).__name__})."), 400)
        if isinstance(answered, Stream):
            return await _send(request, answered, model)
        if model.endswith("-slow"):
            await asyncio.sleep(10 * SLOW_PAUSE_S)
        return _reply(answered, 200)

    return handle


def sse(data: Json, event: str = "") -> bytes:
    """One server-sent event."""
    name = f"event: {event}\n".encode() if event else b""
    return name + b"data: " + orjson.dumps(data) + b"\n\n"


def text_of(content: Any) -> str:
    """The text in a message's content: a string, or parts that have a `text`."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part if isinstance(part, str) else text_of(part.get("text") or part.get("content")) for part in content]
        return "\n".join(part for part in parts if part)
    return ""


def limit_of(document: Json, *names: str) -> int:
    """The first token limit the caller gave; 0 if none. Raises DemoError unless it is a positive integer."""
    for name in names:
        value = document.get(name)
        if value is not None:
            if type(value) is not int or value < 1:
                raise DemoError(400, f"{name} must be at least 1.")
            return value
    return 0


async def _document(request: web.Request) -> Json:
    try:
        document = orjson.loads(await request.read())
    except ValueError:
        raise DemoError(400, "The body isn't JSON.") from None
    if not isinstance(document, dict):
        raise DemoError(400, "The body must be a JSON object.")
    return document


def _model(request: web.Request, document: Json) -> str:
    model = request.match_info.get("model") or document.get("model")
    if not isinstance(model, str) or not model:
        raise DemoError(400, "You must provide a model.")
    if model.endswith("-error"):
        raise DemoError(500, "The demo model fails when its name ends in -error.")
    if model.endswith("-overloaded"):
        raise DemoError(429, "The demo model is overloaded when its name ends in -overloaded.")
    if model.endswith("-missing"):
        raise DemoError(404, f"The model {model} does not exist.")
    return model


def _reply(body: Json, status: int) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


async def _send(request: web.Request, stream: Stream, model: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": stream.content_type, "Cache-Control": "no-cache"})
    await response.prepare(request)
    for sent, event in enumerate(stream.events):
        await response.write(event)
        if model.endswith("-slow"):
            await asyncio.sleep(SLOW_PAUSE_S)
        if model.endswith("-hangup") and sent == 4 and request.transport is not None:
            request.transport.abort()
            return response
    await response.write_eof()
    return response
