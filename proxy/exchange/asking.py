"""What came with a request: its body under caps, decoded once, and the call that it asks for."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Final, NamedTuple

from aiohttp import web

from proxy.adapters.traffic.downstream import Downstream, read_body
from proxy.adapters.traffic.http1 import Head
from proxy.dialects import body
from proxy.dialects.batch import Upload, read_upload
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route, RouteKind
from proxy.dialects.reading import tier
from proxy.dialects.routes import dialect_for_errors, find_route
from proxy.dialects.wire.query import check_query
from proxy.errors import CallerError, Fault
from proxy.policy.ruleset import Ruleset
from proxy.settings import Caps

UNINSPECTED: Final = "uninspected"
TIER_HEADERS: Final[dict[str, frozenset[str]]] = {
    "bedrock": frozenset({"x-amzn-bedrock-performanceconfig-latency", "x-amzn-bedrock-service-tier"}),
    "gemini": frozenset({"x-vertex-ai-llm-shared-request-type"}),
}
"""By dialect, where InvokeModel and Vertex take what their other APIs have in the body. Other APIs read no such header."""
ANY_TYPE: Final = frozenset({"ollama"})
"""APIs that read JSON whatever it is declared to be: as the examples in Ollama's documentation send it, curl calls it a form."""
LARGE_BYTES: Final = 128 * 1024
"""From here on a body is read in a thread, so that others are served meanwhile."""
PLAIN: Final = frozenset({"", "identity"})
"""Other codings may make a small body large."""


class Asked(NamedTuple):
    """The bytes that are judged and sent on, without their content coding, and what they say."""

    raw: bytes
    call: ModelCall
    document: Document
    """Empty for what isn't a JSON call."""
    waited_s: float
    """Time the caller took to send it."""
    upload: Upload | None = None


def find(head: Head, rules: Ruleset) -> Route:
    """What the address means; one that nobody understands may pass unread where a policy says so. Raises CallerError."""
    try:
        route = find_route(head.method, head.path)
    except CallerError as error:
        if error.fault not in {Fault.UNKNOWN_ENDPOINT, Fault.METHOD} or not rules.passes_uninspected(head.method, head.path):
            raise
        return Route(dialect_for_errors(head.path, [name for name, _ in head.headers]), UNINSPECTED, RouteKind.PASSED)
    if route.kind is RouteKind.CALL:
        check_query(head.query, head.headers)
    return route


async def read(request: web.BaseRequest, down: Downstream, head: Head, route: Route, names: Names, caps: Caps) -> Asked:
    """Read the body and what it asks for. Raises CallerError."""
    cap = caps.upload_bytes if route.kind is RouteKind.UPLOAD else caps.body_bytes
    began = perf_counter()
    if head.expects_continue and head.length <= cap:
        down.send_continue()
    raw = await read_body(request.content, head, cap, caps.body_s)
    waited_s = perf_counter() - began
    if len(raw) < LARGE_BYTES and head.content_encoding in PLAIN:
        return _read(raw, head, route, names, caps, waited_s)
    return await asyncio.to_thread(_read, raw, head, route, names, caps, waited_s)


def _read(raw: bytes, head: Head, route: Route, names: Names, caps: Caps, waited_s: float) -> Asked:
    if raw and route.kind is RouteKind.METADATA:
        raise CallerError(Fault.MALFORMED, "this endpoint takes no body", "unexpected_body")
    raw = body.decode(raw, head.content_encoding, caps.upload_bytes if route.kind is RouteKind.UPLOAD else caps.decoded_bytes)
    if route.kind is RouteKind.CALL:
        if route.dialect.name not in ANY_TYPE:
            body.check_media_type(head.content_type)
        document = body.read_json(raw, body.JsonLimits())
        return Asked(raw, _with_tier(route.read(document, names), head), document, waited_s)
    if route.kind is RouteKind.UPLOAD:
        upload = read_upload(route, head.content_type, raw, names)
        return Asked(raw, upload.call, {}, waited_s, upload)
    return Asked(raw, route.bare_call(), {}, waited_s)


def _with_tier(call: ModelCall, head: Head) -> ModelCall:
    where = TIER_HEADERS.get(call.dialect)
    told = [value for name, value in head.headers if name in where] if where else ()
    return call._replace(service_tier=tier(call.service_tier, *told)) if told else call
