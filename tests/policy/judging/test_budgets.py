from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.adapters.memory_store import MemoryStore
from proxy.limits.ask import Ask
from proxy.policy.judging import budgets as budgets_module
from proxy.policy.judging.budgets import MAX_SUBJECT_CHARS
from proxy.policy.judging.memory import LONGEST_TEXT
from proxy.policy.language.shapes.case_file import ORDINARY
from proxy.policy.load import load

NOW = 1_795_520_000.0
RULE = "rules: [{id: a.b, when: request.n > 8, then: {tag: [x]}}]\n"
HOSTILE = st.text(alphabet=st.sampled_from("ab\x1f#|,'() é\0\ud800"), max_size=6) | st.text(min_size=190, max_size=260)


def budgets(limits: str):
    return load({"a.yaml": (RULE + "limits:\n" + limits).encode()}, NOW)


def test_a_limit_says_what_to_ask_of_the_store():
    rules = budgets("""  - {id: l.tokens, per: [account.id, request.model], count: total_tokens, rate: 200000/1m, burst: 400000, message: slow down}
  - {id: l.open, per: [account.id], count: concurrent, max: 4, mode: shadow}
  - {id: l.off, per: [account.id], count: requests, rate: 1/1s, mode: "off"}
""")
    concurrent, tokens = rules.limits_for(ORDINARY, NOW)
    assert (concurrent.id, concurrent.rate, concurrent.burst, concurrent.shadow) == ("l.open", 0.0, 4.0, True)
    assert (tokens.count, tokens.burst, tokens.shadow, tokens.message) == ("total_tokens", 400_000.0, False, "slow down")
    assert tokens.rate * 60 == 200_000
    assert tokens.key != concurrent.key
    assert rules.limits[-1].per == ("account.id", "request.model")


def test_a_limit_applies_when_its_condition_holds_or_fails():
    rules = budgets("""  - {id: l.always, per: [account.id], count: requests, rate: 1/1s}
  - {id: l.risky, per: [account.id], count: requests, rate: 1/1s, when: risk.level >= 1}
  - {id: l.fails, per: [account.id], count: requests, rate: 1/1s, when: request.n / request.images > 0}
""")
    for level, images, applied in ((0, 0, ["always", "fails"]), (1, 0, ["always", "fails", "risky"]), (1, 9, ["always", "risky"])):
        due = rules.due({**ORDINARY, "request.images": images, "risk.level": level}, NOW)
        assert sorted(limit.id for limit in due.limits) == [f"l.{name}" for name in applied]
        assert [(hit.rule, hit.error, hit.effects) for hit in due.hits] == [("l.fails", True, ("limit",))] * (images == 0)


def test_where_no_limit_applies_none_is_asked():
    rules = budgets("  - {id: l.risky, per: [account.id], count: requests, rate: 1/1s, when: risk.level >= 1}\n")
    assert rules.due(ORDINARY, NOW) == ((), ())


@pytest.mark.parametrize(
    ("when", "facts", "error"),
    [
        pytest.param("account.tier == 'free'", {"account.tier": None}, True, id="missing"),
        pytest.param("'x' in account.tags", {"account.tags": ["x"]}, False, id="of a type that cannot be remembered"),
        pytest.param("'x' in account.tags", {"account.tags": 3}, True, id="a number for a list"),
        pytest.param("account.org.startsWith('x')", {"account.org": 3}, True, id="a number for a text"),
    ],
)
def test_a_fact_that_is_missing_or_mistyped_makes_a_limit_apply(when, facts, error):
    rules = budgets(f"""  - {{id: l.a, per: [account.id], count: requests, rate: 1/1s, when: "{when}"}}\n""")
    due = rules.due({name: value for name, value in {**ORDINARY, **facts}.items() if value is not None}, NOW)
    assert [limit.id for limit in due.limits] == ["l.a"]
    assert any(hit.error for hit in due.hits) is error


def test_a_subject_that_is_missing_is_nobody():
    rules = budgets("""  - {id: l.a, per: [account.id], count: requests, rate: 1/1s}
  - {id: l.b, per: [account.id, request.model], count: requests, rate: 1/1s}
""")
    missing = {name: value for name, value in ORDINARY.items() if name != "account.id"}
    assert rules.limits_for(missing, NOW) == rules.limits_for({**ORDINARY, "account.id": ""}, NOW)


@settings(max_examples=300, deadline=None)
@example(("a\x1f", "b"), ("a", "\x1fb"))
@given(st.tuples(HOSTILE, HOSTILE), st.tuples(HOSTILE, HOSTILE))
def test_no_subject_can_imitate_another_whatever_its_bytes(one, other):
    rules = budgets("  - {id: l.a, per: [account.id, request.end_user], count: requests, rate: 1/1s}\n")

    def key(pair: tuple[str, str]) -> str:
        return rules.limits_for({**ORDINARY, "account.id": pair[0], "request.end_user": pair[1]}, NOW)[0].key

    assert (key(one) == key(other)) is (one == other)
    assert len(key(one)) <= 2 * MAX_SUBJECT_CHARS + 20
    assert key(one).isascii()


def test_a_digest_written_out_is_not_taken_for_the_subject_it_stands_for():
    rules = budgets("  - {id: l.a, per: [account.id], count: requests, rate: 1/1s}\n")

    def key(account: str) -> str:
        return rules.limits_for({**ORDINARY, "account.id": account}, NOW)[0].key

    long = "x" * 1000
    assert key(key(long).rpartition("\x1f")[2]) != key(long)


