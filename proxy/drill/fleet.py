"""Fleet: one or many accounts worked by one owner, in a closed loop behind a semaphore or open to arrivals. Every generator is one of these.

A job is an iterator of steps: one for a single prompt, many for a conversation or an agent's trajectory, which stays on its account.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from math import inf
from random import Random
from typing import Final, NamedTuple

from proxy.drill.exchange import Account, Exchange, Outcome, Request, exchange
from proxy.drill.rota import Rota

TOO_MANY: Final = 429
FORBIDDEN: Final = 403
_BACK_OFF_S: Final = 8.0
_JITTER_S: Final = 0.1
_STAGGER_S: Final = 0.05


class Step(NamedTuple):
    """One request of a job, sent `pause_s` after the answer before it."""

    pause_s: float
    request: Request


Job = Iterator[Step]
Work = Callable[[Random, float], Job]


class Temper(NamedTuple):
    """How a fleet takes answers and refusals. The defaults are an honest client's: it gives up when refused."""

    sleep_s: float = 0.0
    """Slept by a worker after each answer."""
    retries: bool = False
    """A 429 is tried again later, through another account where there is one."""
    common_pause_s: float = 0.0
    """A 429 stops every worker for this long, as clients with one rate limiter do."""
    replace_after_s: float = inf
    """A new account takes the place of one that got a 403."""


class _Worker:
    __slots__ = ("holder", "job", "step")

    def __init__(self) -> None:
        self.job: Job | None = None
        self.step: Step | None = None
        self.holder = -1


class Fleet:
    """A Source. With `arrivals` a worker is born at each of those times for one job; without, `workers` of them take job after job."""

    def __init__(
        self,
        rng: Random,
        rota: Rota,
        work: Work,
        label: str,
        *,
        start: float,
        workers: int = 0,
        arrivals: Iterator[float] | None = None,
        temper: Temper | None = None,
        campaign: str = "",
        filler: bool = False,
    ) -> None:
        self._rng, self._rota, self._work, self._label = rng, rota, work, label
        self._campaign, self._filler, self._temper = campaign, filler, temper or Temper()
        self._order = count()
        self._ready: list[tuple[float, int, _Worker]] = [
            (start + turn * _STAGGER_S, next(self._order), _Worker()) for turn in range(workers)
        ]
        self._arrivals = arrivals
        self._next = next(arrivals, inf) if arrivals else inf
        self._flying: dict[int, _Worker] = {}
        self._paused_until = 0.0

    @property
    def accounts(self) -> Sequence[Account]:
        """Every account the fleet has used so far."""
        return self._rota.accounts

    def due(self) -> float:
        """When the next worker is ready, an arrival is due, or an account is free again."""
        if not self._ready or self._next < self._ready[0][0]:
            return max(self._next, self._paused_until)
        at, _, worker = self._ready[0]
        return max(at, self._paused_until, self._rota.free_at(at) if worker.step is None or worker.holder < 0 else at)

    def send(self, now: float) -> Exchange | None:
        """The request that is due; None when the day's quota or the job ran out just now."""
        worker = self._arrived() if not self._ready or self._next < self._ready[0][0] else heapq.heappop(self._ready)[2]
        if worker.job is None:
            worker.job = self._work(self._rng, now)
            worker.step = next(worker.job, None)
        if worker.step is None:
            return None
        if worker.holder < 0:
            worker.holder = self._rota.take(now)
            if worker.holder < 0:
                self._again(worker, now)
                return None
        sent = exchange(
            self._rota.accounts[worker.holder],
            worker.step.request,
            now,
            self._rng,
            self._label,
            campaign=self._campaign,
            filler=self._filler,
        )
        self._flying[id(sent)] = worker
        return sent

    def answered(self, sent: Exchange, outcome: Outcome, now: float) -> None:
        """Go on with the job, take the next one, or react to a refusal."""
        worker = self._flying.pop(id(sent))
        if not outcome.served:
            self._refused(worker, outcome, now)
            return
        worker.step = next(worker.job, None) if worker.job else None
        if worker.step is None:
            worker.job, worker.holder = None, -1
            if self._arrivals is None:
                self._again(worker, now + self._temper.sleep_s)
        elif self._rota.spend(worker.holder, now):
            self._again(worker, now + worker.step.pause_s)
        elif self._arrivals is None:
            worker.holder = -1  # the account's day is over: the trajectory goes on elsewhere
            self._again(worker, now + worker.step.pause_s)

    def _arrived(self) -> _Worker:
        self._next = next(self._arrivals, inf) if self._arrivals else inf
        return _Worker()

    def _again(self, worker: _Worker, at: float) -> None:
        heapq.heappush(self._ready, (at + self._rng.random() * _JITTER_S, next(self._order), worker))

    def _refused(self, worker: _Worker, outcome: Outcome, now: float) -> None:
        temper = self._temper
        if outcome.status == FORBIDDEN:
            self._rota.burn(worker.holder, now, temper.replace_after_s)
        elif outcome.status == TOO_MANY:
            self._rota.pause(worker.holder, now + max(outcome.retry_after_s, _BACK_OFF_S))
            if temper.common_pause_s:
                self._paused_until = now + temper.common_pause_s
        if temper.retries:
            worker.holder = -1
            self._again(worker, now + 0.5)
        elif self._arrivals is None:
            worker.job, worker.step, worker.holder = None, None, -1
            self._again(worker, now + _BACK_OFF_S)
