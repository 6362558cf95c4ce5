from __future__ import annotations

import asyncio
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.memory_store import MemoryStore
from proxy.adapters.redis_store import RedisStore
from proxy.decide import Decider, facts_of, observation_of
from proxy.detection.observation import NO_SIGNALS, Observation, Signals
from proxy.dialects.call import ModelCall, Text, Usage
from proxy.identity.caller import Account, Caller, Region
from proxy.identity.movement import STILL, Movement, Movements
from proxy.limits import costs
from proxy.policy.facts import BY_NAME, FACTS, Kind
from proxy.policy.load import load
from proxy.policy.names.patterns import NOTHING_FOUND, SCANNED_CHARS, Scan
from tests.adapters.redis_server import BINARY, MISSING, RedisServer

RULES = load(
    {"a.yaml": b"models: {aliases: {latest: m-large}, known: ['m-*']}\nrules: [{id: a.b, when: request.n > 8, then: {tag: [x]}}]\n"}, 0.0
)
TYPES = {Kind.STRING: str, Kind.INT: int, Kind.DOUBLE: float, Kind.BOOL: bool, Kind.STRINGS: tuple}
MONDAY_NOON = 1_795_435_200.0
REGION = Region("DE", "DE-BE", 64500, "Net", anonymous=True, hosting=True, status="ok", latitude=52.5, longitude=13.4)
ACCOUNT = Account("acme", "header", True, "Acme", "gold", True, "FR", "SE", 0.25, MONDAY_NOON - 43_200.0, ("vip",))
CALL = ModelCall(
    "openai", "chat.completions", "latest", True, (Text("user", "secret prompt"),), 1, 2, ("search",), 3, 4, 512, 5, 0.5, 42, True, 6, True,
    "high", 700, "end-user", 99, False, 8, 9,
)  # fmt: skip


def test_each_fact_comes_from_the_field_that_it_is_named_after():
    facts = facts_of(RULES, Caller("192.0.2.7", REGION, ACCOUNT), CALL, Scan(("cot",), 7), NO_SIGNALS, Movement(2, 3, 4.0), MONDAY_NOON)
    for source, prefix in ((CALL, "request."), (ACCOUNT, "account.")):
        same = [name for name in source._fields if prefix + name in BY_NAME and name not in {"model", "n", "max_tokens"}]
        assert len(same) > 8
        assert {name: facts[prefix + name] for name in same} == {name: getattr(source, name) for name in same}
    region = ["country", "subdivision", "asn", "as_org", "anonymous", "hosting"]
    assert [facts[f"client.{name}"] for name in region] == list(REGION[:6])
    assert (facts["client.ip"], facts["client.geo_status"], facts["account.age_days"]) == ("192.0.2.7", "ok", 0.5)
    assert (facts["request.model"], facts["request.model_known"], facts["request.seeded"]) == ("m-large", True, True)
    assert (facts["request.max_tokens"], facts["request.n"], facts["request.patterns"]) == (512, 5, ("cot",))
    assert facts["request.unscanned_chars"] == 7
    assert (facts["account.countries_24h"], facts["account.asns_24h"], facts["account.travel_kmh"]) == (2, 3, 4.0)
    assert (facts["time.hour"], facts["time.weekday"]) == (12, 1)


def test_what_the_detector_says_becomes_facts():
    signals = Signals(2, 0.75, ("volume",), "c-1", 5, MONDAY_NOON - 7200.0)
    facts = facts_of(RULES, Caller("", Region(), Account()), CALL, NOTHING_FOUND, signals, STILL, MONDAY_NOON)
    named = ["risk.level", "risk.score", "risk.families", "campaign.id", "campaign.size", "campaign.age_hours"]
    assert [facts[name] for name in named] == [2, 0.75, ("volume",), "c-1", 5, 2.0]


