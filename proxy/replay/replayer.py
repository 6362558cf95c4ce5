"""Replayer: recorded traffic through the decider under event time.

A start at `at`, an end at `at + duration_s` for what is served, and a search for campaigns every `sweep_s`, all in the order of time.
"""

from __future__ import annotations

import heapq
from math import inf
from typing import Final, NamedTuple

from proxy.decide import Decider, Decision, observation_of
from proxy.detection.campaigns.ticket import Ticket
from proxy.dialects.body import JsonLimits
from proxy.dialects.call import NO_USAGE, ModelCall
from proxy.dialects.dialect import RouteKind
from proxy.dialects.routes import find_route
from proxy.dialects.wire.strict import check_size
from proxy.errors import CallerError, Fault
from proxy.identity.caller import Caller
from proxy.identity.region import EdgeHeaders, RegionLookup, edge_region
from proxy.policy.ruleset import Ruleset
from proxy.replay.immediate import immediately
from proxy.replay.outcomes import LIMITED_STATUS, REFUSED_STATUS, Replayed, judged, rejected
from proxy.replay.recorded import Recorded, Response

SWEEP_S: Final = 15.0
MOST_SWEEPS: Final = 240
"""Searches between two events: after an hour in which nothing happens, the next one is made when something does."""
NO_RESPONSE: Final = Response(0, NO_USAGE)
PASSED: Final = ModelCall("", "uninspected", inspected=False)
"""What is known of a request that a policy lets through unread."""
_UNREAD: Final = frozenset({Fault.UNKNOWN_ENDPOINT, Fault.METHOD})
_LIMITS: Final = JsonLimits()


class _End(NamedTuple):
    at: float
    order: int
    decision: Decision
    ticket: Ticket | None
    response: Response


class Replayer:
    """One ruleset, and the state that traffic builds up. `observe` serves what policy would refuse."""

    def __init__(
        self,
        rules: Ruleset,
        decider: Decider,
        regions: RegionLookup,
        *,
        edge: EdgeHeaders | None = None,
        sweep_s: float = SWEEP_S,
        observe: bool = False,
    ) -> None:
        """`edge` names the headers in which a trusted edge gave the region; a capture keeps them only where they were believed."""
        self.rules = rules
        self.decider = decider
        self.now = 0.0
        self._regions, self._edge, self._observe = regions, edge, observe
        self._sweep_s = sweep_s
        self._next_sweep = inf
        self._ends: list[_End] = []
        self._order = 0

    def step(self, recorded: Recorded) -> Replayed:
        """Judge the next exchange; `at` never goes back. What happens before it happens first."""
        if self._next_sweep == inf:
            self._next_sweep = recorded.at + self._sweep_s
        self._advance(recorded.at)
        try:
            call = self._call(recorded)
        except CallerError as error:
            return rejected(recorded, error.code, self.rules.revision)
        caller = self._caller(recorded)
        observation = observation_of(caller, call, recorded.headers, "", recorded.at)
        decision = immediately(self.decider.decide(self.rules, caller, call, observation, recorded.at))
        if decision.allowed or self._observe:
            ticket = self.decider.watch(decision, observation, recorded.at)
            self._order += 1
            end = _End(recorded.at + recorded.duration_s, self._order, decision, ticket, recorded.response or NO_RESPONSE)
            heapq.heappush(self._ends, end)
        else:
            status = REFUSED_STATUS if decision.refusal is not None else LIMITED_STATUS
            self.decider.turned_away(observation, status, recorded.at)
        return judged(recorded, decision)

    def finish(self) -> None:
        """Search for campaigns once more, at the time of the last request, and let what is in flight end."""
        if self.decider.detector is not None:
            self.decider.detector.sweep(self.now)
        while self._ends:
            self._end(heapq.heappop(self._ends))

    def _advance(self, until: float) -> None:
        """Ends and searches up to `until`, in the order of time."""
        while self._ends and self._ends[0].at <= until:
            end = heapq.heappop(self._ends)
            self._sweep(end.at)
            self._end(end)
        self._sweep(until)
        self.now = until

    def _sweep(self, until: float) -> None:
        made = 0
        while self._next_sweep <= until:
            at = self._next_sweep if made < MOST_SWEEPS else until
            if self.decider.detector is not None:
                self.decider.detector.sweep(at)
            self._next_sweep = at + self._sweep_s
            made += 1

    def _end(self, end: _End) -> None:
        self.decider.watched(end.ticket, end.response.usage, end.response.status, end.at)
        immediately(self.decider.settle(end.decision, end.response.usage, end.at))

    def _call(self, recorded: Recorded) -> ModelCall:
        """What is asked, as the live handler reads it."""
        try:
            route = find_route(recorded.method, recorded.path)
        except CallerError as error:
            if error.fault in _UNREAD and self.rules.passes_uninspected(recorded.method, recorded.path):
                return PASSED
            raise
        if route.kind is not RouteKind.CALL:
            return route.bare_call()
        body = recorded.body or {}
        check_size(body, _LIMITS)
        return route.read(body, self.rules.vocabulary.models.aliases)

    def _caller(self, recorded: Recorded) -> Caller:
        region = self._regions.locate(recorded.client_ip, recorded.at)
        if self._edge is not None:
            region = edge_region(recorded.headers, self._edge, region)
        return Caller(recorded.client_ip, region, recorded.account, "trace")
