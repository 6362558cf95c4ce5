"""Microseconds per reserve + settle: `python -m tests.bench.limits`. Redis is a private server on a unix socket, skipped when absent."""

import asyncio
import time

import uvloop

from proxy.adapters.memory_store import MemoryStore
from proxy.adapters.redis_store import RedisStore
from proxy.limits.ask import Ask, LimitStore
from tests.adapters.redis_server import BINARY, MISSING, RedisServer

ROUNDS = 5


def asks(number: int) -> list[Ask]:
    """As many limits as a request meets: one on concurrency when there are several."""
    rates = [Ask(f"limits.{i}", f"limits.{i}|acct-17|m-large", 500.0, 1e9, 1e9, unit="total_tokens") for i in range(number)]
    return rates if number == 1 else [*rates[1:], Ask("limits.parallel", "limits.parallel|acct-17", 1.0, 0.0, 1e6, unit="concurrent")]


async def exchanges(store: LimitStore, number: int, times: int) -> None:
    """`times` reservations, each settled at another cost than reserved."""
    wanted = asks(number)
    actual = [120.0] * number
    for _ in range(times):
        now = time.time()
        await store.settle(await store.reserve(wanted, now), actual, now)


async def best(store: LimitStore, number: int, times: int, at_once: int) -> tuple[float, float]:
    """Microseconds of wall clock and of this process's CPU per exchange, the best of some rounds."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(exchanges(store, number, times // at_once) for _ in range(at_once)))
        walls.append((time.perf_counter() - wall) / times * 1e6)
        cpus.append((time.process_time() - cpu) / times * 1e6)
    return min(walls), min(cpus)


async def main() -> None:
    """Print the table."""
    print(f"{'store':8} {'asks':>4} {'at once':>7} {'us wall':>9} {'us CPU':>9}")
    for number in (1, 4):
        wall, cpu = await best(MemoryStore(), number, 50_000, 1)
        print(f"{'memory':8} {number:4} {1:7} {wall:9.2f} {cpu:9.2f}")
    if BINARY is None:
        print(f"redis    skipped: {MISSING}")
        return
    server = RedisServer()
    try:
        store = RedisStore(server.url, b"bench", budget_s=1.0)
        for number in (1, 4):
            for at_once in (1, 32):
                wall, cpu = await best(store, number, 3200, at_once)
                print(f"{'redis':8} {number:4} {at_once:7} {wall:9.2f} {cpu:9.2f}")
        await store.close()
        print(f"redis    calls that the server didn't answer in time: {store.failures}")
    finally:
        server.close()


if __name__ == "__main__":
    uvloop.run(main())
