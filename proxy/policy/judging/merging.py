"""From the rules that matched to one verdict: waivers, modes, sampling, and the joint effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import xxhash

from proxy.policy.effects import join_all, join_clamps
from proxy.policy.facts import Facts
from proxy.policy.rules import Rule, Waiver
from proxy.policy.verdict import ALLOW, Hit, Mode, Refusal, Verdict

_BASIS_POINTS: Final = 10_000


class Match(NamedTuple):
    """A rule whose condition holds, or failed to evaluate."""

    rule: Rule
    error: bool


def merge(matches: Sequence[Match], waivers: Mapping[str, Sequence[Waiver]], facts: Facts) -> Verdict:
    """The joint effect of the matches, in any order. `waivers` are those in force, by the rule they may set aside."""
    if not matches:
        return ALLOW
    hits: list[Hit] = []
    acting: list[Rule] = []
    for rule, error in sorted(matches, key=_by_id):
        waived_by = covering(waivers.get(rule.id, ()), facts)
        outside = rule.sampled and not in_sample(rule, facts)
        hits.append(Hit(rule.id, rule.mode, rule.effects.names, waived_by, error, outside))
        if rule.mode is Mode.ENFORCE and not waived_by and not outside and (not error or rule.error_counts):
            acting.append(rule)
    return _joint(acting, tuple(hits))


def joined(first: Verdict, second: Verdict) -> Verdict:
    """Both verdicts as one."""
    if second is ALLOW:
        return first
    if first is ALLOW:
        return second
    refusals = [verdict.refusal for verdict in (first, second) if verdict.refusal is not None]
    return Verdict(
        min(refusals, key=lambda refusal: refusal.rule, default=None),
        join_clamps(first.clamps, second.clamps),
        first.strips | second.strips,
        first.tags | second.tags,
        tuple(sorted((*first.hits, *second.hits), key=lambda hit: hit.rule)),
    )


def covering(waivers: Sequence[Waiver], facts: Facts) -> str:
    """Id of the first waiver that covers these facts, or ""."""
    return min((waiver.id for waiver in waivers if waiver.covers(facts)), default="")


def in_sample(rule: Rule, facts: Facts) -> bool:
    """Whether the subject, its account or else its address, lies inside the rule's percentage; a subject never changes sides.

    A subject inside 10 % is also inside 25 %, so that raising the share only ever adds subjects.
    """
    subject = facts.get("account.id") or facts.get("client.ip", "")
    digest = xxhash.xxh3_64_intdigest(f"{rule.id}\0{subject}".encode("utf-8", "surrogatepass"))
    return digest % _BASIS_POINTS < rule.percent * (_BASIS_POINTS / 100)


def _joint(acting: Sequence[Rule], hits: tuple[Hit, ...]) -> Verdict:
    refusal: Refusal | None = None
    strips: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    for rule in acting:
        effects = rule.effects
        refusal = refusal or effects.refusal  # rules come sorted, so the smallest id is told
        strips |= effects.strips
        tags |= effects.tags
    return Verdict(refusal, join_all(rule.effects.clamps for rule in acting), strips, tags, hits)


def _by_id(match: Match) -> str:
    return match.rule.id
