"""Showing an exchange to the detector without letting anybody wait for it: its texts are read once the request has left."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from proxy.decide import Decider, Decision
from proxy.detection.campaigns.ticket import Ticket
from proxy.detection.observation import Observation
from proxy.dialects.call import NO_USAGE, ModelCall, Usage


class Watching:
    """One exchange in the detector's eyes. `began` runs while the upstream works; `ended` on every way out."""

    __slots__ = ("_decider", "_decision", "_fault", "_inside", "_observation", "_tickets", "spent_s")

    def __init__(
        self,
        decider: Decider,
        decision: Decision,
        observation: Observation,
        inside: tuple[ModelCall, ...],
        fault: Callable[[BaseException], None],
    ) -> None:
        """`inside` are the calls of a batch that are shown in its place. `fault` hears of a detector that fails: the exchange goes on."""
        self._fault = fault
        self._decider, self._decision, self._observation, self._inside = decider, decision, observation, inside
        self._tickets: list[Ticket | None] = []
        self.spent_s = 0.0

    def began(self, now: float) -> None:
        """The request has left at `now`."""
        began = perf_counter()
        seen = [self._observation._replace(call=call) for call in self._inside] if self._inside else [self._observation]
        try:
            self._tickets = [self._decider.watch(self._decision, each, now) for each in seen]
        except Exception as error:  # noqa: BLE001 - the request has left; what the detector can't read must not cost its answer
            self._fault(error)
        self.spent_s = perf_counter() - began

    def turned_away(self, status: int, now: float) -> None:
        """It was refused."""
        try:
            self._decider.turned_away(self._observation, status, now)
        except Exception as error:  # noqa: BLE001 - the caller has its answer already
            self._fault(error)

    def ended(self, usage: Usage, status: int, now: float) -> None:
        """The exchange is over; one that never left was never shown."""
        try:
            for ticket in self._tickets:
                self._decider.watched(ticket, NO_USAGE if self._inside else usage, status, now)
        except Exception as error:  # noqa: BLE001 - the caller has its answer already
            self._fault(error)
