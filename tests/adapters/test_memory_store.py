import asyncio
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.memory_store import MemoryStore
from proxy.limits.ask import Ask

NOW = 1_790_000_000.0


def rate_ask(key="acct-1", cost=1.0, rate=1.0, burst=10.0, limit="limits.requests", *, shadow=False):
    return Ask(limit, f"{limit}|{key}", cost, rate, burst, shadow)


def lease_ask(key="acct-1", most=2.0, limit="limits.parallel"):
    return Ask(limit, f"{limit}|{key}", 1.0, 0.0, most, unit="concurrent")


def remaining(store, ask, now=NOW):
    return store.take([ask._replace(cost=0.0)], now).standings[0].remaining


def test_all_asks_are_spent_or_none():
    store = MemoryStore()
    plenty, scarce, lease = rate_ask(limit="limits.a"), rate_ask(limit="limits.b", cost=11.0), lease_ask()
    assert store.take([plenty, lease, scarce], NOW).denied is not None
    assert remaining(store, plenty) == 10.0
    assert store.open_leases == 0
    assert store.take([plenty, lease], NOW).denied is None
    assert remaining(store, plenty) == pytest.approx(9.0)
    assert store.open_leases == 1


def test_a_shadow_ask_never_denies_but_is_counted():
    store = MemoryStore()
    shadow = rate_ask(cost=6.0, shadow=True)
    assert store.take([shadow], NOW).standings[0].allowed
    held = store.take([shadow], NOW)
    assert held.denied is None
    assert not held.standings[0].allowed


def test_a_shadow_ask_over_its_limit_spends_and_settles_nothing():
    store = MemoryStore()
    shadow = rate_ask(cost=6.0, shadow=True)
    store.take([shadow], NOW)
    held = store.take([shadow], NOW)
    store.give_back(held, [0.0], NOW)
    assert remaining(store, shadow) == pytest.approx(4.0)


def test_settling_replaces_the_estimate():
    store = MemoryStore()
    ask = rate_ask(cost=8.0)
    store.give_back(store.take([ask], NOW), [3.0], NOW)
    assert remaining(store, ask) == pytest.approx(7.0)
    held = store.take([rate_ask(cost=1.0)], NOW)
    store.give_back(held, [20.0], NOW)
    assert store.take([rate_ask(cost=1.0)], NOW).standings[0].retry_after_s == pytest.approx(14.0)


def test_settling_a_refusal_gives_nothing_back():
    store = MemoryStore()
    store.take([rate_ask(cost=10.0)], NOW)
    refused = store.take([rate_ask(cost=5.0)], NOW)
    store.give_back(refused, [0.0], NOW)
    assert remaining(store, rate_ask()) == 0.0


def test_a_lease_frees_its_place_when_it_ends_and_ends_only_once():
    store = MemoryStore()
    first, second = (store.take([lease_ask()], NOW) for _ in range(2))
    assert store.take([lease_ask()], NOW).denied is not None
    store.give_back(first, [1.0], NOW)
    store.give_back(first, [1.0], NOW)
    assert store.open_leases == 1
    assert store.take([lease_ask()], NOW).denied is None
    store.give_back(second, [1.0], NOW)


def test_a_lease_nobody_ended_expires():
    store = MemoryStore(lease_ttl_s=60.0)
    for _ in range(2):
        store.take([lease_ask()], NOW)
    assert store.take([lease_ask()], NOW + 59.0).denied is not None
    assert store.take([lease_ask()], NOW + 60.0).denied is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["take", "end", "count"]), st.integers(0, 25)), max_size=20))
def test_each_lease_expires_by_its_own_time_wherever_the_clock_jumps(steps):
    store = MemoryStore(lease_ttl_s=10.0)
    ask = lease_ask(most=1000.0)
    until: dict[str, float] = {}
    for step, moment in steps:
        now = NOW + moment
        if step == "take":
            until = {lease: at for lease, at in until.items() if at > now}
            until[store.take([ask], now).leases[0]] = now + 10.0
        elif step == "end" and until:
            store.release(ask, next(iter(until)))
            del until[next(iter(until))]
        else:
            until = {lease: at for lease, at in until.items() if at > now}
            held = store.take([ask], now)
            until[held.leases[0]] = now + 10.0
            assert held.standings[0].remaining == 1000.0 - len(until)


def test_leaked_leases_of_keys_that_never_return_are_swept():
    store = MemoryStore(lease_ttl_s=60.0)
    for number in range(10_000):
        store.take([lease_ask(key=str(number))], NOW + number)
    assert store.open_leases < 5_000


