"""Rota: whose turn it is among the accounts of one owner, each with a quota of requests a day."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from math import floor, inf
from random import Random
from typing import Final

from proxy.drill.exchange import Account

DAY_S: Final = 86_400.0
Quota = Callable[[], int]


class Rota:
    """Accounts taken at random among those with quota left, as load balancers do, or in turn without `rng`.

    With `stay` an account's turn lasts until its day's quota is spent.
    `quota` is drawn for each account each day; `recruit` makes the replacement of a burnt one.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        *,
        start: float,
        quota: Quota | None = None,
        days: int = 1,
        recruit: Callable[[int], Account] | None = None,
        rng: Random | None = None,
        stay: bool = False,
    ) -> None:
        self.accounts = list(accounts)
        self._quota, self._recruit, self._rng, self._stay = quota, recruit, rng, stay
        self._start, self._days = start, days
        self._end = start + days * DAY_S if quota else inf
        self._left: dict[int, int] = {}
        self._gone: set[int] = set()
        self._turn: deque[int] = deque()
        self._queued: set[int] = set()
        self._resting: set[int] = set()
        self._away: list[tuple[float, int]] = []
        self._day = -1
        self._new_day(0)

    def take(self, now: float) -> int:
        """The next account with quota left, as its index; -1 when there is none. One request is spent."""
        self._wake(now)
        while self._turn and now < self._end:
            if self._rng is not None:
                at = int(self._rng.random() * len(self._turn))
                self._turn[0], self._turn[at] = self._turn[at], self._turn[0]
            holder = self._turn.popleft()
            self._queued.discard(holder)
            if holder not in self._resting and self.spend(holder, now):
                if self._quota is None or self._left[holder] > 0:
                    self._queue(holder)
                    if self._stay:
                        self._turn.rotate(1)
                return holder
        return -1

    def spend(self, holder: int, now: float) -> bool:
        """Spend one more request of the same account, for a job of several steps."""
        self._wake(now)
        if self._quota is None:
            return holder not in self._gone
        if holder in self._gone or self._left.get(holder, 0) < 1:
            return False
        self._left[holder] -= 1
        return True

    def free_at(self, at: float) -> float:
        """When an account can next be taken, at or after `at`; `inf` when the last day is over."""
        if at >= self._end:
            return inf
        self._wake(at)
        while self._turn and (self._turn[0] in self._gone or self._turn[0] in self._resting):
            self._queued.discard(self._turn.popleft())
        if self._turn:
            return at
        tomorrow = self._start + (self._day + 1) * DAY_S if self._quota and self._day + 1 < self._days else inf
        return max(at, min(tomorrow, self._away[0][0] if self._away else inf))

    def pause(self, holder: int, until: float) -> None:
        """Leave the account alone until then; the request that was refused isn't spent."""
        if self._quota is not None:
            self._left[holder] = self._left.get(holder, 0) + 1
        self._resting.add(holder)
        heapq.heappush(self._away, (until, holder))

    def burn(self, holder: int, now: float, replace_after_s: float) -> None:
        """The account is lost; after `replace_after_s` a new one takes its place."""
        if holder in self._gone:
            return
        self._gone.add(holder)
        if self._recruit and replace_after_s < inf:
            self.accounts.append(self._recruit(len(self.accounts)))
            self._left[len(self.accounts) - 1] = max(self._left.get(holder, 1), 1)
            self._resting.add(len(self.accounts) - 1)
            heapq.heappush(self._away, (now + replace_after_s, len(self.accounts) - 1))

    def _wake(self, now: float) -> None:
        if self._quota is not None and self._day + 1 < self._days and now >= self._start + (self._day + 1) * DAY_S:
            self._new_day(floor((now - self._start) / DAY_S))
        while self._away and self._away[0][0] <= now:
            holder = heapq.heappop(self._away)[1]
            self._resting.discard(holder)
            self._queue(holder)

    def _new_day(self, day: int) -> None:
        self._day = min(day, self._days - 1)
        self._turn.clear()
        self._queued.clear()
        for holder in range(len(self.accounts)):
            if holder in self._gone:
                continue
            if self._quota is not None:
                self._left[holder] = self._quota()
            if holder not in self._resting and (self._quota is None or self._left[holder] > 0):
                self._queue(holder)

    def _queue(self, holder: int) -> None:
        if holder not in self._queued and holder not in self._gone:
            self._queued.add(holder)
            self._turn.append(holder)
