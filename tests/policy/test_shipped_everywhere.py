"""Every shipped rule and limit fires through every endpoint that can carry it: no API path around the terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.adapters.policy_folder import read_folder
from proxy.dialects.dialect import RouteKind
from proxy.dialects.routes import ENDPOINTS
from proxy.policy.cases import read_cases
from proxy.policy.load import load

POLICIES = Path(__file__).parents[2] / "policies"
NOW = 1_795_500_000.0
WHERE = {"request.endpoint", "request.dialect"}
"""A condition on these is about one endpoint; everything else must hold on all of them."""
CALLS = sorted({(row.dialect.name, row.endpoint) for row in ENDPOINTS if row.kind is not RouteKind.METADATA})


@pytest.fixture(scope="module")
def shipped():
    files = read_folder(POLICIES)
    ruleset = load(files, NOW).undated()
    cases = list(read_cases(ruleset, files, []))
    assert len(cases) > 40
    return ruleset, cases


def fired(ruleset, facts):
    hits = {hit.rule for hit in ruleset.judge(facts, NOW).hits}
    return hits | {limit.id for limit in ruleset.due(facts, NOW).limits}


@pytest.mark.parametrize(("dialect", "endpoint"), CALLS, ids=lambda name: name)
def test_what_fires_somewhere_fires_through_this_endpoint(shipped, dialect, endpoint):
    ruleset, cases = shipped
    entries = {entry.id: entry for entry in (*ruleset.rules, *ruleset.limits)}
    tried = 0
    for case in cases:
        here = {**case.facts, "request.endpoint": endpoint, "request.dialect": dialect}
        wanted = {
            name
            for name in fired(ruleset, case.facts)
            if entries[name].condition is None or WHERE.isdisjoint(entries[name].condition.reads)
        }
        assert wanted <= fired(ruleset, here), case.doc.name
        tried += len(wanted)
    assert tried > 100


def test_every_shipped_rule_and_limit_was_tried(shipped):
    ruleset, cases = shipped
    named = {entry.id for entry in (*ruleset.rules, *ruleset.limits)}
    assert named == {name for case in cases for name in fired(ruleset, case.facts)} & named
