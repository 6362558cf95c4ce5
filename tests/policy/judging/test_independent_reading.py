"""The semantics of rules read from policies/README.md alone, and held against the ruleset on random rules, waivers, days and facts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.facts import Facts
from proxy.policy.language.closures import CelFault
from proxy.policy.language.expression import Expressions
from proxy.policy.load import load
from tests.policy.generated import LIST_FILE, LISTS, document, near_ordinary, rules

EXPRESSIONS = Expressions(LISTS)
EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
DAY_S = 86_400
MOMENTS = st.sampled_from(
    [datetime(2026, month, day, tzinfo=UTC).timestamp() + off for month, day in ((11, 1), (11, 24), (12, 1)) for off in (-1, 0, DAY_S - 1)]
)


def holds(condition: str, facts: Facts) -> bool | None:
    """What CEL says of the whole condition; None where it fails."""
    try:
        return EXPRESSIONS.compile(condition).reference(facts)
    except CelFault:
        return None


def acts(rule: dict[str, Any], waivers: list[dict[str, Any]], facts: Facts, now: float) -> bool:
    day = datetime.fromtimestamp(now, tz=UTC).date().isoformat()
    if rule.get("mode", "enforce") != "enforce" or not str(rule.get("not_before", "")) <= day <= str(rule.get("expires", "9")):
        return False
    truth = holds(rule["when"], facts)
    default = "refuse" if "refuse" in rule["then"] else "apply"
    if truth is False or (truth is None and rule.get("on_error", default) == "skip"):
        return False
    return not any(
        day <= str(waiver["expires"]) and rule["id"] in waiver["waives"] and holds(waiver["when"], facts) is True for waiver in waivers
    )


def lower(name: str, one: Any, other: Any) -> Any:
    return min(one, other, key=EFFORTS.index) if name == "reasoning_effort" else min(one, other)


def verdict(written: list[dict[str, Any]], waivers: list[dict[str, Any]], facts: Facts, now: float) -> dict[str, Any]:
    acting = [rule for rule in written if acts(rule, waivers, facts, now)]
    clamps: dict[str, Any] = {}
    for rule in acting:
        for name, value in rule["then"].get("clamp", {}).items():
            clamps[name] = lower(name, clamps.get(name, value), value)
    return {
        "refused by": min((rule["id"] for rule in acting if "refuse" in rule["then"]), default=None),
        "clamps": clamps,
        "strips": {part for rule in acting for part in rule["then"].get("strip", [])},
        "tags": {tag for rule in acting for tag in rule["then"].get("tag", [])},
    }


WHOM = st.sampled_from(["account.verified", "request.turns / request.n > 0", "client.country in lists.supported", "true"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(rules().filter(lambda text: "enforce_percent" not in text), min_size=1, max_size=4),
    near_ordinary(),
    MOMENTS,
    WHOM,
    st.booleans(),
)
def test_rules_mean_what_the_reference_says(texts, facts, now, whom, waived):
    policy = document({f"r.{index}": text for index, text in enumerate(texts)})
    if waived:
        policy += f"waivers: [{{id: w.a, waives: [r.0], when: '{whom}', expires: 2026-11-24, reason: r, approver: a}}]\n".encode()
    found = load({"a.yaml": policy, "lists.yaml": LIST_FILE}, now - 40 * DAY_S)
    written = yaml.load(policy, Loader=yaml.BaseLoader)  # noqa: S506  texts as they stand: days and modes aren't turned into anything
    for rule in written["rules"]:
        rule["then"]["clamp"] = typed(rule["then"].get("clamp", {}))
    told = found.judge(facts, now)
    assert verdict(written["rules"], written.get("waivers", []), facts, now) == {
        "refused by": told.refusal.rule if told.refusal else None,
        "clamps": dict(told.clamps),
        "strips": told.strips,
        "tags": told.tags,
    }


def typed(clamps: dict[str, str]) -> dict[str, Any]:
    return {name: yaml.safe_load(value) for name, value in clamps.items()}
