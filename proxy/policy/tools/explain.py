"""Why one request was judged as it was: every rule that looked, the truth of each test inside its condition, and the facts it read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from proxy.policy.effects import join_all
from proxy.policy.facts import Facts, FactValue
from proxy.policy.judging.merging import covering, in_sample
from proxy.policy.language.amounts import amount_text
from proxy.policy.language.closures import CelFault
from proxy.policy.language.expression import Condition
from proxy.policy.language.spans import plain
from proxy.policy.rules import Limit, Rule, Waiver
from proxy.policy.ruleset import Ruleset
from proxy.policy.verdict import Hit, Mode, Verdict

NO_SOURCES: Final[Mapping[str, str]] = {}


class Test(NamedTuple):
    """One test inside a condition. `truth` is None where it failed to evaluate."""

    text: str
    truth: bool | None
    facts: Mapping[str, FactValue]


class Looked(NamedTuple):
    """One rule, limit or waiver: what it asked and what came of it."""

    id: str
    kind: str
    """rule, limit or waiver."""
    mode: str
    """enforce, shadow or off; for a waiver enforce."""
    when: str
    truth: bool | None
    """Whether the condition holds; None where it failed to evaluate or wasn't asked."""
    tests: tuple[Test, ...]
    outcome: str
    """In words: acts, only counts, doesn't match, is waived, and so on."""
    acts: bool
    """Its effects are part of the verdict, its budget is asked, or it sets something aside."""
    effects: tuple[str, ...]
    waived_by: str
    place: str
    source: str