def test_a_limit_whose_rate_is_changed_does_not_go_on_with_the_old_ones_debt():
    def applied(rate: str):
        return budgets(f"  - {{id: l.a, per: [account.id], count: requests, rate: {rate}}}\n").limits_for(ORDINARY, NOW)[0]

    store, slow, fast = MemoryStore(), applied("100/1d"), applied("100/1m")
    for limit in (slow, fast):
        ask = Ask(limit.id, limit.key, 100.0, limit.rate, limit.burst)
        assert store.take([ask], NOW).denied is None
        assert store.take([ask], NOW).denied is not None
    assert applied("100/1d").key == slow.key
    assert applied("50/1d, burst: 100").key != slow.key
    assert applied("100/1d, burst: 200, mode: shadow").key == slow.key


def test_lists_numbers_and_truths_are_subjects_too():
    rules = budgets("  - {id: l.a, per: [account.tags, client.asn, request.stream], count: requests, rate: 1/1s}\n")
    keys = {rules.limits_for({**ORDINARY, "account.tags": tags}, NOW)[0].key for tags in [(), ("a",), ("a", "b"), ("a, b",), ("a', 'b",)]}
    assert len(keys) == 5


REMEMBERED = budgets("""  - {id: l.account, per: [account.id], count: requests, rate: 1/1s, when: account.tier == 'free'}
  - {id: l.model, per: [account.id, request.model], count: total_tokens, rate: 1/1s}
  - {id: l.campaign, per: [campaign.id], count: requests, rate: 1/1s, when: campaign.id != '' && risk.level >= 1}
""")
TWO = st.sampled_from(["", "a", "b", "free", "a\x1fb", "#a", "é" * 300])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TWO, TWO, TWO, TWO, st.integers(0, 2)), min_size=1, max_size=8))
def test_remembered_budgets_are_those_that_would_be_found_anew(requests):
    names = ("account.id", "request.model", "account.tier", "campaign.id", "risk.level")
    anew = REMEMBERED._epoch.budgets.due_unremembered
    for request in requests * 2:
        facts = {**ORDINARY, **dict(zip(names, request, strict=True))}
        assert REMEMBERED.due(facts, NOW) == anew(facts)


def test_callers_cannot_fill_the_memory_of_budgets(monkeypatch):
    monkeypatch.setattr(budgets_module, "REMEMBERED", 16)
    rules = budgets("  - {id: l.a, per: [account.id, request.model], count: requests, rate: 1/1s}\n")
    for number in range(200):
        facts = {**ORDINARY, "account.id": f"a{number}", "request.model": "m" * (number * 3)}
        assert f"\x1fa{number}\x1f" in rules.limits_for(facts, NOW)[0].key
    assert 0 < len(rules._epoch.budgets._due) <= 16
    assert all(len(part) <= LONGEST_TEXT for key in rules._epoch.budgets._due for part in key)


@pytest.mark.parametrize("when", ["", ", when: account.tier == 'free'", ", when: account.id != ''"])
def test_budgets_of_who_callers_are_are_remembered_whole(when):
    rules = budgets(f"  - {{id: l.a, per: [account.id], count: requests, rate: 1/1s{when}}}\n")
    facts = {**ORDINARY, "account.tier": "free"}
    assert len(rules.due(facts, NOW).limits) == 1
    assert rules.due(facts, NOW) is rules.due({**facts, "request.input_tokens": 77}, NOW)


def test_budgets_of_what_callers_vary_at_will_are_not_remembered_whole():
    for per, when in (
        ("request.n", "request.n > 0"),
        ("account.id, request.n", "request.n > 0"),
        ("account.id", "request.input_tokens > 5"),
    ):
        rules = budgets(f"  - {{id: l.a, per: [{per}], count: requests, rate: 1/1s, when: {when}}}\n")
        assert rules.limits_for({**ORDINARY, "request.input_tokens": 6}, NOW)
        assert rules._epoch.budgets._due == {}


def test_conditions_on_facts_of_few_values_are_remembered_and_others_asked_each_time():
    rules = budgets("""  - {id: l.few, per: [request.n], count: requests, rate: 1/1s, when: account.tier == 'free'}
  - {id: l.both, per: [request.n], count: requests, rate: 1/1s, when: account.tier == 'free' && request.input_tokens > 5}
""")
    for tokens, applied in ((5, {"l.few"}), (6, {"l.few", "l.both"}), (1, {"l.few"})):
        facts = {**ORDINARY, "account.tier": "free", "request.input_tokens": tokens}
        assert {limit.id for limit in rules.limits_for(facts, NOW)} == applied
    assert set(rules._epoch.budgets._seen) == {"free"}


def test_a_limit_set_aside_for_one_caller_is_not_remembered_as_such_for_the_next():
    rules = budgets("""  - {id: l.a, per: [account.id], count: requests, rate: 1/1s}
waivers: [{id: w.a, waives: [l.a], when: account.verified, expires: 2027-06-30, reason: r, approver: a}]
""")
    for verified, applied in ((True, []), (False, ["l.a"]), (True, [])):
        assert [limit.id for limit in rules.limits_for({**ORDINARY, "account.verified": verified}, NOW)] == applied
