"""The verdict cache: which rules match is remembered by the values of the facts they read.

Most rules read only facts with few values (country, model, endpoint, tier). Those rules are asked once for each combination seen; a
hundred of them then cost one look-up. Two levels: all few-valued facts of a phase together, and, when that combination is new, each
group of rules that read the same facts. A caller who varies one fact at will misses the first level but hits nearly all of the second.

What depends on more than the facts (dates, percentages, waivers) isn't remembered: it is applied to the matches afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from proxy.policy.facts import BY_NAME, Facts
from proxy.policy.judging.memory import remember, values_of
from proxy.policy.judging.merging import Match, merge
from proxy.policy.language.closures import CelFault
from proxy.policy.rules import Rule, Waiver
from proxy.policy.verdict import ALLOW, Verdict

JOINT_ENTRIES: Final = 8192
GROUP_ENTRIES: Final = 2048


class Joint(NamedTuple):
    """What is remembered of one combination of facts."""

    matches: tuple[Match, ...]
    verdict: Verdict | None
    """The finished verdict where nothing else can change it."""


class _Group(NamedTuple):
    """Rules that read the same facts."""

    key: Callable[[Facts], Any]
    rules: tuple[Rule, ...]
    seen: dict[Any, tuple[Match, ...]]


class Judgement:
    """The rules of one phase, as they stand between two dates."""

    __slots__ = ("_groups", "_joint", "_key", "_rules", "_waivers", "_wide")

    def __init__(self, rules: Iterable[Rule], waivers: Mapping[str, Sequence[Waiver]]) -> None:
        self._rules = tuple(rules)
        self._waivers = waivers
        wide: list[Rule] = []
        by_facts: dict[tuple[str, ...], list[Rule]] = {}
        for rule in self._rules:
            if all(BY_NAME[name].few for name in rule.condition.reads):
                by_facts.setdefault(tuple(sorted(rule.condition.reads)), []).append(rule)
            else:
                wide.append(rule)
        self._wide = tuple(wide)
        self._groups = tuple(_Group(values_of(names), tuple(group), {}) for names, group in by_facts.items())
        self._key = values_of(sorted({name for names in by_facts for name in names}))
        self._joint: dict[Any, Joint] = {}

    def verdict(self, facts: Facts) -> Verdict:
        """The joint effect of every rule on these facts."""
        try:
            key = self._key(facts)
            joint = self._joint.get(key) or self._remember(key, facts)
        except (KeyError, TypeError):  # a fact is missing or isn't hashable: each rule that reads it must fail for itself
            return self.verdict_unremembered(facts)
        if self._wide:
            wide = ask(self._wide, facts)
            if wide:
                return merge((*joint.matches, *wide), self._waivers, facts)
        return joint.verdict if joint.verdict is not None else merge(joint.matches, self._waivers, facts)

    def verdict_unremembered(self, facts: Facts) -> Verdict:
        """The same without the cache: what the cache must agree with."""
        return merge(ask(self._rules, facts), self._waivers, facts)

    def _remember(self, key: Any, facts: Facts) -> Joint:
        matches = tuple(match for group in self._groups for match in _recall(group, facts))
        settled = not any(match.rule.sampled or match.rule.id in self._waivers for match in matches)
        joint = Joint(matches, (merge(matches, self._waivers, facts) if matches else ALLOW) if settled else None)
        remember(self._joint, key, joint, JOINT_ENTRIES)
        return joint


def ask(rules: Iterable[Rule], facts: Facts) -> tuple[Match, ...]:
    """The rules whose condition holds on these facts, or fails to evaluate."""
    found: list[Match] = []
    for rule in rules:
        try:
            if rule.condition.holds(facts):
                found.append(Match(rule, error=False))
        except (CelFault, KeyError, TypeError, AttributeError):
            found.append(Match(rule, error=True))
    return tuple(found) if found else ()


def _recall(group: _Group, facts: Facts) -> tuple[Match, ...]:
    key = group.key(facts)
    matches = group.seen.get(key)
    if matches is None:
        matches = ask(group.rules, facts)
        remember(group.seen, key, matches, GROUP_ENTRIES)
    return matches
