from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.effects import lower_bound
from proxy.policy.facts import Phase
from proxy.policy.load import load
from tests.policy.generated import LIST_FILE, document, near_ordinary, rules

NOW = 1_795_520_000.0  # 2026-11-24
TEXTS = st.lists(rules(), min_size=1, max_size=5)


def load_rules(texts, waivers=b""):
    ids = {f"r.{index}": text for index, text in enumerate(texts)}
    return load({"a.yaml": document(ids) + waivers, "lists.yaml": LIST_FILE}, NOW)


@settings(max_examples=50, deadline=None)
@given(TEXTS, near_ordinary(), st.randoms(use_true_random=False))
def test_neither_the_order_of_rules_nor_their_files_changes_a_verdict(texts, facts, shuffle: random.Random):
    ids = list({f"r.{index}": text for index, text in enumerate(texts)}.items())
    straight = load({"a.yaml": document(dict(ids)), "lists.yaml": LIST_FILE}, NOW)
    shuffle.shuffle(ids)
    cut = shuffle.randint(1, len(ids))
    files = {"z.yaml": document(dict(ids[:cut])), "lists.yaml": LIST_FILE}
    if ids[cut:]:
        files["b.yaml"] = document(dict(ids[cut:]))
    shuffled = load(files, NOW)
    for phase in Phase:
        assert straight.evaluate(phase, facts, NOW) == shuffled.evaluate(phase, facts, NOW)


@settings(max_examples=50, deadline=None)
@given(TEXTS, rules(), near_ordinary())
def test_another_rule_never_makes_a_verdict_milder(texts, another, facts):
    before = load_rules(texts).judge(facts, NOW)
    after = load_rules([*texts, another]).judge(facts, NOW)
    assert after.refusal is not None or before.refusal is None
    assert before.strips <= after.strips
    assert before.tags <= after.tags
    for name, value in before.clamps.items():
        assert lower_bound(value, after.clamps[name]) == after.clamps[name]


@settings(max_examples=50, deadline=None)
@given(TEXTS, near_ordinary(), st.booleans())
def test_a_waiver_sets_aside_what_it_names_for_whom_it_names_and_nothing_else(texts, facts, inside):
    condition = "account.id == 'acct-ordinary'" if inside else "account.id == 'someone-else'"
    waiver = f'waivers:\n  - {{id: w.a, waives: [r.0], when: "{condition}", expires: 2026-12-31, reason: r, approver: a}}\n'
    facts = {**facts, "account.id": "acct-ordinary"}
    with_waiver = load_rules(texts, waiver.encode()).judge(facts, NOW)
    expected = load_rules(texts).without("r.0" if inside else "nothing").judge(facts, NOW)
    assert with_waiver[:4] == expected[:4]
    assert {hit.rule for hit in with_waiver.hits if hit.waived_by} == (
        {"r.0"} if inside and "r.0" in {hit.rule for hit in with_waiver.hits} else set()
    )


@settings(max_examples=40, deadline=None)
@given(
    TEXTS,
    st.lists(near_ordinary(), min_size=1, max_size=5),
    st.lists(st.sampled_from([NOW - 40 * 86400, NOW, NOW + 40 * 86400]), min_size=1, max_size=5),
)
def test_the_verdict_cache_never_shows(texts, requests, times):
    ruleset = load_rules(texts)
    for facts in requests * 2:
        for now in times:
            for phase in Phase:
                assert ruleset.evaluate(phase, facts, now) == ruleset.evaluate_unremembered(phase, facts, now)
