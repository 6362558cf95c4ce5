"""One exchange, from the first byte to the record: THE path. Read `_exchange` top to bottom.

Nothing here decides: each numbered step names the stage that does. Every way out fills the same Record, written in one place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from time import perf_counter
from typing import Any, Final, NamedTuple, cast

import orjson
from aiohttp import web

from proxy import replies
from proxy.adapters.traffic.downstream import Downstream, read_body
from proxy.adapters.traffic.forwarded import Trail
from proxy.adapters.traffic.http1 import Head, read_head, upstream_headers
from proxy.adapters.traffic.listener import ClientWire
from proxy.adapters.traffic.upstream import Upstream, choose
from proxy.audit.record import Record
from proxy.decide import Decider, Decision
from proxy.dialects import body, rewrite
from proxy.dialects.dialect import Dialect, Document, Route, RouteKind
from proxy.dialects.routes import dialect_for_errors, find_route
from proxy.errors import CallerError, Fault, UpstreamError
from proxy.exchange.budget import Allowance
from proxy.exchange.noting import note_call, note_caller, note_decision, observation_of, own_headers
from proxy.exchange.relay import Outgoing, relay
from proxy.identity.caller import Caller
from proxy.identity.identify import Sources, identify
from proxy.policy.ruleset import Ruleset
from proxy.replies import Reply
from proxy.settings import Caps

UNINSPECTED: Final = "uninspected"


class World(NamedTuple):
    """What the composition root hands to the path."""

    rules: Callable[[], Ruleset]
    sources: Sources
    decider: Decider
    upstreams: list[Upstream]
    caps: Caps
    clock: Callable[[], float]
    next_id: Callable[[], str]
    digest: Callable[[str], str]
    """Keyed digest of an address or account for the record."""
    written: Callable[[Record], None]
    """Takes the finished record: metrics and log."""
    fault: Callable[[str, BaseException], None]
    """Takes a fault of our own with its decision id."""
    tls_fingerprint_header: str = ""
    """Lower-case name of the header in which a trusted edge tells a TLS fingerprint; "" for none."""


class Handler:
    """Serves exchanges. `open` counts them; `draining` makes every answer the last on its connection."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.draining = False
        self.observe_s = 0.0
        """Seconds spent on showing exchanges to the detector."""
        self._running: set[asyncio.Task[Any]] = set()
        self._empty = asyncio.Event()
        self._trail = Trail(f"tos-proxy-{token_hex(4)}")

    @property
    def open(self) -> int:
        """Exchanges under way."""
        return len(self._running)

    async def emptied(self, wait_s: float) -> int:
        """Wait until no exchange is open, at most `wait_s` seconds. Gives how many still are."""
        if self._running:
            self._empty.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), wait_s)
        return self.open

    async def end_open(self, wait_s: float) -> None:
        """End what is still open, each exchange with an error that its client can read."""
        for task in self._running:
            task.cancel()
        await self.emptied(wait_s)

    async def __call__(self, request: web.BaseRequest) -> Downstream:
        """One exchange. Whatever happens, an answer is sent or cut, and the record is written."""
        began = perf_counter()
        world = self.world
        rules = world.rules()  # one ruleset for the whole exchange
        record = Record(world.next_id(), world.clock(), rules.revision)
        down = Downstream(request)
        down.closing = self.draining
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._running.add(task)
        try:
            await self._exchange(request, down, rules, record, began)
        except CallerError as error:
            down.closing = True  # what follows on this connection can't be trusted to be a request
            await _answer(down, record, replies.rejected(_wording(request), error, record.id), "rejected")
        except UpstreamError as error:
            record.upstream_error = error.kind
            await _answer(down, record, replies.upstream_failed(_wording(request), error, record.id), "upstream_error")
        except (ConnectionError, asyncio.CancelledError) as error:
            if down.gone or isinstance(error, ConnectionError):
                record.outcome = "client_gone"
                down.cut()
                raise
            down.closing = True  # the client is there, it is we who end
            await _answer(down, record, replies.stopping(_wording(request), record.id), "cut")
        except Exception as error:  # noqa: BLE001 - the last resort: refuse, tell the operator, go on serving
            world.fault(record.id, error)
            await _answer(down, record, replies.internal(_wording(request), record.id), "error")
        finally:
            self._running.discard(task)
            if self.draining and not self._running:
                self._empty.set()
            record.total_s = perf_counter() - began
            world.written(record)
        return down

    async def _exchange(self, request: web.BaseRequest, down: Downstream, rules: Ruleset, record: Record, began: float) -> None:
        world = self.world
        record.method = request.method
        head = read_head(request._message, world.caps.header_bytes)
        route = _route(head, rules)
        record.endpoint, record.dialect = route.endpoint, route.dialect.name
        if self.open > world.caps.in_flight:
            return await _answer(down, record, replies.overloaded(route.dialect, record.id), "limited")

        peer = _peer(request)
        caller, _ = identify(world.sources, peer.client, head.headers, head.query, record.at)  # 1 who is calling?
        note_caller(record, caller, world.digest)

        waited = perf_counter()
        raw = await self._read(request, down, head, route)
        waited = perf_counter() - waited
        record.request_bytes = len(raw)
        raw, document = _document(route, head, raw, world.caps)
        carries = route.kind is RouteKind.CALL
        call = route.read(document, rules.vocabulary.models.aliases) if carries else route.bare_call()  # 2 what is being asked?
        note_call(record, call)

        observation = observation_of(caller, call, head, self._tls_fingerprint(head, peer))
        decision = await world.decider.decide(rules, caller, call, observation, record.at)  # 3 the terms, 4 the budget, 5 the signals
        record.decide_s = perf_counter() - began - waited
        note_decision(record, decision)
        if not decision.allowed:
            await _answer(down, record, *_no(route, decision, record))
            return world.decider.turned_away(observation, record.status, record.at)
        allowance = Allowance(world.decider, decision, world.clock) if call.stream and decision.counts_tokens else None
        try:
            outgoing = self._outgoing(head, route, document, raw, caller, peer, decision, allowance, record)
            if outgoing is None:
                return await _answer(down, record, replies.no_upstream(route.dialect, record.id), "rejected")
            record.decide_s = perf_counter() - began - waited
            asked = perf_counter()
            ticket = world.decider.watch(decision, observation, record.at)
            self.observe_s += perf_counter() - asked
            try:
                await relay(outgoing, down, record)  # 6 forward, 7 what comes back?
            finally:
                world.decider.watched(ticket, record.usage, record.status, world.clock())
        finally:
            extended = allowance.extended if allowance is not None else 0
            await world.decider.settle(decision, record.usage, world.clock(), extended)  # 8 the real cost, whichever way it ended
        return None

    async def _read(self, request: web.BaseRequest, down: Downstream, head: Head, route: Route) -> bytes:
        caps = self.world.caps
        cap = caps.upload_bytes if route.kind is RouteKind.UPLOAD else caps.body_bytes
        if head.expects_continue and 0 <= head.length <= cap:
            down.send_continue()
        return await read_body(request.content, head, cap, caps.body_s)

    def _outgoing(
        self,
        head: Head,
        route: Route,
        document: Document,
        raw: bytes,
        caller: Caller,
        peer: ClientWire,
        decision: Decision,
        allowance: Allowance | None,
        record: Record,
    ) -> Outgoing | None:
        """The request as it goes on: the very bytes that were read, unless a policy changed them."""
        upstream = choose(self.world.upstreams, head.path, decision.call.model)
        if upstream is None:
            return None
        call, hide_usage, changed = decision.call, False, False
        if decision.clamps and document:
            document, call, record.clamped = rewrite.clamp(route, document, call, decision.clamps)
            changed = bool(record.clamped)
        if decision.counts_tokens and call.stream:
            hide_usage = rewrite.force_usage(route, document)
        sent = orjson.dumps(document) if changed or hide_usage else raw
        record.upstream = upstream.name
        target = f"{head.path}?{head.query}" if head.query else head.path
        lines = upstream_headers(head, upstream.replaced) + self._way(head, peer, caller)
        return Outgoing(
            upstream, upstream.head(head.method, target, lines, len(sent)), sent, route.dialect, call, decision.strips, hide_usage,
            head.method == "HEAD", head.http10, own_headers(route, decision, record), allowance, decision.prepaid,
        )  # fmt: skip

    def _way(self, head: Head, peer: ClientWire, caller: Caller) -> str:
        """What the upstream is told of the way the request took."""
        trusted = self.world.sources.trust.peer(peer.client)[1]
        continued = caller.address_source == "x-forwarded-for"
        return self._trail.lines(head, peer.client, caller.ip, trusted=trusted, continued=continued, secure=peer.secure)

    def _tls_fingerprint(self, head: Head, peer: ClientWire) -> str:
        """The client's TLS fingerprint, where a trusted edge tells it."""
        name = self.world.tls_fingerprint_header
        if not name or not self.world.sources.trust.peer(peer.client)[1]:
            return ""
        return next((value for header, value in head.headers if header == name), "")


