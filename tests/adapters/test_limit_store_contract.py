"""Every store is the pure arithmetic of `limits.gcra` with a memory: one state machine, run over each of them."""

import asyncio
import atexit
from functools import cache
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from proxy.adapters.memory_store import MemoryStore
from proxy.adapters.redis_store import RedisStore
from proxy.limits import gcra
from proxy.limits.ask import Ask
from tests.adapters.redis_server import BINARY, MISSING, RedisServer

LEASE_TTL_S = 40.0
SUBJECTS = ("limits.slow", "limits.fast", "limits.tight", "limits.parallel", "limits.alone")
RATES = {
    "limits.slow": (0.5, 10.0),
    "limits.fast": (1000.0, 4000.0),
    "limits.tight": (1.0, 1.0),
    "limits.parallel": (0.0, 3.0),
    "limits.alone": (0.0, 1.0),
}

asks_strategy = st.lists(
    st.tuples(st.sampled_from(SUBJECTS), st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.5]), st.booleans()),
    min_size=1,
    max_size=4,
    unique_by=lambda row: row[0],
)


class Model:
    """What a perfect store would remember."""

    def __init__(self):
        self.tats = {}
        self.leases = {}
        self.numbers = count()

    def reserve(self, asks, now):
        for leases in (self.leases.get(ask.key, {}) for ask in asks):
            for lease in [lease for lease, until in leases.items() if until <= now]:
                del leases[lease]
        standings = [
            gcra.look_leases(ask, len(self.leases.get(ask.key, ())))
            if ask.rate == 0.0
            else gcra.look(ask, self.tats.get(ask.key, gcra.NEVER), now)
            for ask in asks
        ]
        denied = gcra.denying(standings)
        taken = []
        for ask, standing in zip(asks, standings, strict=True):
            lease = None
            if denied is None and standing.allowed:
                if ask.rate == 0.0:
                    lease = next(self.numbers)
                    self.leases.setdefault(ask.key, {})[lease] = now + LEASE_TTL_S
                else:
                    self.tats[ask.key] = gcra.spend(self.tats.get(ask.key, gcra.NEVER), ask.cost / ask.rate, now)
            taken.append(lease)
        return standings, denied, taken

    def settle(self, held, taken, actual, now):
        for ask, standing, cost, lease in zip(held.asks, held.standings, actual, taken, strict=True):
            if lease is not None:
                self.leases[ask.key].pop(lease, None)
            elif standing.allowed:
                more = gcra.correction(ask, cost, now - held.at)
                tat = self.tats[ask.key]
                if more:
                    self.tats[ask.key] = gcra.spend(tat, more / ask.rate, now) if more > 0 else gcra.refund(tat, -more / ask.rate, now)


class LimitStoreContract(RuleBasedStateMachine):
    """Reservations, settlements and a clock that goes both ways."""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = self.make_store()
        self.model = Model()
        self.now = 1_790_000_000.0
        self.open = []

    def make_store(self):
        raise NotImplementedError

    def forget_queues(self):
        """Called after each settlement: what the store does later is done now."""

    @rule(wanted=asks_strategy)
    def reserve(self, wanted):
        asks = [
            Ask(limit, f"{limit}|acct", share * RATES[limit][1] if RATES[limit][0] else 1.0, *RATES[limit], shadow=shadow)
            for limit, share, shadow in wanted
        ]
        held = self.runner.run(self.store.reserve(asks, self.now))
        standings, denied, taken = self.model.reserve(asks, self.now)
        assert list(held.standings) == standings
        assert held.denied == denied
        assert not held.degraded
        if denied is None:
            assert [bool(lease) for lease in held.leases] == [lease is not None for lease in taken]
            self.open.append((held, taken))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1000), share=st.sampled_from([0.0, 0.3, 1.0, 1.7]))
    def settle(self, which, share):
        held, taken = self.open.pop(which % len(self.open))
        actual = [ask.cost * share for ask in held.asks]
        self.runner.run(self.store.settle(held, actual, self.now))
        self.model.settle(held, taken, actual, self.now)
        self.forget_queues()

    @rule(seconds=st.sampled_from([0.001, 0.4, 1.0, 7.0, 45.0, -0.3, -5.0]))
    def the_clock_moves(self, seconds):
        self.now += seconds

    def teardown(self):
        self.runner.run(self.store.close())
        self.runner.close()


class MemoryContract(LimitStoreContract):
    def make_store(self):
        return MemoryStore(lease_ttl_s=LEASE_TTL_S)


@cache
def server() -> RedisServer:
    started = RedisServer()
    atexit.register(started.close)
    return started


class RedisContract(LimitStoreContract):
    numbers = count()

    def make_store(self):
        secret = f"one of its own for each run, {next(self.numbers)}".encode()

        async def store():
            return RedisStore(server().url, secret, lease_ttl_s=LEASE_TTL_S, clock="caller", budget_s=5.0)

        return self.runner.run(store())

    def forget_queues(self):
        self.runner.run(self.store.flush())


TestMemoryStore = MemoryContract.TestCase
TestMemoryStore.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

TestRedisStore = pytest.mark.skipif(BINARY is None, reason=MISSING)(RedisContract.TestCase)
TestRedisStore.settings = settings(max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
