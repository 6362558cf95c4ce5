"""The event loop of a drill: sources send, a judge decides, answers end, all in event time and in order."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from math import inf
from typing import Final, NamedTuple, Protocol

from proxy.drill.exchange import Exchange, Outcome, Source

SWEEP_EVERY_S: Final = 10.0
_REFUSAL_S: Final = 0.05


class Judge(Protocol):
    """The stages under test: what a drill needs of them."""

    def begin(self, exchange: Exchange) -> Outcome:
        """Decide about a request that arrives at `exchange.at`."""

    def end(self, exchange: Exchange, outcome: Outcome, now: float) -> None:
        """The answer to a served request came to its end."""

    def sweep(self, now: float) -> None:
        """Periodic work."""


class Decided(NamedTuple):
    """One exchange and what became of it."""

    exchange: Exchange
    outcome: Outcome


class Everything:
    """The judge that serves everything: for writing traffic down instead of judging it."""

    def begin(self, exchange: Exchange) -> Outcome:
        """Serve."""
        del exchange
        return _SERVED

    def end(self, exchange: Exchange, outcome: Outcome, now: float) -> None:
        """Nothing to do."""

    def sweep(self, now: float) -> None:
        """Nothing to do."""


_SERVED: Final = Outcome()


def run(sources: Iterable[Source], judge: Judge, *, until: float = inf, sweep_every_s: float = SWEEP_EVERY_S) -> Iterator[Decided]:
    """Let the sources send until none is due before `until`; yields each decision in the order of the requests.

    A refusal reaches its source at once, an answer after its service time, so throttling slows a campaign down as it would in the world.
    """
    fleet = list(sources)
    queue = _Queue(fleet, until)
    ends: list[tuple[float, int, int, Decided]] = []
    order = 0
    next_sweep = queue.first() + sweep_every_s
    now = 0.0
    while True:
        now = max(now, min(queue.first(), ends[0][0] if ends else inf))  # a source that was blocked may be due in the past
        if now == inf:
            return
        while next_sweep <= now:
            judge.sweep(next_sweep)
            next_sweep += sweep_every_s
        if ends and ends[0][0] <= now:
            _, _, index, decided = heapq.heappop(ends)
            if decided.outcome.served:
                judge.end(decided.exchange, decided.outcome, now)
            fleet[index].answered(decided.exchange, decided.outcome, now)
        else:
            index = queue.pop()
            sent = fleet[index].send(now) if fleet[index].due() <= now else None
            if sent is not None:
                decided = Decided(sent, judge.begin(sent))
                order += 1
                heapq.heappush(ends, (now + (sent.duration_s if decided.outcome.served else _REFUSAL_S), order, index, decided))
                yield decided
        queue.push(index)


class _Queue:
    """When each source is next due; one live entry a source, however often its time moves."""

    def __init__(self, fleet: list[Source], until: float) -> None:
        self._fleet, self._until = fleet, until
        self._due = [inf] * len(fleet)
        self._heap: list[tuple[float, int]] = []
        for index in range(len(fleet)):
            self.push(index)

    def first(self) -> float:
        heap = self._heap
        while heap and self._due[heap[0][1]] != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else inf

    def pop(self) -> int:
        index = heapq.heappop(self._heap)[1]
        self._due[index] = inf
        return index

    def push(self, index: int) -> None:
        due = self._fleet[index].due()
        if due < self._until and due != self._due[index]:
            self._due[index] = due
            heapq.heappush(self._heap, (due, index))
