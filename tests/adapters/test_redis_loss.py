"""A Redis that is lost, slow or full: limits hold by local shares until it is back."""

import asyncio
import threading
from contextlib import closing

import pytest
import uvloop

from tests.adapters.redis_asks import NOW, lease_ask, rate_ask, spend_all, store
from tests.adapters.redis_server import BINARY, MISSING, RedisServer

pytestmark = pytest.mark.skipif(BINARY is None, reason=MISSING)


@pytest.fixture
def fragile():
    with closing(RedisServer()) as started:
        yield started


async def until(condition):
    async with asyncio.timeout(5.0):
        while not condition():  # noqa: ASYNC110  the store has no event to wait for, a state is what it shows
            await asyncio.sleep(0.01)


async def turn():
    turned = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(turned.set_result, None)
    await turned


async def lose(opened, who="loses"):
    while not opened.degraded:
        await opened.reserve([rate_ask(who, cost=0.0)], NOW)


@pytest.mark.parametrize("loss", ["pause", "kill"])
def test_a_lost_store_is_neither_unlimited_nor_a_refusal_for_all(fragile, loss):
    async def scenario():
        async with store(fragile, replicas=2, budget_s=0.02) as opened:
            await opened.reserve([rate_ask("warm")], NOW)
            getattr(fragile, loss)()
            admitted, held = await spend_all(opened, rate_ask("busy"), 40)
            assert admitted == 5
            assert all(one.degraded for one in held)
            await lose(opened)
            for number in range(20):
                assert (await opened.reserve([rate_ask(f"other-{number}")], NOW)).denied is None

    asyncio.run(scenario())


def test_a_store_that_was_never_there_is_known_to_be_lost_before_anyone_asks(fragile):
    async def scenario():
        async with store(fragile) as opened:
            await opened.greet()
            assert not opened.degraded
        fragile.kill()
        async with store(fragile) as opened:
            await opened.greet()
            assert (opened.degraded, opened.failures) == (True, 1)
            fragile.start()
            await until(lambda: not opened.degraded)

    asyncio.run(scenario())


def test_a_store_that_was_never_there_limits_all_the_same(fragile):
    async def scenario():
        fragile.kill()
        async with store(fragile, replicas=4) as opened:
            admitted, _ = await spend_all(opened, rate_ask("busy", burst=12.0), 40)
            assert admitted == 3

    asyncio.run(scenario())


def test_a_small_limit_shared_by_many_replicas_still_lets_someone_pass(fragile):
    async def scenario():
        fragile.kill()
        async with store(fragile, replicas=50) as opened:
            held = await opened.reserve([rate_ask("one", burst=2.0), lease_ask("one", most=3.0)], NOW)
            assert held.denied is None
            assert (await opened.reserve([rate_ask("one", burst=2.0)], NOW)).denied is not None
            assert (await opened.reserve([lease_ask("one", most=3.0)], NOW)).denied is not None

    asyncio.run(scenario())


def test_the_local_share_starts_where_the_store_left_off(fragile):
    async def scenario():
        async with store(fragile, replicas=2) as opened:
            await opened.reserve([rate_ask("spender", cost=10.0)], NOW)
            held = await opened.reserve([lease_ask("spender", most=2.0)], NOW)
            fragile.kill()
            await lose(opened)
            assert (await opened.reserve([rate_ask("spender")], NOW)).denied is not None
            assert (await opened.reserve([lease_ask("spender", most=2.0)], NOW)).denied is not None
            await opened.settle(held, [1.0], NOW)
            assert (await opened.reserve([lease_ask("spender", most=2.0)], NOW)).denied is None

    asyncio.run(scenario())


@pytest.mark.parametrize(("on_loss", "admitted"), [("deny", 0), ("allow", 40)])
def test_the_declared_way_to_fail_is_taken(fragile, on_loss, admitted):
    async def scenario():
        fragile.kill()
        async with store(fragile, on_loss=on_loss) as opened:
            passed, held = await spend_all(opened, rate_ask("busy"), 40)
            assert passed == admitted
            assert all(one.degraded for one in held)
            shadow = await opened.reserve([rate_ask("busy", shadow=True)], NOW)
            assert shadow.denied is None
            for one in [*held, shadow]:
                await opened.settle(one, [1.0], NOW)

    asyncio.run(scenario())


