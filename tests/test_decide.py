from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.memory_store import MemoryStore
from proxy.decide import NOTHING_HELD, Decider, facts_of, observation_of
from proxy.detection.observation import NO_SIGNALS, Observation, Signals
from proxy.dialects.call import ModelCall, Text, Usage
from proxy.identity.caller import Account, Caller, Region
from proxy.identity.movement import STILL, Movement, Movements
from proxy.limits import costs
from proxy.policy.facts import BY_NAME, FACTS, Kind
from proxy.policy.load import load
from proxy.policy.names.patterns import NOTHING_FOUND, SCANNED_CHARS, Scan

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


def test_what_is_not_known_is_said_to_be_unknown():
    facts = facts_of(RULES, Caller("", Region(), Account()), ModelCall("openai", "x"), NOTHING_FOUND, NO_SIGNALS, STILL, MONDAY_NOON)
    unknown = {"account.age_days": -1.0, "request.temperature": -1.0, "request.seeded": False, "campaign.id": "", "campaign.age_hours": 0.0}
    assert {name: facts[name] for name in unknown} == unknown
    lone = facts_of(RULES, Caller("", Region(), Account()), CALL, NOTHING_FOUND, Signals(1, 0.5, ("volume",)), STILL, MONDAY_NOON)
    assert (lone["risk.level"], lone["campaign.age_hours"]) == (1, 0.0)


def test_an_account_opened_in_the_future_is_new():
    account = ACCOUNT._replace(opened_at=MONDAY_NOON + 5.0)
    facts = facts_of(RULES, Caller("", Region(), account), CALL, NOTHING_FOUND, NO_SIGNALS, STILL, MONDAY_NOON)
    assert facts["account.age_days"] == observation_of(Caller("", Region(), account), CALL, [], "", MONDAY_NOON).age_days == 0.0


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([NO_SIGNALS, Signals()]), st.sampled_from([ACCOUNT, Account()]), st.sampled_from([CALL, ModelCall("openai", "x")]))
def test_every_fact_is_there_in_its_own_type_whatever_is_unknown(signals, account, call):
    facts = facts_of(RULES, Caller("", Region(), account), call, NOTHING_FOUND, signals, STILL, MONDAY_NOON)
    assert {name: type(value) for name, value in facts.items()} == {fact.name: TYPES[fact.kind] for fact in FACTS}


def limited(*limits: str, rules: str = "{id: a.b, when: request.n > 8, then: {tag: [x]}}", more: str = ""):
    """These limits, each for an account, and one rule."""
    lines = "".join(f"  - {{id: l.l{place}, per: [account.id], {limit}}}\n" for place, limit in enumerate(limits))
    return load({"a.yaml": f"{more}rules: [{rules}]\nlimits:\n{lines}".encode()}, 0.0)


def decide(rules, store=None, **asked):
    """What is decided on a call of the account."""
    decider, caller = Decider(store or MemoryStore(), None, Movements()), Caller("192.0.2.7", REGION, ACCOUNT)
    call = ModelCall("openai", "chat.completions", "m", **asked)
    return asyncio.run(decider.decide(rules, caller, call, observation_of(caller, call, [], "", MONDAY_NOON), MONDAY_NOON))


OUTPUT = "count: output_tokens, rate: 1/1h, burst: 120"


@pytest.mark.parametrize(
    ("clamp", "asked", "left"),
    [
        ("max_tokens: 50, n: 2", {"max_output_tokens": 5000, "n": 9}, 20),
        ("max_tokens: 50, n: 2", {"max_output_tokens": 30}, 90),
        ("max_tokens: 50, n: 2", {}, 70),
        ("n: 2", {"max_output_tokens": 30, "n": 9}, 60),
        ("max_tokens: 50", {"max_output_tokens": 5000, "n": 2}, 20),
    ],
)
def test_limits_are_asked_for_what_the_clamps_leave_of_a_call(clamp, asked, left):
    decision = decide(limited(OUTPUT, rules=f'{{id: a.b, when: "true", then: {{clamp: {{{clamp}}}}}}}'), **asked)
    assert decision.allowed
    assert decision.denial_message == ""
    assert [standing.remaining for standing in decision.held.standings] == [left]
    assert decision.facts["request.n"] == asked.get("n", 1)


@pytest.mark.parametrize("count", costs.COUNTS)
def test_usage_matters_where_a_limit_counts_tokens_or_money(count):
    how = "max: 4" if count == "concurrent" else "rate: 1/1h, burst: 9000"
    prices = "prices: {default: {input: 1, output: 1}}\n" if count == "usd" else ""
    assert decide(limited(f"count: {count}, {how}", more=prices)).counts_tokens is (count not in {"requests", "concurrent"})


def test_signals_that_are_known_already_are_not_asked_for_again():
    rules, caller, signals = limited(OUTPUT), Caller("192.0.2.7", REGION, ACCOUNT), Signals(2, 0.75)
    seen = observation_of(caller, CALL, [], "", MONDAY_NOON)
    judged = Decider(MemoryStore(), None, Movements()).judge(rules, caller, CALL, seen, MONDAY_NOON, signals)
    assert (judged.signals, judged.facts["risk.level"]) == (signals, 2)


