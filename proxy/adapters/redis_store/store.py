"""Budgets that replicas share in Redis or Valkey. Implements `limits.ask.LimitStore`; never raises for a server that is down.

All asks of a request are one script call on the server's clock. Key names are keyed digests under one hash tag, so a cluster keeps them
in one slot and nobody reads a caller's name in them; every key expires by itself.

When the server is lost, `on_loss` decides: `local` (each replica enforces its share of every limit), `deny`, or `allow`. The share
starts from the server's last known state, because a GCRA state is a time, and a time stays true when rate and burst are both divided.
Once the server is back, each replica charges it what was spent meanwhile, in numbered batches that may be told twice.

Overspending is bounded: at most what is in flight when the server is lost, plus one cost a key and replica where that cost is above the
share. A server that comes back empty is told again what each key owed that was used meanwhile; other keys start afresh. Open leases are
renewed, and told again to a server that comes back: one that isn't belongs to a process that died, and is free after `lease_ttl_s`.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from functools import partial
from itertools import count, islice
from typing import Final, Literal

import structlog

from proxy.adapters.memory_store import MemoryStore
from proxy.adapters.redis_store.leases import Change, Leases
from proxy.adapters.redis_store.link import RedisLink
from proxy.adapters.redis_store.loss import declared, share_of
from proxy.errors import StoreError
from proxy.limits import gcra
from proxy.limits.ask import Ask, Reservation, Standing
from proxy.limits.costs import UNMETERED

OnLoss = Literal["local", "deny", "allow"]

_BATCH: Final = 256
_MOST_WAITING: Final = 65_536
"""Corrections, ended leases and keys to reconcile that may wait, each."""
_LOCAL_LEASE_S: Final = 86_400.0
"""Here leases end with their exchanges."""
_GATHER_S: Final = 0.005
"""Corrections wait this long for company. Ended leases don't wait: their caller may already be knocking at another replica."""
_DISOWN_AFTER_S: Final = 1.0
"""A lease whose caller left while it was being taken is ended this much later, when the abandoned call has surely run."""
_CLOSE_S: Final = 1.0


