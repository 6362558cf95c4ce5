"""One exchange, from the first byte to the record: THE path. Read `_exchange` top to bottom.

Nothing here decides: each numbered step names the stage that does. Every way out fills the same Record, written in one place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from secrets import token_hex
from time import perf_counter
from typing import Any, NamedTuple, cast

import orjson
from aiohttp import web

from proxy import replies
from proxy.adapters.recording import Capture
from proxy.adapters.telemetry.traces import TRACEPARENT, Tracer
from proxy.adapters.traffic.downstream import Downstream
from proxy.adapters.traffic.forwarded import Trail
from proxy.adapters.traffic.http1 import RANGES, Head, read_head, upstream_headers
from proxy.adapters.traffic.listener import ClientWire
from proxy.adapters.traffic.upstream import Upstream, choose
from proxy.adapters.traffic.websocket import check_upgrade, with_key_as_header
from proxy.audit.record import Record
from proxy.decide import Decider, Decision, observation_of
from proxy.detection.observation import Observation
from proxy.dialects import rewrite
from proxy.dialects.dialect import Dialect, Route, RouteKind
from proxy.dialects.routes import dialect_for_errors
from proxy.errors import CallerError, UpstreamError
from proxy.exchange import asking
from proxy.exchange.answering import answer, said_no
from proxy.exchange.budget import Allowance
from proxy.exchange.noting import note_call, note_caller, note_decision, note_facts, own_headers
from proxy.exchange.relay import Outgoing, relay
from proxy.exchange.sessions.realtime import OPENING_COUNTS, Opening, converse, open_session
from proxy.exchange.sessions.responses import Responses
from proxy.exchange.uploads import Judged, decide_upload
from proxy.exchange.watching import Watching
from proxy.identity.caller import Caller
from proxy.identity.identify import Sources, identify
from proxy.inspection.shapes.shape import OPEN_THOUGHT
from proxy.policy.ruleset import Ruleset
from proxy.settings import Caps


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
    capture: Capture | None = None
    """Records traffic for replay, where the operator asked for it."""
    tracer: Tracer | None = None
    """Makes traces, where the operator named a place for them."""
    tls_fingerprint_header: str = ""
    """Lower-case name of the header in which a trusted edge tells a TLS fingerprint; "" for none."""
    claims: frozenset[str] = frozenset()
    """Lower-case names of all headers that only a trusted peer may send."""
    facts: bool = False
    """Records hold the facts too."""


class Decided(NamedTuple):
    """A request that was judged."""

    head: Head
    route: Route
    asked: asking.Asked
    caller: Caller
    way: str
    decision: Decision
    watching: Watching


class Handler:
    """Serves exchanges. `open` counts them; `draining` makes every answer the last on its connection."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.draining = False
        self.observe_s = 0.0
        """Seconds spent on showing exchanges to the detector."""
        self._running: set[asyncio.Task[Any]] = set()
        self._empty = asyncio.Event()
        self._trail = Trail(f"tos-proxy-{token_hex(4)}", world.claims)
        self._guarded = world.claims.union(*asking.TIER_HEADERS.values(), *(upstream.replaced for upstream in world.upstreams))

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
        down = Downstream(request, world.caps.stall_s)
        down.closing = self.draining
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._running.add(task)
        try:
            await self._exchange(request, down, rules, record, began)
        except CallerError as error:
            down.closing = True  # what follows on this connection can't be trusted to be a request
            await answer(down, record, replies.rejected(_wording(request), error, record.id), "rejected")
        except UpstreamError as error:
            record.upstream_error = error.kind
            await answer(down, record, replies.upstream_failed(_wording(request), error, record.id), "upstream_error")
        except ConnectionError:
            record.outcome = "client_gone"
            down.cut()  # and nothing is raised: aiohttp would log it as a fault of ours
        except asyncio.CancelledError:
            if down.gone:
                record.outcome = "client_gone"
                raise
            down.closing = True  # the client is there, it is we who end
            await answer(down, record, replies.stopping(_wording(request), record.id), "cut")
        except Exception as error:  # noqa: BLE001 - the last resort: refuse, tell the operator, go on serving
            world.fault(record.id, error)
            await answer(down, record, replies.internal(_wording(request), record.id), "error")
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
        head = read_head(request._message, world.caps.header_bytes, self._guarded)
        route = asking.find(head, rules)
        if head.upgrade:
            check_upgrade(head, expected=route.kind is RouteKind.SOCKET)
            head = with_key_as_header(head)
        record.endpoint, record.dialect = route.endpoint, route.dialect.name
        if self.open > world.caps.in_flight:
            return await answer(down, record, replies.overloaded(route.dialect, record.id), "limited")

        peer = _peer(request)
        caller, _ = identify(world.sources, peer.client, head.headers, head.query, record.at)  # 1 who is calling?
        note_caller(record, caller, world.digest)
        head, way = self._way(head, peer, caller, record)
        if route.kind is RouteKind.SOCKET:
            return await self._session(request, down, head, route, way, caller, rules, record)

        asked = await asking.read(request, down, head, route, rules.vocabulary.models.aliases, world.caps)  # 2 what is being asked?
        record.request_bytes = len(asked.raw)
        note_call(record, asked.call)
        observation = observation_of(caller, asked.call, head.headers, self._tls_fingerprint(head, peer), record.at)
        decision, inside, record.unmet = await self._decide(rules, caller, asked, observation, record.at)  # 3 terms, 4 budget, 5 signals
        record.decide_s = perf_counter() - began - asked.waited_s
        watching = Watching(world.decider, decision, observation, inside, partial(world.fault, record.id))
        await self._serve(down, Decided(head, route, asked, caller, way, decision, watching), record)
        return None

    async def _serve(self, down: Downstream, decided: Decided, record: Record) -> None:
        """What was decided, until its real cost is known."""
        world, decision, watching = self.world, decided.decision, decided.watching
        metered = decided.asked.call.stream and decision.counts_tokens
        allowance = Allowance(world.decider, decision, world.clock) if metered else None
        try:
            self._note(record, decision, decided.caller)
            if world.capture is not None:
                world.capture.took(record, decided.head, decided.asked.raw, decided.caller)
            if not decision.allowed:
                await answer(down, record, *said_no(decided.route, decision, record))
                return watching.turned_away(record.status, record.at)
            outgoing = self._outgoing(decided, allowance, record)
            if outgoing is None:
                return await answer(down, record, replies.no_upstream(decided.route.dialect, record.id), "rejected")
            await relay(outgoing, down, record)  # 6 forward, 7 what comes back?
        finally:
            now = world.clock()
            ended = allowance.decision if allowance is not None else decision
            await world.decider.settle(ended, record.usage, now)  # 8 the real cost, whichever way it ended
            self.observe_s += watching.spent_s
            watching.ended(record.usage, record.status, now)
        return None

    async def _session(
        self, request: web.BaseRequest, down: Downstream, head: Head, route: Route, way: str, caller: Caller, rules: Ruleset, record: Record
    ) -> None:
        """A realtime session: steps 2 to 5 as it opens, then again for each event in it."""
        world = self.world
        session = open_session(route, head, rules.vocabulary.models.aliases)
        note_call(record, session.call)
        observation = observation_of(caller, session.call, head.headers, self._tls_fingerprint(head, _peer(request)), record.at)
        decision = world.decider.judge(rules, caller, session.call, observation, record.at)
        if decision.refusal is None:
            decision = await world.decider.reserve(decision, record.at, OPENING_COUNTS)
        self._note(record, decision, caller)
        if not decision.allowed:
            return await answer(down, record, *said_no(route, decision, record))
        responses = Responses(world.decider, decision, session, caller, observation, record, world.clock, partial(world.fault, record.id))
        try:
            upstream = choose(world.upstreams, head.path, session.call.model)
            if upstream is None:
                return await answer(down, record, replies.no_upstream(route.dialect, record.id), "rejected")
            record.upstream = upstream.name
            opening = Opening(upstream, head, way, own_headers(route, decision, record), world.caps.body_bytes)
            await converse(opening, responses, request, down, record)
        finally:
            await responses.close()

    def _note(self, record: Record, decision: Decision, caller: Caller) -> None:
        note_decision(record, decision)
        if self.world.facts:
            note_facts(record, decision, caller, self.world.digest)

    async def _decide(self, rules: Ruleset, caller: Caller, asked: asking.Asked, observation: Observation, now: float) -> Judged:
        if asked.upload is not None:
            return await decide_upload(self.world.decider, rules, caller, asked.upload, observation, now)
        return Judged(await self.world.decider.decide(rules, caller, asked.call, observation, now))

    def _outgoing(self, decided: Decided, allowance: Allowance | None, record: Record) -> Outgoing | None:
        """The request as it goes on: the very bytes that were read, unless a policy changed them."""
        head, route, asked, _, way, decision, watching = decided
        upstream = choose(self.world.upstreams, head.path, decision.call.model)
        if upstream is None:
            return None
        call, document, strips, hide_usage, changed = decision.call, asked.document, decision.strips, False, False
        if decision.clamps:
            aliases = decision.rules.vocabulary.models.aliases
            document, call, record.clamped, unmet = rewrite.clamp(route, document, asked.call, decision.clamps, aliases)
            changed, record.unmet = bool(record.clamped), record.unmet or unmet
        if "reasoning" in strips:
            changed = rewrite.keep_reasoning_apart(document) or changed
            if rewrite.begins_inside_thought(document, call, template_opens=call.model in upstream.opens_thought):
                strips |= {OPEN_THOUGHT}
        if decision.counts_tokens and call.stream:
            hide_usage = rewrite.force_usage(route, document)
        sent = orjson.dumps(document) if changed or hide_usage else asked.raw
        record.upstream = upstream.name
        lines = upstream_headers(head, upstream.replaced | RANGES if strips else upstream.replaced) + way
        return Outgoing(
            upstream, upstream.head(head.method, upstream.target(head), lines, len(sent)), sent, route.dialect, call, strips, hide_usage,
            head.method == "HEAD", head.http10, own_headers(route, decision, record), allowance, decision.prepaid, self.world.caps.stripped_bytes, watching.began,
        )  # fmt: skip

    def _way(self, head: Head, peer: ClientWire, caller: Caller, record: Record) -> tuple[Head, str]:
        """What the upstream is told of the way the request took, its trace included."""
        trusted = self.world.sources.trust.peer(peer.client)[1]
        continued = caller.address_source == "x-forwarded-for"
        way = self._trail.lines(head, peer.client, caller.ip, trusted=trusted, continued=continued, secure=peer.secure)
        head = head if trusted else self._trail.unclaimed(head)
        if self.world.tracer is None:
            return head, way
        headers, told = self.world.tracer.began(record.id, head.headers)
        return head._replace(headers=headers), f"{way}{TRACEPARENT}: {told}\r\n"

    def _tls_fingerprint(self, head: Head, peer: ClientWire) -> str:
        """The client's TLS fingerprint, where a trusted edge tells it."""
        name = self.world.tls_fingerprint_header
        believed = name and self.world.sources.trust.peer(peer.client)[1]
        return next((value for header, value in head.headers if header == name), "") if believed else ""


def _wording(request: web.BaseRequest) -> Dialect:
    message = request._message
    return dialect_for_errors(message.path.partition("?")[0], [name.decode("latin-1").lower() for name, _ in message.raw_headers])


def _peer(request: web.BaseRequest) -> ClientWire:
    wire = request.protocol
    assert isinstance(wire, ClientWire)  # noqa: S101 - connections are made by our Listener only
    return wire
