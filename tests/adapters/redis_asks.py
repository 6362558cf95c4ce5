"""What replicas ask of one Redis store, and a store that is closed afterwards."""

import asyncio
import contextlib

from proxy.adapters.redis_store import RedisStore
from proxy.limits.ask import Ask

NOW = 1_790_000_000.0


def rate_ask(subject, cost=1.0, rate=0.001, burst=10.0, *, shadow=False):
    return Ask("limits.requests", f"limits.requests|{subject}", cost, rate, burst, shadow)


def lease_ask(subject, most=2.0):
    return Ask("limits.parallel", f"limits.parallel|{subject}", 1.0, 0.0, most, unit="concurrent")


@contextlib.asynccontextmanager
async def store(server, budget_s=5.0, **options):
    """The budget is one that a busy machine keeps to; a test of late answers gives a smaller one."""
    opened = RedisStore(server.url, b"shared by replicas", budget_s=budget_s, **options)
    try:
        yield opened
    finally:
        await opened.close()


async def spend_all(opened, ask, tries):
    held = await asyncio.gather(*(opened.reserve([ask], NOW) for _ in range(tries)))
    return sum(one.denied is None for one in held), held
