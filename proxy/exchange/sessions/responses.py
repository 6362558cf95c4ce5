"""The responses of one realtime session: what its client asks for is judged, what it costs is reserved and settled.

Memory is bounded: what is kept of a session are reservations under way, and names of rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson

from proxy.audit.record import Record
from proxy.decide import Decider, Decision
from proxy.detection.campaigns.ticket import Ticket
from proxy.detection.observation import Observation
from proxy.dialects.call import NO_USAGE, ModelCall, Usage
from proxy.dialects.realtime.session import RealtimeSession, clamp_event
from proxy.exchange.noting import note_decision
from proxy.identity.caller import Caller
from proxy.inspection.inspector import realtime_usage
from proxy.inspection.shapes.openai import ANSWERS
from proxy.inspection.shapes.shape import Stripper, strip_json
from proxy.inspection.tally import Tally
from proxy.limits.costs import output_estimate
from proxy.limits.reply_headers import refusal_code, refusal_message
from proxy.policy.verdict import Refusal

RESPONSE_COUNTS: Final = frozenset({"requests", "input_tokens", "output_tokens", "total_tokens", "usd"})
"""The session itself holds its place among those that are open at the same time."""
MOST_RESPONSES: Final = 32
"""Responses that may be asked for and not yet done."""
MOST_TICKETS: Final = 64

TOLD: Final = 0
"""In place of a close code: the client is told, and the session goes on."""
REFUSED: Final = 4403
LIMITED: Final = 4429
BROKEN: Final = 1011


class End(NamedTuple):
    """Why a session ends, or why an event goes no further."""

    close_code: int
    outcome: str
    rule: str = ""
    code: str = ""
    """"" when the other side closed: there is nothing to tell."""
    message: str = ""


class Responses:
    """Judges client events and meters server events of one session."""

    def __init__(
        self, decider: Decider, opened: Decision, session: RealtimeSession, caller: Caller, observation: Observation, record: Record,
        clock: Callable[[], float], fault: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        """`opened` holds the session's own reservation, which `close` ends. `fault` hears of a detector that fails: the session goes on."""
        self._decider = decider
        self._opened = opened
        self._session = session
        self._caller = caller
        self._observation = observation
        self._record = record
        self._clock = clock
        self._fault = fault
        self._asked: deque[Decision] = deque()
        self._running: dict[str, Decision] = {}
        self._tickets: deque[Ticket | None] = deque()
        self._parts: frozenset[str] = frozenset()
        self._stripper: Stripper | None = None
        self._strip(opened.strips)

    def opening_events(self) -> list[bytes]:
        """What the model endpoint is told first: bounds for responses that it begins by itself."""
        event = {"type": "session.update", "session": {"type": "realtime"}}
        document, changed = clamp_event(event, self._opened.clamps, self._session.call)
        return [orjson.dumps(document)] if changed else []

    async def asked(self, message: bytes) -> bytes | End:
        """A client event: what goes on in its place, or why it doesn't. Raises CallerError for one that can't be read."""
        event = self._session.read_event(message)
        if event is None:
            return message
        if event.transcribed is not None:
            refusal = self._judge(event.transcribed).refusal
            if refusal is not None:
                return _refused(refusal)
        judged = self._judge(event.call)
        if judged.refusal is not None:
            return _refused(judged.refusal)
        if event.generates:
            denied = await self._begin(judged)
            if denied is not None:
                return denied
        if event.call.texts:
            self._show(judged, event.call)
        document, changed = clamp_event(event.document, judged.clamps, event.call)
        self._record.clamped = tuple(dict.fromkeys((*self._record.clamped, *changed)))
        return orjson.dumps(document) if changed else message

    async def answered(self, message: bytes) -> bytes | End:
        """A server event: what goes on in its place, b"" for nothing, or why the session ends here."""
        if b"response.created" in message or b"response.done" in message:
            end = await self._meter(message)
            if end is not None:
                return end
        if self._stripper is None:
            return message
        stripped = strip_json(message, ANSWERS, self._stripper, Tally())
        return End(BROKEN, "upstream_error", "", "answer_unreadable", "The answer can't be read.") if stripped is None else stripped

    async def close(self) -> None:
        """Settle everything that is still reserved: what runs as it was estimated, what never began as nothing."""
        now = self._clock()
        for decision in self._running.values():
            await self._settle(decision, None)
        self._running.clear()
        while self._asked:
            await self._decider.settle(self._asked.popleft(), NO_USAGE, now)
        await self._decider.settle(self._opened, NO_USAGE, now)
        self._finish(NO_USAGE)

    def _judge(self, call: ModelCall) -> Decision:
        judged = self._decider.judge(self._opened.rules, self._caller, call, self._observation._replace(call=call), self._clock())
        record = self._record
        hits, tags, limits, unscanned = record.hits, record.tags, record.limits, record.unscanned_chars
        note_decision(record, judged)
        record.hits = tuple(dict.fromkeys((*hits, *record.hits)))
        record.tags = tuple(dict.fromkeys((*tags, *record.tags)))
        record.limits = limits
        record.unscanned_chars += unscanned
        self._strip(judged.strips)
        return judged

    async def _begin(self, judged: Decision) -> End | None:
        """Reserve for a response; why it can't begin."""
        if len(self._asked) + len(self._running) >= MOST_RESPONSES:
            return End(TOLD, "limited", "", "too_many_responses", f"More than {MOST_RESPONSES} responses are under way.")
        decision = await self._decider.reserve(judged, self._clock(), RESPONSE_COUNTS)
        denied = decision.held.denied
        if denied is not None:
            return End(TOLD, "limited", denied.limit, refusal_code(denied), decision.denial_message or refusal_message(denied))
        self._asked.append(decision)
        return None

    async def _meter(self, message: bytes) -> End | None:
        """A response that begins or is done."""
        try:
            event: dict[str, Any] = orjson.loads(message)
            kind, name = event.get("type"), str((event.get("response") or {}).get("id"))
        except (ValueError, AttributeError):
            return None
        if kind == "response.created":
            if not self._asked:
                end = await self._uninvited()
                if end is not None:
                    return end
            self._running[name] = self._asked.popleft()
        elif kind == "response.done":
            decision = self._running.pop(name, None) or (self._asked.popleft() if self._asked else None)
            if decision is not None:
                await self._settle(decision, realtime_usage(message))
        return None

    async def _uninvited(self) -> End | None:
        """The server answers by itself, since the caller stopped speaking: judged like an event that asks for it."""
        judged = self._judge(self._session.call)
        if judged.refusal is not None:
            return _refused(judged.refusal)
        denied = await self._begin(judged)
        return None if denied is None else denied._replace(close_code=LIMITED)

    async def _settle(self, decision: Decision, usage: Usage | None) -> None:
        call = decision.call
        spent = usage or Usage(call.input_tokens, output_estimate(call), estimated=True)
        self._record.usage = _sum(self._record.usage, spent)
        await self._decider.settle(decision, spent, self._clock())
        self._finish(spent)

    def _strip(self, parts: frozenset[str]) -> None:
        """Parts stripped for one response stay stripped: its events aren't told apart from the next one's."""
        if not parts <= self._parts:
            self._parts |= parts
            self._stripper = ANSWERS.stripper(self._parts)
        self._record.stripped = tuple(sorted(self._parts))

    def _show(self, judged: Decision, call: ModelCall) -> None:
        try:
            if len(self._tickets) == MOST_TICKETS:
                self._decider.watched(self._tickets.popleft(), NO_USAGE, self._record.status, self._clock())
            self._tickets.append(self._decider.watch(judged, self._observation._replace(call=call), self._clock()))
        except Exception as error:  # noqa: BLE001 - what the detector can't read must not end a session
            self._fault(error)

    def _finish(self, usage: Usage) -> None:
        try:
            while self._tickets:
                self._decider.watched(self._tickets.popleft(), usage, self._record.status, self._clock())
                usage = NO_USAGE
        except Exception as error:  # noqa: BLE001 - nor keep what is reserved from being settled
            self._fault(error)


def _refused(refusal: Refusal) -> End:
    return End(REFUSED, "refused", refusal.rule, refusal.code, refusal.message)


def _sum(first: Usage, second: Usage) -> Usage:
    return Usage(
        first.input_tokens + second.input_tokens, first.output_tokens + second.output_tokens, first.cached_tokens + second.cached_tokens,
        first.reasoning_tokens + second.reasoning_tokens, first.estimated or second.estimated,
        first.cache_write_tokens + second.cache_write_tokens, first.cache_write_long_tokens + second.cache_write_long_tokens,
    )  # fmt: skip