@pytest.mark.parametrize(("when", "countries"), [("account.countries_24h > 5", 2), ("request.n > 8", 0)])
def test_accounts_are_followed_only_where_a_rule_reads_how_they_moved(when, countries):
    rules, movements = limited(OUTPUT, rules=f"{{id: a.b, when: {when}, then: {{tag: [x]}}}}"), Movements()
    decider = Decider(MemoryStore(), None, movements)
    for country in ("DE", "FR"):
        caller = Caller("192.0.2.7", REGION._replace(country=country), ACCOUNT)
        judged = decider.judge(rules, caller, CALL, observation_of(caller, CALL, [], "", MONDAY_NOON), MONDAY_NOON)
    assert judged.facts["account.countries_24h"] == countries
    assert len(movements) == bool(countries)


@pytest.mark.parametrize(("when", "found"), [("'greeting' in request.patterns", ("greeting",)), ("request.n > 8", ())])
def test_texts_are_searched_only_where_a_rule_reads_what_is_found(when, found):
    rules = limited(OUTPUT, rules=f'{{id: a.b, when: "{when}", then: {{tag: [x]}}}}', more="patterns: {greeting: {values: [hello]}}\n")
    assert decide(rules, texts=(Text("user", "hello there"),)).facts["request.patterns"] == found


GROWING = limited(
    "count: output_tokens, rate: 1/1h, burst: 9000", "count: total_tokens, rate: 1/1h, burst: 5000", "count: input_tokens, rate: 1/1h, burst: 200",
    "count: requests, rate: 3/1h", "count: usd, rate: 1/1h, burst: 100", "count: output_tokens, rate: 1/1h, burst: 10, mode: shadow",
    "count: output_tokens, rate: 1/1h, burst: 4000, mode: shadow",
    more="prices: {default: {input: 1, output: 1000}}\n",
)  # fmt: skip


def test_a_call_that_runs_grows_what_it_holds_of_limits_on_output_until_one_denies():
    """A shadow limit denies nothing, and what it would have denied isn't held of it."""
    store = MemoryStore()
    decider, decision = Decider(store, None, Movements()), decide(GROWING, store, max_output_tokens=1000, input_tokens=100)
    for more, denied, costs_held in (
        (2000, None, [3000, 3100, 100, 1, 3.0001, 1000, 3000]),
        (1500, None, [4500, 4600, 100, 1, 4.5001, 1000, 3000]),
        (2000, "l.l1", [4500, 4600, 100, 1, 4.5001, 1000, 3000]),
        (5, None, [4505, 4605, 100, 1, 4.5051, 1000, 3005]),
    ):
        decision, standing = asyncio.run(decider.extend(decision, more, MONDAY_NOON))
        assert (standing and standing.limit) == denied
        assert [ask.cost for ask in decision.held.asks] == pytest.approx(costs_held)
    asyncio.run(decider.settle(decision, Usage(0, 0), MONDAY_NOON))
    left = [standing.remaining for standing in decide(GROWING, store, max_output_tokens=1).held.standings]
    assert left == pytest.approx([8999, 4999, 200, 1, 99.999, 9, 3999])


def test_only_limits_on_output_grow_and_none_while_another_store_answers_than_did_at_first():
    decider = Decider(MemoryStore(), None, Movements())
    still = decide(limited("count: input_tokens, rate: 1/1h, burst: 9000", "count: concurrent, max: 4"))
    extended, denied = asyncio.run(decider.extend(still, 2000, MONDAY_NOON))
    assert (extended is still, denied) == (True, None)
    held = decide(limited("count: output_tokens, rate: 1/1h, burst: 9000"))
    alone = held._replace(held=held.held._replace(degraded=True))
    assert asyncio.run(decider.extend(alone, 2000, MONDAY_NOON)) == (alone, None)
    assert asyncio.run(decider.extend(held, 2000, MONDAY_NOON)) != (held, None)


def test_a_call_that_no_limit_counts_holds_nothing():
    unlimited = decide(RULES)
    assert unlimited.held is NOTHING_HELD
    decider, rules = Decider(MemoryStore(), None, Movements()), limited(OUTPUT, "count: concurrent, max: 4")
    opened = asyncio.run(decider.reserve(unlimited._replace(rules=rules), MONDAY_NOON, frozenset({"concurrent"})))
    assert [(ask.limit, ask.cost) for ask in opened.held.asks] == [("l.l1", 1.0)]
    assert asyncio.run(decider.reserve(opened, MONDAY_NOON, frozenset({"requests"}))).held is NOTHING_HELD


@pytest.mark.parametrize(
    ("prepaid", "usage", "left"),
    [
        pytest.param(None, Usage(0, 30), 90, id="a call"),
        pytest.param(Usage(0, 30), Usage(0, 30), 20, id="a batch that was accepted"),
        pytest.param(Usage(0, 30), Usage(0, 0), 120, id="a batch that failed"),
    ],
)
def test_what_a_call_cost_takes_the_place_of_what_was_reserved_but_a_batch_keeps_it(prepaid, usage, left):
    store, rules = MemoryStore(), limited(OUTPUT)
    decider, decision = Decider(store, None, Movements()), decide(rules, store, max_output_tokens=100)
    denied = decide(rules, store, max_output_tokens=100)
    assert not denied.allowed
    asyncio.run(decider.settle(denied, Usage(0, 0), MONDAY_NOON))
    assert [standing.remaining for standing in decide(rules, store, max_output_tokens=21).held.standings] == [20]
    asyncio.run(decider.settle(decision._replace(prepaid=prepaid), usage, MONDAY_NOON))
    assert [standing.remaining for standing in decide(rules, store, max_output_tokens=1).held.standings] == pytest.approx([left - 1])


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
