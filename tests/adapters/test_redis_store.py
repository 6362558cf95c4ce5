"""Limits that replicas share in one Redis."""

import asyncio
import io
import threading
from contextlib import closing
from itertools import count

import pytest

from proxy.adapters.building import limit_store
from proxy.adapters.redis_store import RedisStore
from proxy.adapters.telemetry.log import logger
from proxy.settings import Settings
from tests.adapters.redis_asks import NOW, lease_ask, rate_ask, spend_all, store
from tests.adapters.redis_server import BINARY, MISSING, RedisServer

pytestmark = pytest.mark.skipif(BINARY is None, reason=MISSING)

subjects = count()


@pytest.fixture(scope="module")
def server():
    with closing(RedisServer()) as started:
        yield started


@pytest.fixture
def fragile():
    with closing(RedisServer()) as started:
        yield started


def subject():
    return f"acct-{next(subjects)}"


def test_replicas_share_one_budget(server):
    async def scenario():
        who = subject()
        async with store(server, replicas=2) as one, store(server, replicas=2) as two:
            spent = await asyncio.gather(spend_all(one, rate_ask(who), 20), spend_all(two, rate_ask(who), 20))
        assert sum(admitted for admitted, _ in spent) == 10

    asyncio.run(scenario())


def test_a_settlement_reaches_the_other_replica(server):
    async def scenario():
        who = subject()
        async with store(server) as one, store(server) as two:
            held = await one.reserve([rate_ask(who, cost=10.0)], NOW)
            assert (await two.reserve([rate_ask(who)], NOW)).denied is not None
            await one.settle(held, [4.0], NOW)
            await one.flush()
            assert (await two.reserve([rate_ask(who, cost=6.0)], NOW)).denied is None
            assert (await two.reserve([rate_ask(who)], NOW)).denied is not None

    asyncio.run(scenario())


def test_an_ended_lease_is_free_at_once_in_its_own_process(server):
    async def scenario():
        who = subject()
        async with store(server) as opened:
            for _ in range(20):
                held = await opened.reserve([lease_ask(who, most=1.0)], NOW)
                assert held.denied is None
                await opened.settle(held, [1.0], NOW)

    asyncio.run(scenario())


def test_callers_are_not_named_in_the_store_and_every_key_expires(fragile):
    async def scenario():
        async with store(fragile) as opened:
            held = await opened.reserve([rate_ask("secret-caller"), lease_ask("secret-caller")], NOW)
            await opened.settle(held, [1.0, 1.0], NOW)
            await opened.reserve([lease_ask("secret-caller")], NOW)
            await opened.flush()

    asyncio.run(scenario())
    keys = [word for word in fragile.command("KEYS", "*").split(b"\r\n") if word.startswith(b"{tosproxy}")]
    assert len(keys) == 3
    for key in keys:
        assert b"secret-caller" not in key
        assert int(fragile.command("PTTL", key.decode()).strip()[1:]) > 0


def test_a_key_that_somebody_else_wrote_costs_its_own_change_and_not_those_told_with_it(server):
    async def scenario():
        spoilt, sound = rate_ask(subject(), cost=10.0), rate_ask(subject(), cost=10.0)
        async with store(server) as opened:
            held = [await opened.reserve([ask], NOW) for ask in (spoilt, sound)]
            server.command("SET", opened._name(spoilt), "not a number")
            for one in held:
                await opened.settle(one, [4.0], NOW)
            await opened.flush()
            assert (await opened.reserve([sound._replace(cost=0.0)], NOW)).standings[0].remaining == pytest.approx(6.0, abs=0.1)

    asyncio.run(scenario())


def test_a_server_that_forgot_the_script_is_told_it_again(server):
    async def scenario():
        async with store(server) as opened:
            await opened.reserve([rate_ask(subject())], NOW)
            server.command("SCRIPT", "FLUSH")
            assert not (await opened.reserve([rate_ask(subject())], NOW)).degraded
            assert opened.failures == 0

    asyncio.run(scenario())