def test_the_detector_sees_how_old_an_account_is_and_nothing_of_where_it_is():
    headers = [("accept", "*/*"), ("user-agent", "curl/8"), ("x-a", "1")]
    seen = observation_of(Caller("192.0.2.7", REGION, ACCOUNT), CALL, headers, "ja4", MONDAY_NOON)
    assert seen == Observation("acme", CALL, ["accept", "user-agent", "x-a"], "curl/8", "ja4", "192.0.2.0/24", 64500, "Acme", 0.5)
    unknown = observation_of(Caller("", Region(), Account()), CALL, [], "", MONDAY_NOON)
    assert (unknown.age_days, unknown.user_agent) == (-1.0, "")


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([NO_SIGNALS, Signals()]), st.sampled_from([ACCOUNT, Account()]), st.sampled_from([CALL, ModelCall("openai", "x")]))
def test_every_fact_is_there_in_its_own_type_whatever_is_unknown(signals, account, call):
    facts = facts_of(RULES, Caller("", Region(), account), call, NOTHING_FOUND, signals, STILL, MONDAY_NOON)
    assert {name: type(value) for name, value in facts.items()} == {fact.name: TYPES[fact.kind] for fact in FACTS}


CLAMPING = load(
    {
        "a.yaml": b'rules: [{id: a.b, when: "true", then: {clamp: {max_tokens: 50, n: 2}}}]\n'
        b"limits: [{id: l.out, per: [account.id], count: output_tokens, rate: 1/1h, burst: 120}]\n"
    },
    0.0,
)


@pytest.mark.parametrize(("asked", "left"), [({"max_output_tokens": 5000, "n": 9}, 20), ({"max_output_tokens": 30}, 90), ({}, 70)])
def test_limits_are_asked_for_what_the_clamps_leave_of_a_call(asked, left):
    decider = Decider(MemoryStore(), None, Movements())
    caller, call = Caller("192.0.2.7", REGION, ACCOUNT), ModelCall("openai", "chat.completions", "m", **asked)
    decision = asyncio.run(decider.decide(CLAMPING, caller, call, observation_of(caller, call, [], "", MONDAY_NOON), MONDAY_NOON))
    assert decision.allowed
    assert [standing.remaining for standing in decision.held.standings] == [left]
    assert decision.facts["request.n"] == call.n


LONG = {
    "a.yaml": b"patterns: {cot: {values: [secret plan]}}\n"
    b"rules: [{id: a.long, when: request.unscanned_chars > 0, then: {tag: [long]}}, {id: a.cot, when: \"'cot' in request.patterns\", then: {tag: [cot]}}]\n"
}


@pytest.mark.parametrize(("beyond", "tags"), [(-1, {"cot"}), (0, {"cot"}), (1, {"long"}), (100_000, {"long"})])
def test_a_rule_can_act_on_text_that_no_pattern_looked_at(beyond, tags):
    middle = "the secret plan"
    half = (SCANNED_CHARS - len(middle)) // 2 + max(beyond, 0)
    texts = (Text("system", "x" * half), Text("user", middle), Text("user", "y" * (SCANNED_CHARS + beyond - half - len(middle))))
    rules, decider = load(LONG, 0.0), Decider(MemoryStore(), None, Movements())
    caller, call = Caller("192.0.2.7", REGION, ACCOUNT), ModelCall("openai", "chat.completions", "m", texts=texts)
    for asked in (call, call._replace(texts=texts[1:2]), call):  # what was remembered of one isn't said of the other
        decision = decider.judge(rules, caller, asked, observation_of(caller, asked, [], "", MONDAY_NOON), MONDAY_NOON)
        assert decision.facts["request.unscanned_chars"] == (max(beyond, 0) if asked is call else 0)
        assert decision.tags == (tags if asked is call else {"cot"})


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
    for rules, price in ((CLAMPING, costs.FREE), (MONEY, (100.0, 500.0, 10.0, 125.0, 200.0))):
        decision = asyncio.run(Decider(MemoryStore(), None, Movements()).decide(rules, caller, call, seen, MONDAY_NOON))
        assert decision.price(1) == price