def test_a_full_table_lets_only_refilled_keys_go():
    store = MemoryStore(max_keys=4)
    for number in range(4):
        store.take([rate_ask(key=f"spender-{number}", cost=10.0)], NOW)
    for number in range(100):
        store.take([rate_ask(key=f"stranger-{number}")], NOW + 1.0)
    assert store.keys == 4
    assert store.overflowed > 0
    for number in range(4):
        assert store.take([rate_ask(key=f"spender-{number}", cost=5.0)], NOW + 1.0).denied is not None
    store.take([rate_ask(key="late")], NOW + 11.0)
    assert remaining(store, rate_ask(key="late"), NOW + 11.0) == pytest.approx(9.0)


def test_keys_without_room_share_their_budget_instead_of_getting_one_each():
    store = MemoryStore(max_keys=1)
    store.take([rate_ask(key="first", cost=10.0)], NOW)
    granted = sum(store.take([rate_ask(key=str(number), cost=10.0)], NOW).denied is None for number in range(10_000))
    assert granted <= 256


def test_a_key_that_spent_from_a_shared_bucket_brings_that_debt_along_when_it_finds_room():
    store = MemoryStore(max_keys=1)
    store.take([rate_ask(key="first", cost=2.0)], NOW)
    assert store.take([rate_ask(key="second", cost=10.0)], NOW).denied is None
    assert store.take([rate_ask(key="second", cost=5.0)], NOW + 3.0).denied is not None
    store.take([rate_ask(key="second", cost=1.0)], NOW + 3.0)
    assert store.keys == 1
    assert remaining(store, rate_ask(key="second"), NOW + 3.0) == pytest.approx(2.0)


def test_a_shared_bucket_gives_no_refunds_that_others_could_spend():
    store = MemoryStore(max_keys=1)
    store.take([rate_ask(key="first", cost=10.0)], NOW)
    held = store.take([rate_ask(key="second", cost=10.0)], NOW)
    store.give_back(held, [0.0], NOW)
    assert remaining(store, rate_ask(key="second")) == 0.0


def test_one_limits_shared_buckets_leave_other_limits_alone():
    store = MemoryStore(max_keys=1)
    for number in range(2000):
        store.take([rate_ask(key=str(number), cost=10.0, limit="limits.sprayed")], NOW)
    assert store.take([rate_ask(key="calm", limit="limits.other")], NOW).denied is None


def test_what_a_shared_store_knows_replaces_what_was_guessed_here():
    store = MemoryStore()
    store.take([rate_ask(cost=4.0)], NOW)
    store.learn(rate_ask(), NOW + 7.0, NOW)
    assert remaining(store, rate_ask()) == pytest.approx(3.0)
    store.learn(rate_ask(), NOW + 2.0, NOW)
    assert remaining(store, rate_ask()) == pytest.approx(8.0)


def test_what_a_shared_store_knows_of_a_key_without_room_only_makes_it_stricter():
    store = MemoryStore(max_keys=1)
    store.take([rate_ask(key="first", cost=10.0)], NOW)
    store.take([rate_ask(key="second", cost=8.0)], NOW)
    store.learn(rate_ask(key="second"), NOW + 1.0, NOW)
    assert remaining(store, rate_ask(key="second")) == pytest.approx(2.0)
    store.learn(rate_ask(key="second"), NOW + 9.0, NOW)
    assert remaining(store, rate_ask(key="second")) == pytest.approx(1.0)


def test_a_lease_that_another_store_granted_takes_a_place():
    store = MemoryStore()
    for lease in ("a", "b", "b"):
        store.hold(lease_ask(), lease, NOW)
    assert store.open_leases == 2
    assert store.take([lease_ask()], NOW).denied is not None
    store.release(lease_ask(), "a")
    store.release(lease_ask(), "a")
    assert store.open_leases == 1
    assert store.take([lease_ask()], NOW).denied is None


def test_the_port_is_the_same_arithmetic():
    async def through_the_port():
        store = MemoryStore()
        held = await store.reserve([rate_ask(cost=8.0), lease_ask()], NOW)
        await store.settle(held, [3.0, 1.0], NOW)
        await store.close()
        return remaining(store, rate_ask()), store.open_leases

    assert asyncio.run(through_the_port()) == (pytest.approx(7.0), 0)


SPRAY = """
import resource
from proxy.adapters.memory_store import MemoryStore
from proxy.limits.ask import Ask
store = MemoryStore()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for number in range(1_000_000):
    store.take((Ask("limits.requests", f"limits.requests|stranger-{number}", 1.0, 0.001, 2.0),), 1790000000.0 + number * 1e-4)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_million_invented_keys_take_less_than_32_mib():
    grown_kib = int(subprocess.run([sys.executable, "-c", SPRAY], check=True, capture_output=True, text=True, timeout=120).stdout)
    assert grown_kib < 32 * 1024