def test_a_batch_told_twice_counts_once(server):
    async def scenario():
        who = subject()
        async with store(server) as opened:
            name = opened._name(rate_ask(who))
            for _ in range(2):
                await opened._link.run([name, "{tosproxy}:b:twice"], ["settle", "-", "60.0", "spend 4000.0", "1"])
            held = await opened.reserve([rate_ask(who, cost=0.0)], NOW)
            assert held.standings[0].remaining == pytest.approx(6.0, abs=0.01)

    asyncio.run(scenario())


def test_a_caller_that_leaves_while_reserving_keeps_neither_its_place_nor_its_tokens(fragile):
    def asks(who):
        return [lease_ask(who, most=1.0), rate_ask(who), rate_ask(who, cost=10.0)._replace(key=f"limits.tokens|{who}", unit="total_tokens")]

    async def scenario():
        async with store(fragile) as opened:
            await opened.reserve([rate_ask("warm")], NOW)
            fragile.pause()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(opened.reserve(asks("leaver"), NOW), 0.05)
            fragile.resume()
            async with asyncio.timeout(5.0):
                while (held := await opened.reserve(asks("leaver"), NOW)).denied is not None:  # noqa: ASYNC110  another process frees it
                    await asyncio.sleep(0.05)
            assert [round(standing.remaining) for standing in held.standings] == [0, 8, 0], (
                "it asked twice, and has one place and its tokens"
            )

    asyncio.run(scenario())


def test_a_place_is_kept_for_as_long_as_it_is_used_and_not_for_long_after_its_process_died(server):
    who = subject()

    async def taken(opened):
        return (await opened.reserve([lease_ask(who, most=1.0)], NOW)).denied is not None

    async def lives(longer_s):
        async with store(server, lease_ttl_s=1.0) as one, store(server) as two:
            await one.reserve([lease_ask(who, most=1.0)], NOW)
            await asyncio.to_thread(threading.Event().wait, longer_s)
            assert await taken(two)

    async def died():
        async with store(server) as two:
            async with asyncio.timeout(5.0):
                while await taken(two):  # noqa: ASYNC110  time frees it
                    await asyncio.sleep(0.05)

    asyncio.run(lives(2.0))
    asyncio.run(died())


def test_places_of_a_process_that_died_are_free_within_a_minute(server):
    async def scenario():
        key = "a key that replicas share"
        settings = Settings(state={"kind": "redis", "url": server.url}, identity={"digest_key": key})
        opened = limit_store(settings, key.encode(), logger("json", "info", io.StringIO()))
        assert isinstance(opened, RedisStore)
        ask = lease_ask(subject())
        await opened.reserve([ask], NOW)
        until = float(server.command("ZRANGE", opened._name(ask), "0", "-1", "WITHSCORES").split(b"\r\n")[4])
        seconds = int(server.command("TIME").split(b"\r\n")[2])
        await opened.close()
        assert until - seconds <= 61.0

    asyncio.run(scenario())


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), 11.0])
def test_a_cost_that_can_never_pass_is_refused_and_spends_nothing(server, cost):
    async def scenario():
        who = subject()
        async with store(server) as opened:
            held = await opened.reserve([rate_ask(who, cost=cost), lease_ask(who)], NOW)
            assert held.denied is not None
            assert not held.degraded
            held = await opened.reserve([rate_ask(who, cost=0.0), lease_ask(who)], NOW)
            assert [standing.remaining for standing in held.standings] == [10.0, 1.0]

    asyncio.run(scenario())


def test_no_limits_ask_nothing_of_the_store(fragile):
    async def scenario():
        fragile.kill()
        async with store(fragile) as opened:
            assert (await opened.reserve([], NOW)).denied is None
            assert opened.failures == 0

    asyncio.run(scenario())
