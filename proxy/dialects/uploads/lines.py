"""Batches: an OpenAI batch file line by line, an Anthropic message batch request by request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from proxy.dialects.anthropic.dialect import ANTHROPIC
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route, RouteKind
from proxy.dialects.reading import fields, text, wrong
from proxy.dialects.routes import find_route
from proxy.dialects.wire.strict import JsonLimits, check_size, malformed, read_json
from proxy.errors import CallerError

MAX_BATCH_KEYS: Final = 5_000_000
"""Keys of a whole message batch, whose requests each keep to the ordinary limit."""

BATCHABLE: Final = frozenset({"chat.completions", "completions", "responses", "embeddings", "moderations", "images.generate"})

_MESSAGES: Final = Route(ANTHROPIC, "messages", RouteKind.CALL)


class Line(NamedTuple):
    """One call of a batch."""

    number: int
    """Counts from 1."""
    route: Route
    call: ModelCall
    document: Document
    """What was read; for asking what a clamp would change."""


def message_batch(raw: bytes, limits: JsonLimits) -> list[Any]:
    """The requests of a message batch."""
    document = fields(read_json(raw, JsonLimits(limits.depth + 3, MAX_BATCH_KEYS)), "")
    requests = document.get("requests")
    if type(requests) is not list or not requests:
        raise wrong("requests", "a list with at least one request")
    return requests


def message_lines(requests: list[Any], names: Names, limits: JsonLimits) -> Iterator[Line]:
    """Read each request of a message batch as a message. Raises CallerError with its number."""
    for number, request in enumerate(requests, 1):
        try:
            params = fields(fields(request, "requests").get("params"), "params")
            check_size(params, limits)
            call = _MESSAGES.read(params, names)
        except CallerError as error:
            raise _in_line(number, error) from None
        yield Line(number, _MESSAGES, call, params)


def file_lines(upload: Route, content: bytes, names: Names, limits: JsonLimits) -> Iterator[Line]:
    """Read each line of a batch file as the call that it is. Raises CallerError with its number."""
    for number, raw in enumerate(_rows(content), 1):
        if not raw.strip():
            continue
        try:
            route, body = _call_of(upload, fields(read_json(raw, limits), ""))
            call = route.read(body, names)
        except CallerError as error:
            raise _in_line(number, error) from None
        yield Line(number, route, call, body)


def _rows(content: bytes) -> Iterator[bytes]:
    """Lines one at a time: a split would hold the file twice."""
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        yield content[start:end].removesuffix(b"\r")
        start = end + 1


def _call_of(upload: Route, line: Document) -> tuple[Route, Document]:
    if text(line, "method") != "POST":
        raise wrong("method", "POST")
    url = text(line, "url")
    if not url.startswith(("/v1/", "/openai/")):
        url = "/v1" + url  # Azure's lines leave the version out
    route = find_route("POST", url)
    if route.endpoint not in BATCHABLE:
        raise malformed("A line may not call this address.", "invalid_batch_url", "url")
    return route._replace(dialect=upload.dialect), fields(line.get("body"), "body")


def _in_line(number: int, error: CallerError) -> CallerError:
    where = f"line {number}"
    return CallerError(error.fault, f"Line {number}: {error.message}", error.code, f"{where}: {error.param}" if error.param else where)
