"""What calls cost in money: reserved before they are made, settled by what they used."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from proxy.adapters.memory_store import MemoryStore
from proxy.adapters.redis_store import RedisStore
from proxy.decide import Decider, observation_of
from proxy.dialects.call import ModelCall, Usage
from proxy.identity.caller import Caller
from proxy.identity.movement import Movements
from proxy.limits import costs
from proxy.policy.load import load
from tests.adapters.redis_server import BINARY, MISSING, RedisServer
from tests.test_decide import ACCOUNT, MONDAY_NOON, OUTPUT, REGION, limited

MONEY = load(
    {
        "a.yaml": b"""prices:
  default: {input: 100, output: 500, cached_input: 10, cache_write: 125, cache_write_long: 200}
  models: {plain*: {input: 100, output: 500}, long-1: {input: 100, output: 500, long: {above: 199999, input: 120, output: 600}},
    long-2: {input: 100, output: 500, long: {above: 200000, input: 120, output: 600}}}
  tiers: {priority: 2}
limits: [{id: l.money, per: [account.id], count: usd, rate: 1/1h, burst: 100}]
rules: [{id: a.b, when: request.n > 8, then: {tag: [x]}}]
"""
    },
    0.0,
)
PROMPT = 200_000


@pytest.fixture(scope="module")
def server():
    if BINARY is None:
        pytest.skip(MISSING)
    with closing(RedisServer()) as started:
        yield started


async def _left_after(store, model, tier, usages):
    """Dollars left of 100 after calls of 200,000 input and 20,000 output tokens that used this; 30 are reserved for each."""
    decider, caller = Decider(store, None, Movements()), Caller("192.0.2.7", REGION, ACCOUNT)
    call = ModelCall("anthropic", "messages", model, input_tokens=PROMPT, max_output_tokens=20_000, service_tier=tier)
    seen = observation_of(caller, call, [], "", MONDAY_NOON)
    for usage in usages:
        decision = await decider.decide(MONEY, caller, call, seen, MONDAY_NOON)
        assert decision.allowed
        await decider.settle(decision, usage, MONDAY_NOON)
        if isinstance(store, RedisStore):
            await store.flush()
    left = await decider.decide(MONEY, caller, call._replace(input_tokens=0, endpoint="models.list"), seen, MONDAY_NOON)
    await store.close()
    return [standing.remaining for standing in left.held.standings]


@pytest.mark.parametrize(
    ("model", "tier", "usage", "cost"),
    [
        pytest.param("m", "", Usage(PROMPT, 0), 20.0, id="no cache"),
        pytest.param("m", "", Usage(PROMPT, 0, PROMPT), 2.0, id="read"),
        pytest.param("m", "", Usage(PROMPT, 0, cache_write_tokens=PROMPT), 25.0, id="written"),
        pytest.param("m", "", Usage(PROMPT, 0, 0, 0, False, PROMPT, PROMPT), 40.0, id="written to be kept, dearer than what was reserved"),
        pytest.param("m", "priority", Usage(PROMPT, 0, PROMPT), 4.0, id="read in a dear tier"),
        pytest.param("plain-1", "", Usage(PROMPT, 0, 100_000, 0, False, 100_000, 50_000), 20.0, id="a model without prices for its cache"),
        pytest.param("long-1", "", Usage(PROMPT, 10_000, PROMPT), 30.0, id="a long prompt, from a cache without a price of its own"),
        pytest.param("long-1", "", Usage(PROMPT - 1, 10_000), 25.0, id="a prompt that proves to be shorter than it seemed"),
        pytest.param("long-2", "", Usage(PROMPT, 10_000), 25.0, id="a prompt just short enough"),
        pytest.param("long-2", "", Usage(PROMPT + 1, 0), 24.0, id="a prompt that proves to be longer than it seemed"),
    ],
)
@pytest.mark.parametrize("shared", [False, True], ids=["memory", "redis"])
def test_money_for_input_from_a_cache_comes_back_and_money_for_writing_one_is_taken(shared, model, tier, usage, cost, request):
    def store():
        if not shared:
            return MemoryStore()
        secret = request.node.name.encode()
        return RedisStore(request.getfixturevalue("server").url, secret, clock="caller", budget_s=5.0)

    async def scenario():
        return await _left_after(store(), model, tier, [usage, usage])

    assert asyncio.run(scenario()) == [pytest.approx(100.0 - 2 * cost, abs=0.01)]


@pytest.mark.parametrize(("tokens", "reserved"), [(199_999, 20.0 + 0.5), (200_000, 24.0 + 0.6)])
def test_a_long_prompt_is_reserved_at_its_own_price(tokens, reserved):
    caller = Caller("192.0.2.7", REGION, ACCOUNT)
    call = ModelCall("openai", "chat.completions", "long-1", input_tokens=tokens, max_output_tokens=1000)
    seen = observation_of(caller, call, [], "", MONDAY_NOON)
    decision = asyncio.run(Decider(MemoryStore(), None, Movements()).decide(MONEY, caller, call, seen, MONDAY_NOON))
    assert [ask.cost for ask in decision.held.asks] == [pytest.approx(reserved, abs=0.001)]


def test_no_price_is_looked_up_for_a_caller_whose_limits_count_no_money():
    caller, call = Caller("192.0.2.7", REGION, ACCOUNT), ModelCall("openai", "chat.completions", "m")
    seen = observation_of(caller, call, [], "", MONDAY_NOON)
    for rules, price in ((limited(OUTPUT), costs.FREE), (MONEY, (100.0, 500.0, 10.0, 125.0, 200.0))):
        decision = asyncio.run(Decider(MemoryStore(), None, Movements()).decide(rules, caller, call, seen, MONDAY_NOON))
        assert decision.price(1) == price