class Explanation(NamedTuple):
    """One request under one revision."""

    revision: str
    verdict: Verdict
    rules: tuple[Looked, ...]
    limits: tuple[Looked, ...]
    waivers: tuple[Looked, ...]
    facts: Mapping[str, FactValue]
    sources: Mapping[str, str]
    """Where facts came from, as far as the caller of `explain` knows."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "revision": self.revision,
            "verdict": verdict_dict(self.verdict),
            "rules": [_looked_dict(looked) for looked in self.rules],
            "limits": [_looked_dict(looked) for looked in self.limits],
            "waivers": [_looked_dict(looked) for looked in self.waivers],
            "facts": {name: {"value": _plain(value), "source": self.sources.get(name, "")} for name, value in sorted(self.facts.items())},
        }


def explain(ruleset: Ruleset, facts: Facts, now: float, sources: Mapping[str, str] = NO_SOURCES) -> Explanation:
    """Ask every rule, limit and waiver one by one, past the verdict cache. `now` is seconds since the epoch.

    The verdict is put together from what the single rules said; it is the one that `judge` gives.
    """
    in_force = ruleset.waivers_at(now)
    rules = tuple(_rule(rule, facts, now, in_force.get(rule.id, ())) for rule in ruleset.rules)
    limits = tuple(_limit(limit, facts, in_force.get(limit.id, ())) for limit in ruleset.limits)
    waivers = tuple(_waiver(waiver, facts, now) for waiver in ruleset.waivers)
    verdict = _verdict(ruleset, rules, facts)
    return Explanation(ruleset.revision, verdict, rules, limits, waivers, dict(facts), sources)


def _rule(rule: Rule, facts: Facts, now: float, waivers: tuple[Waiver, ...]) -> Looked:
    if not rule.counts_at(now):
        asleep = "is switched off" if rule.mode is Mode.OFF else "doesn't count yet" if now < rule.starts_at else "has expired"
        return _looked(rule, "rule", asleep)
    truth, tests = ask(rule.condition, facts)
    if truth is False:
        return _looked(rule, "rule", "doesn't match", truth=truth, tests=tests)
    waived_by = covering(waivers, facts)
    outcome, acts = _consequence(rule, facts, waived_by, truth=truth)
    return _looked(rule, "rule", outcome, acts=acts, waived_by=waived_by, truth=truth, tests=tests)


def _consequence(rule: Rule, facts: Facts, waived_by: str, *, truth: bool | None) -> tuple[str, bool]:
    """What follows from a rule that matches or fails, in words, and whether its effects count."""
    match = "matches" if truth else "fails to evaluate"
    if waived_by:
        return f"{match}, set aside by {waived_by}", False
    if rule.sampled and not in_sample(rule, facts):
        return f"{match}, but this subject is outside its {rule.percent:g} %", False
    if truth is None and not rule.error_counts:
        return "fails to evaluate, which it skips", False
    if rule.mode is Mode.SHADOW:
        return f"{match}, in shadow: would {' and '.join(rule.effects.names)}", False
    return f"{match}: {' and '.join(rule.effects.names)}", True


def _limit(limit: Limit, facts: Facts, waivers: tuple[Waiver, ...]) -> Looked:
    if limit.mode is Mode.OFF:
        return _looked(limit, "limit", "is switched off")
    truth, tests = ask(limit.condition, facts) if limit.condition is not None else (True, ())
    if truth is False:
        return _looked(limit, "limit", "doesn't apply", truth=truth, tests=tests)
    waived_by = covering(waivers, facts)
    if waived_by:
        return _looked(limit, "limit", f"applies, set aside by {waived_by}", waived_by=waived_by, truth=truth, tests=tests)
    shadow = ", in shadow" if limit.mode is Mode.SHADOW else ""
    subject = ", ".join(f"{name}={facts.get(name, '')}" for name in limit.per)
    amount = f"{amount_text(limit.burst)} at once"
    if limit.rate > 0.0:
        amount = f"{amount_text(limit.rate)} a second, {amount}"
    return _looked(limit, "limit", f"applies{shadow}: {limit.count} per {subject}, {amount}", acts=True, truth=truth, tests=tests)


def _waiver(waiver: Waiver, facts: Facts, now: float) -> Looked:
    if now >= waiver.ends_at:
        return _looked(waiver, "waiver", f"expired with {waiver.expires}")
    truth, tests = ask(waiver.condition, facts)
    outcome = f"covers this request until {waiver.expires}: {', '.join(waiver.waives)}" if truth else "doesn't cover this request"
    return _looked(waiver, "waiver", outcome, acts=bool(truth), truth=truth, tests=tests)


def ask(condition: Condition, facts: Facts) -> tuple[bool | None, tuple[Test, ...]]:
    """The truth of a condition and of each test in it."""
    tests = tuple(
        Test(atom.text, _truth(atom.truth.ask, facts), {name: facts[name] for name in sorted(atom.reads) if name in facts})
        for atom in condition.atoms
    )
    return _truth(condition.holds, facts), tests


def _truth(question: Any, facts: Facts) -> bool | None:
    try:
        return bool(question(facts))
    except (CelFault, KeyError, TypeError, AttributeError):
        return None


def _looked(
    item: Rule | Limit | Waiver,
    kind: str,
    outcome: str,
    *,
    truth: bool | None = None,
    tests: tuple[Test, ...] = (),
    acts: bool = False,
    waived_by: str = "",
) -> Looked:
    return Looked(
        id=item.id,
        kind=kind,
        mode=item.mode.value if not isinstance(item, Waiver) else "enforce",
        when=plain(item.condition.text) if item.condition else "always",
        truth=truth,
        tests=tests,
        outcome=outcome,
        acts=acts,
        effects=item.effects.names if isinstance(item, Rule) else (),
        waived_by=waived_by,
        place=str(item.origin),
        source=item.about.source if not isinstance(item, Waiver) else item.reason,
    )


def _verdict(ruleset: Ruleset, rules: tuple[Looked, ...], facts: Facts) -> Verdict:
    by_id = {rule.id: rule for rule in ruleset.rules}
    acting = [by_id[looked.id].effects for looked in rules if looked.acts]
    refusals = [effects.refusal for effects in acting if effects.refusal is not None]
    return Verdict(
        min(refusals, key=lambda refusal: refusal.rule, default=None),
        join_all(effects.clamps for effects in acting),
        frozenset(part for effects in acting for part in effects.strips),
        frozenset(tag for effects in acting for tag in effects.tags),
        tuple(_hits(by_id, rules, facts)),
    )


def _hits(by_id: Mapping[str, Rule], rules: tuple[Looked, ...], facts: Facts) -> Iterator[Hit]:
    for looked in rules:
        rule = by_id[looked.id]
        if looked.truth or (looked.truth is None and looked.tests):
            outside = rule.sampled and not in_sample(rule, facts)
            yield Hit(rule.id, rule.mode, rule.effects.names, looked.waived_by, looked.truth is None, outside)


def verdict_dict(verdict: Verdict) -> dict[str, Any]:
    """A verdict for JSON."""
    refusal = verdict.refusal
    return {
        "outcome": "refuse" if refusal else "allow",
        "refusal": refusal._asdict() if refusal else None,
        "clamps": dict(verdict.clamps),
        "strips": sorted(verdict.strips),
        "tags": sorted(verdict.tags),
        "hits": [{**hit._asdict(), "mode": hit.mode.value, "effects": list(hit.effects)} for hit in verdict.hits],
    }


def _looked_dict(looked: Looked) -> dict[str, Any]:
    tests = [
        {"test": test.text, "truth": test.truth, "facts": {name: _plain(value) for name, value in test.facts.items()}}
        for test in looked.tests
    ]
    return {**looked._asdict(), "tests": tests, "effects": list(looked.effects)}


def _plain(value: FactValue) -> Any:
    return list(value) if isinstance(value, tuple) else value