@pytest.mark.parametrize("empty", [False, True], ids=["paused", "restarted empty"])
def test_a_store_that_comes_back_learns_what_was_spent_without_it(fragile, empty):
    async def scenario():
        async with store(fragile, replicas=2, budget_s=0.1) as opened:
            await opened.reserve([rate_ask("spender", cost=4.0)], NOW)
            (fragile.kill if empty else fragile.pause)()
            await lose(opened)
            admitted, _ = await spend_all(opened, rate_ask("spender"), 10)
            assert admitted == 3
            lease = await opened.reserve([lease_ask("spender")], NOW)
            (fragile.start if empty else fragile.resume)()
            await until(lambda: not opened.degraded)
            assert (await opened.reserve([rate_ask("spender", cost=0.0)], NOW)).standings[0].remaining == pytest.approx(3.0, abs=0.1)
            assert (await opened.reserve([lease_ask("spender")], NOW)).standings[0].remaining == 0.0
            await opened.settle(lease, [1.0], NOW)
            assert (await opened.reserve([lease_ask("spender")], NOW)).denied is None

    asyncio.run(scenario())


def test_one_late_answer_is_not_charged_again_after_a_loss_long_after_it(fragile):
    async def scenario():
        async with store(fragile, budget_s=0.2) as opened:
            await opened.reserve([rate_ask("late", cost=2.0)], NOW)
            fragile.pause()
            assert (await opened.reserve([rate_ask("late")], NOW)).degraded
            fragile.resume()
            before = (await opened.reserve([rate_ask("late", cost=2.0)], NOW)).standings[0].remaining
            fragile.pause()
            await lose(opened)
            fragile.resume()
            await until(lambda: not opened.degraded)
            after = (await opened.reserve([rate_ask("late", cost=0.0)], NOW)).standings[0].remaining
            assert after == pytest.approx(before, abs=0.1)

    asyncio.run(scenario())


def test_a_server_that_answers_but_takes_no_writes_is_lost(fragile):
    async def scenario():
        async with store(fragile, replicas=2) as opened:
            fragile.command("CONFIG", "SET", "maxmemory", "1")
            admitted, _ = await spend_all(opened, rate_ask("busy"), 20)
            assert admitted == 5
            await lose(opened)
            fragile.command("CONFIG", "SET", "maxmemory", "0")
            await until(lambda: not opened.degraded)

    asyncio.run(scenario())


def test_an_answer_that_came_too_late_is_never_taken_for_another_ones(fragile):
    async def scenario():
        async with store(fragile, budget_s=0.2) as opened:
            for number in range(8):
                await opened.reserve([rate_ask(f"caller-{number}", cost=float(number))], NOW)
            fragile.pause()
            await asyncio.gather(*(opened.reserve([rate_ask("late", cost=0.0)], NOW) for _ in range(2)))
            fragile.resume()
            await until(lambda: not opened.degraded)
            held = await asyncio.gather(*(opened.reserve([rate_ask(f"caller-{number}", cost=0.0)], NOW) for number in range(8)))
            for number, one in enumerate(held):
                if not one.degraded:
                    assert one.standings[0].remaining == pytest.approx(10.0 - number, abs=0.1)

    asyncio.run(scenario())


def test_a_server_that_pauses_for_a_moment_is_not_lost_however_many_wait_for_it(fragile):
    async def scenario():
        async with store(fragile, replicas=4, budget_s=0.1) as opened:
            await opened.reserve([rate_ask("warm")], NOW)
            fragile.pause()
            _, held = await spend_all(opened, rate_ask("busy", burst=100.0), 20)
            fragile.resume()
            assert all(one.degraded for one in held)
            assert not opened.degraded

    asyncio.run(scenario())


def test_time_in_which_our_own_loop_was_busy_with_something_else_does_not_count(fragile):
    async def scenario():
        async with store(fragile, replicas=4, budget_s=0.1) as opened:
            for _ in range(2):
                await spend_all(opened, rate_ask("warm"), 20)
            failed = opened.failures
            for turns in range(1, 8):  # calls are caught at different points
                asked = asyncio.gather(*(opened.reserve([rate_ask(f"caller-{number}", cost=0.0)], NOW) for number in range(20)))
                for _ in range(turns):
                    await turn()
                threading.Event().wait(0.25)  # as a very long text takes
                assert not any(one.degraded for one in await asked)
            assert opened.failures == failed

    uvloop.run(scenario())


def test_a_server_that_comes_back_empty_is_told_of_places_that_are_still_taken(fragile):
    async def scenario():
        async with store(fragile) as one, store(fragile) as two:
            held = await one.reserve([lease_ask("long", most=1.0)], NOW)
            fragile.kill()
            await lose(one)
            fragile.start()
            await until(lambda: not one.degraded)
            assert (await two.reserve([lease_ask("long", most=1.0)], NOW)).denied is not None
            await one.settle(held, [1.0], NOW)
            await one.flush()
            assert (await two.reserve([lease_ask("long", most=1.0)], NOW)).denied is None

    asyncio.run(scenario())