class RedisStore:
    """`secret` must be the same on all replicas; `replicas` is how many share a limit."""

    def __init__(
        self,
        url: str,
        secret: bytes,
        *,
        replicas: int = 1,
        on_loss: OnLoss = "local",
        budget_s: float = 0.02,
        lease_ttl_s: float = 60.0,
        max_keys: int = 131_072,
        clock: Literal["server", "caller"] = "server",
        log: structlog.typing.FilteringBoundLogger | None = None,
    ) -> None:
        """`clock` is the server's, which replicas share, or the caller's `now`, for replays in event time: there no lease is renewed.

        `lease_ttl_s` is how long leases outlive a process that dies. See also `MemoryStore`.
        """
        self._link = RedisLink(url, budget_s=budget_s, probe=self._reconcile, log=log)
        self.greet = self._link.greet
        self._name_key = hashlib.sha256(secret).digest()
        self._replicas = replicas
        self._on_loss = on_loss
        self._lease_ttl_s = lease_ttl_s
        self._own_clock = clock == "caller"
        self._local = MemoryStore(max_keys=max_keys, lease_ttl_s=_LOCAL_LEASE_S)
        self._process = secrets.token_hex(6)
        self._lease_numbers = count(1)
        self._corrections: list[Change] = []
        self._leases = Leases(_MOST_WAITING, lease_ttl_s, None if self._own_clock else self._renew)
        self._batch: list[Change] = []
        self._batch_number = 0
        self._telling = asyncio.Lock()
        self._alone: dict[str, tuple[Ask, float]] = {}
        self._seen_now = 0.0
        self._seen_at = 0.0
        self._flusher: asyncio.Task[None] | None = None
        self.dropped = 0
        """Corrections and ended leases that never reached the server."""

    @property
    def degraded(self) -> bool:
        """The server is lost and this process decides alone."""
        return self._link.lost

    @property
    def failures(self) -> int:
        """Calls that the server didn't answer in time."""
        return self._link.failures

    @property
    def overflowed(self) -> int:
        """Spends that went to a shared bucket of the local table; see `MemoryStore.overflowed`."""
        return self._local.overflowed

    async def reserve(self, asks: Sequence[Ask], now: float) -> Reservation:
        """Spend all asks or none, here when the server doesn't answer within the budget."""
        if not asks:
            return Reservation((), (), None, now)
        self._seen_now, self._seen_at = now, asyncio.get_running_loop().time()
        leases = tuple("" if ask[3] else f"{self._process}{next(self._lease_numbers):x}" for ask in asks)
        if self._link.lost:
            return self._decide_alone(asks, leases, now)
        keys = [self._name(ask) for ask in asks]
        words = ["reserve", repr(now) if self._own_clock else "-", repr(self._lease_ttl_s)]
        for ask, key, lease in zip(asks, keys, leases, strict=True):
            ended = self._leases.ended(key) if lease else ""
            words.append(f"{ask[2]!r} {ask[3]!r} {ask[4]!r} {ask[5]:d} {lease or '-'} {ended or '-'}")
        call = self._link.begin(keys, words)
        try:
            reply = await asyncio.shield(call)
        except asyncio.CancelledError:
            call.add_done_callback(partial(self._undo, asks, leases, now))
            raise
        except StoreError:
            held = self._decide_alone(asks, leases, now)
            if held.denied is not None or self._on_loss != "local":
                self._disown(asks, leases)
            return held
        return self._answered(asks, leases, reply, now)

    async def settle(self, held: Reservation, actual: Sequence[float], now: float) -> None:
        """Queue the corrections and the ends of leases; the server hears of them off the request path."""
        self._give_back(held, actual, now)

    def _give_back(self, held: Reservation, actual: Sequence[float], now: float) -> None:
        if held.denied is not None:
            return
        self._seen_now, self._seen_at = now, asyncio.get_running_loop().time()
        if not held.degraded:
            self._correct(held, actual, now - held.at)
        elif self._on_loss == "local":
            self._remember(held.asks)
            self._local.give_back(held, actual, now)
        for ask, lease in zip(held.asks, held.leases, strict=True):
            if lease:
                self._end(ask, lease)
        self._wake()

    async def flush(self) -> None:
        """Send what is queued now instead of soon; returns early when the server is lost."""
        while (self._batch or self._corrections or self._leases) and not self._link.lost:
            try:
                await self._flush_batch()
            except StoreError:
                continue

    async def close(self) -> None:
        """Send what is queued, within a second, and release the connections."""
        if self._flusher is not None:
            self._flusher.cancel()
        self._leases.close()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._link.idle()
                await self.flush()
        except TimeoutError:
            pass
        self.dropped += len(self._batch) + len(self._corrections)
        await self._link.close()

    def _name(self, ask: Ask) -> str:
        digest = hashlib.blake2b(ask[1].encode("utf-8", "surrogatepass"), key=self._name_key, digest_size=16).hexdigest()
        return f"{{tosproxy}}:{'r' if ask[3] else 'c'}:{digest}"

    def _answered(self, asks: Sequence[Ask], leases: tuple[str, ...], reply: Sequence[bytes], now: float) -> Reservation:
        server_now = float(reply[0])
        standings: list[Standing] = []
        for ask, state in zip(asks, islice(reply, 1, None), strict=True):
            standings.append(gcra.look(ask, float(state), server_now) if ask[3] else gcra.look_leases(ask, int(state)))
        denied = gcra.denying(standings)
        if denied is not None:
            return Reservation(tuple(asks), tuple(standings), denied, now)
        taken: list[str] = []
        for ask, standing, lease in zip(asks, standings, leases, strict=True):
            if self._alone:
                self._alone.pop(ask[1], None)  # what is learnt now replaces what was spent here
            if ask[3]:
                self._local.learn(ask, now + standing[4], now)
            elif standing[1]:
                self._local.hold(ask, lease, now)
                self._leases.take(self._name(ask), lease)
            taken.append(lease if standing[1] else "")
        return Reservation(tuple(asks), tuple(standings), None, now, False, tuple(taken))

    def _decide_alone(self, asks: Sequence[Ask], leases: tuple[str, ...], now: float) -> Reservation:
        if self._on_loss == "local":
            shares = [share_of(ask, self._replicas) for ask in asks]
            self._remember(shares)
            held = self._local.take(shares, now, leases)._replace(degraded=True)
            for ask, lease in zip(asks, held.leases, strict=False):
                if lease:
                    self._leases.take(self._name(ask), lease)
            return held
        return declared(asks, now, deny=self._on_loss == "deny")

    def _remember(self, asks: Sequence[Ask]) -> None:
        for ask in asks:
            if ask[3] and ask[1] not in self._alone and len(self._alone) < _MOST_WAITING:
                self._alone[ask[1]] = (ask, self._local.owed_until(ask))

    def _correct(self, held: Reservation, actual: Sequence[float], age_s: float) -> None:
        for ask, standing, cost in zip(held.asks, held.standings, actual, strict=True):
            more = gcra.correction(ask, cost, age_s) if ask[3] and standing[1] else 0.0
            if more == 0.0:
                continue
            if len(self._corrections) >= _MOST_WAITING:
                self.dropped += 1
                continue
            self._corrections.append((self._name(ask), "spend" if more > 0.0 else "refund", repr(abs(more) / ask[3])))

    def _end(self, ask: Ask, lease: str) -> None:
        self._local.release(ask, lease)
        if not self._leases.end(self._name(ask), lease):
            self.dropped += 1

    def _renew(self, renewals: list[Change]) -> None:
        if not self._link.lost:  # else they are told when it is back
            self._corrections += renewals
            self._wake()

    def _undo(self, asks: Sequence[Ask], leases: tuple[str, ...], now: float, call: asyncio.Task[list[bytes]]) -> None:
        """Its caller left while this was being reserved: what was is given back, but for the request itself."""
        if call.cancelled() or call.exception() is not None:
            self._disown(asks, leases)
            return
        held = self._answered(asks, leases, call.result(), now)
        self._give_back(held, [ask[2] if ask[6] in UNMETERED else 0.0 for ask in held.asks], now)

    def _disown(self, asks: Sequence[Ask], leases: tuple[str, ...]) -> None:
        def end() -> None:
            for ask, lease in zip(asks, leases, strict=True):
                if lease:
                    self._end(ask, lease)
            self._wake()

        if any(leases):
            asyncio.get_running_loop().call_later(_DISOWN_AFTER_S, end)

    def _wake(self) -> None:
        if (self._flusher is None or self._flusher.done()) and (self._corrections or self._leases) and not self._link.lost:
            self._flusher = asyncio.get_running_loop().create_task(self._flush_soon(), name="limit-store-flush")

    async def _flush_soon(self) -> None:
        if not self._leases:
            await asyncio.sleep(_GATHER_S)
        await self.flush()

    async def _flush_batch(self) -> None:
        async with self._telling:
            if not self._batch:
                self._batch, self._corrections = self._corrections[:_BATCH], self._corrections[_BATCH:]
                if not self._corrections:  # a lease must not be told to end before it was told to be held
                    self._batch += self._leases.ends(_BATCH)
                self._batch_number += 1
            await self._tell(self._batch)
            for key, kind, lease in self._batch:
                if kind == "finish":
                    self._leases.told(key, lease)
            self._batch = []

    async def _tell(self, changes: Sequence[Change]) -> None:
        now = repr(self._seen_now) if self._own_clock else "-"
        words = ["settle", now, repr(self._lease_ttl_s), *(f"{kind} {value}" for _, kind, value in changes), str(self._batch_number)]
        await self._link.run([*(key for key, _, _ in changes), f"{{tosproxy}}:b:{self._process}"], words, on_request=False)

    async def _reconcile(self) -> None:
        """Tell the server what happened without it. Raises StoreError while it can't be told; what was told is not told again."""
        if not self._batch:
            self._corrections.insert(0, ("{tosproxy}:probe", "raise", "1.0"))
        while self._alone or self._batch or self._corrections or self._leases:
            now = self._seen_now if self._own_clock else self._seen_now + asyncio.get_running_loop().time() - self._seen_at
            for key in list(islice(self._alone, _BATCH)):
                self._charge_late(*self._alone.pop(key), now)
            await self._flush_batch()
        self._corrections += self._leases.renewals()
        while self._corrections or self._batch:
            await self._flush_batch()

    def _charge_late(self, ask: Ask, owed_before: float, now: float) -> None:
        name = self._name(ask)
        known_s = max(owed_before - now, 0.0)
        spent_s = max(self._local.owed_until(ask) - now, 0.0) - known_s
        if known_s > 0.0:
            self._corrections.append((name, "raise", repr(known_s)))
        if spent_s > 0.0:
            self._corrections.append((name, "spend", repr(spent_s / self._replicas)))
