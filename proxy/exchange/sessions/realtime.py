"""A realtime session: a WebSocket between two sides, whose events are judged as they pass.

The session as it opens is one request and holds a place among those open at the same time; every response in it is a request of its own,
whether the client asks for it or the server begins it when the caller stops speaking. `responses.py` judges them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from proxy import replies
from proxy.adapters.traffic import websocket
from proxy.adapters.traffic.downstream import Downstream
from proxy.adapters.traffic.http1 import Head
from proxy.adapters.traffic.upstream import Upstream
from proxy.adapters.traffic.websocket import Socket
from proxy.audit.record import Record
from proxy.dialects.dialect import Names, Route
from proxy.dialects.realtime.session import RealtimeSession
from proxy.errors import CallerError, Fault
from proxy.exchange.sessions.responses import TOLD, End, Responses

QUERY: Final = frozenset({"model", "deployment", "api-version", "intent", "key", "access_token"})
"""What a session's address may say. Others could join a session that was never judged."""
OPENING_COUNTS: Final = frozenset({"requests", "concurrent"})
RESTARTING: Final = 1012
LEFT: Final = End(websocket.GOING_AWAY, "client_gone")
FAULT: Final = End(websocket.FAILED, "error", "", "internal_error", "The session failed.")
UPSTREAM_GONE: Final = End(websocket.FAILED, "upstream_error", "", "upstream_reset", "The model endpoint broke off the session.")


class Opening(NamedTuple):
    """A session that was allowed, before anybody is connected."""

    upstream: Upstream
    head: Head
    way: str
    own_headers: bytes
    most_bytes: int
    """Longest message of either side."""


def open_session(route: Route, head: Head, names: Names) -> RealtimeSession:
    """What the address asks for. Raises CallerError for one that could be read in two ways."""
    websocket.check_upgrade(head, expected=True)
    found: dict[str, str] = {}
    for name, value in parse_qsl(head.query[:4096], keep_blank_values=True):
        if name in found or name not in QUERY:
            raise CallerError(
                Fault.MALFORMED, "A session's address takes model, deployment, api-version and intent, each once.", "invalid_query"
            )
        found[name] = value
    named = {names.get(value, value) for value in (found.get("model"), found.get("deployment"), route.model) if value}
    if len(named) > 1 or len(head.query) > 4096:
        raise CallerError(Fault.MALFORMED, "The session's address names two models, or is too long.", "invalid_query", "model")
    return RealtimeSession(route, next(iter(named), ""), names)


async def converse(opening: Opening, responses: Responses, request: web.BaseRequest, down: Downstream, record: Record) -> None:
    """Connect both sides and relay until one of them closes. Raises UpstreamError or CallerError while the client's side isn't accepted."""
    head = opening.head
    above, protocol = await websocket.connect(opening.upstream, head, opening.way, opening.most_bytes)
    client: Socket | None = None
    end = FAULT
    try:
        client = await websocket.accept(request, protocol, opening.own_headers, opening.most_bytes)
        down.started, down.keep_alive = True, False
        record.status = 101
        end = await _relay(responses, client, above, record)
    except asyncio.CancelledError:
        end = LEFT if client is None or down.gone else End(RESTARTING, "cut", "", replies.STOPPING_CODE, replies.STOPPING)
    finally:
        record.outcome, record.rule, record.code = end.outcome, end.rule, end.code
        with suppress(asyncio.CancelledError):  # a client that leaves now can't undo how it ended
            if client is not None:
                await _close(client, end)
            await above.close(websocket.NORMAL if end.code else end.close_code, end.message)


async def _relay(responses: Responses, client: Socket, above: Socket, record: Record) -> End:
    """Both directions at once; the first that ends ends both."""
    loop = asyncio.get_running_loop()
    ways = [loop.create_task(_up(responses, client, above, record)), loop.create_task(_down(responses, client, above, record))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        if not any(way.done() for way in ways):  # else it had ended, and the client's connection with it
            raise
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    return next(way.result() for way in ways if not way.cancelled())


async def _up(responses: Responses, client: Socket, above: Socket, record: Record) -> End:
    """What the client sends, judged."""
    for event in responses.opening_events():
        await above.send(event)
    while (message := await client.receive()) is not None:
        record.request_bytes += len(message)
        try:
            verdict = await responses.asked(message)
        except CallerError as error:
            return End(websocket.UNREADABLE, "rejected", "", error.code, error.message)
        if isinstance(verdict, End) and verdict.close_code != TOLD:
            return verdict
        try:
            await (_tell(client, verdict) if isinstance(verdict, End) else above.send(verdict))
        except ConnectionError:
            return UPSTREAM_GONE
    return End(client.code, "rejected" if client.broken else "allowed", "", "invalid_message" if client.broken else "", client.reason)


async def _down(responses: Responses, client: Socket, above: Socket, record: Record) -> End:
    """What the model endpoint sends, metered and stripped."""
    while (message := await above.receive()) is not None:
        verdict = await responses.answered(message)
        if isinstance(verdict, End):
            return verdict
        if verdict:
            record.response_bytes += len(verdict)
            try:
                await client.send(verdict)
            except ConnectionError:
                return LEFT
    return UPSTREAM_GONE if above.broken else End(above.code, "allowed", "", "", above.reason)


async def _tell(client: Socket, end: End) -> None:
    """An error event as OpenAI's SDKs read it."""
    error = {"type": "policy_error", "code": end.code, "message": end.message, "param": None, "event_id": None}
    await client.send(orjson.dumps({"type": "error", "event_id": f"event_{end.code}", "error": error}))


async def _close(client: Socket, end: End) -> None:
    if end.code:
        with suppress(ConnectionError):
            await _tell(client, end)
    await client.close(end.close_code, end.message)