async def _answer(down: Downstream, record: Record, reply: Reply, outcome: str) -> None:
    """Send an answer of our own, or break off where one has begun already."""
    record.outcome, record.code = outcome, reply.code
    if down.started:
        down.cut()
        return
    record.status = reply.status
    record.response_bytes = len(reply.body)
    stamp = f"{replies.POLICY_HEADER}: {record.revision}\r\n".encode("ascii")
    await down.send(reply.status, stamp + reply.headers, reply.body)


def _no(route: Route, decision: Decision, record: Record) -> tuple[Reply, str]:
    if decision.refusal is not None:
        record.rule = decision.refusal.rule
        return replies.refused(route.dialect, decision.refusal, record.id), "refused"
    denied = decision.held.denied
    assert denied is not None  # noqa: S101 - not allowed and not refused means denied
    record.rule = denied.limit
    return replies.limited(route.dialect, denied, decision.held.standings, decision.denial_message, record.id, record.at), "limited"


def _wording(request: web.BaseRequest) -> Dialect:
    message = request._message
    return dialect_for_errors(message.path.partition("?")[0], [name.decode("latin-1").lower() for name, _ in message.raw_headers])


def _peer(request: web.BaseRequest) -> ClientWire:
    wire = request.protocol
    assert isinstance(wire, ClientWire)  # noqa: S101 - connections are made by our Listener only
    return wire


def _route(head: Head, rules: Ruleset) -> Route:
    """What the address means; one that nobody understands may pass unread where a policy says so."""
    try:
        return find_route(head.method, head.path)
    except CallerError as error:
        if error.fault not in {Fault.UNKNOWN_ENDPOINT, Fault.METHOD} or not rules.passes_uninspected(head.method, head.path):
            raise
        return Route(dialect_for_errors(head.path, [name for name, _ in head.headers]), UNINSPECTED, RouteKind.PASSED)


def _document(route: Route, head: Head, raw: bytes, caps: Caps) -> tuple[bytes, Document]:
    """The bytes that are judged and sent on, without their content coding, and what they say."""
    decoded = body.decode(raw, head.content_encoding, caps.decoded_bytes)
    if route.kind is not RouteKind.CALL:
        if decoded and route.kind is RouteKind.METADATA:
            raise CallerError(Fault.MALFORMED, "this endpoint takes no body", "unexpected_body")
        return decoded, {}
    body.check_media_type(head.content_type)
    return decoded, body.read_json(decoded, body.JsonLimits())
