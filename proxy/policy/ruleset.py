"""Ruleset: everything one policy folder says, immutable, swapped whole. One exchange is judged by one ruleset."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from proxy.policy.facts import Facts, Phase
from proxy.policy.judging.budgets import Budgets, Due
from proxy.policy.judging.memo import Judgement
from proxy.policy.judging.merging import joined
from proxy.policy.names.patterns import Scan
from proxy.policy.names.prices import Price
from proxy.policy.names.vocabulary import Vocabulary
from proxy.policy.rules import ALWAYS, AppliedLimit, Limit, Rule, Waiver
from proxy.policy.verdict import Mode, Verdict

__all__ = ["AppliedLimit", "Due", "Ruleset"]

_SUBJECT: Final = frozenset({"account.id", "client.ip"})
"""What a percentage is taken of."""


class _Epoch(NamedTuple):
    """The rules between two dates at which something starts or ends."""

    since: float
    until: float
    request: Judgement
    signals: Judgement
    budgets: Budgets
    waivers: Mapping[str, tuple[Waiver, ...]]


class Ruleset:
    """Rules, limits, waivers and names of one revision. Evaluation never raises and never waits."""

    def __init__(
        self, revision: str, rules: Sequence[Rule], limits: Sequence[Limit], waivers: Sequence[Waiver], names: Vocabulary, loaded_at: float
    ) -> None:
        self.revision = revision
        self.rules = tuple(sorted(rules, key=lambda rule: rule.id))
        self.limits = tuple(sorted(limits, key=lambda limit: limit.id))
        self.waivers = tuple(sorted(waivers, key=lambda waiver: waiver.id))
        self.vocabulary = names
        self.reads = _reads(self.rules, self.limits, self.waivers)
        self.scans = ("request.patterns" in self.reads and bool(names.patterns.names)) or "request.unscanned_chars" in self.reads
        """Some rule asks what the prompt's texts hold."""
        self.reads_movement = not self.reads.isdisjoint({"account.countries_24h", "account.asns_24h", "account.travel_kmh"})
        self.scan: Callable[[Sequence[str]], Scan] = names.patterns.scan
        self.canonical_model: Callable[[str], str] = names.models.canonical
        self.knows_model: Callable[[str], bool] = names.models.knows
        self._price_of = names.prices.of
        self.passes_uninspected: Callable[[str, str], bool] = names.uninspected.passes
        self._dates = _dates(self.rules, self.waivers)
        self._epochs: dict[int, _Epoch] = {}
        self._epoch = self._epoch_at(loaded_at)

    def __repr__(self) -> str:
        return f"<Ruleset {self.revision}: {len(self.rules)} rules, {len(self.limits)} limits, {len(self.waivers)} waivers>"

    def evaluate(self, phase: Phase, facts: Facts, now: float) -> Verdict:
        """What the rules of one phase say at `now` (seconds since the epoch). `facts` holds every fact up to that phase."""
        epoch = self._epoch
        if not epoch.since <= now < epoch.until:
            epoch = self._epoch = self._epoch_at(now)
        return (epoch.request if phase is Phase.REQUEST else epoch.signals).verdict(facts)

    def judge(self, facts: Facts, now: float) -> Verdict:
        """What both phases say together, as the live path joins them."""
        epoch = self._epoch
        if not epoch.since <= now < epoch.until:
            epoch = self._epoch = self._epoch_at(now)
        return joined(epoch.request.verdict(facts), epoch.signals.verdict(facts))

    def undated(self) -> Ruleset:
        """The same rules with neither dates nor percentages: what they say, apart from when and for how many."""
        rules = [rule._replace(starts_at=-ALWAYS, ends_at=ALWAYS, percent=100.0) for rule in self.rules]
        waivers = [waiver._replace(ends_at=ALWAYS) for waiver in self.waivers]
        return Ruleset(self.revision, rules, self.limits, waivers, self.vocabulary, 0.0)

    def without(self, identity: str) -> Ruleset:
        """The same set lacking one rule, limit or waiver."""
        rules = [rule for rule in self.rules if rule.id != identity]
        limits = [limit for limit in self.limits if limit.id != identity]
        waivers = [waiver for waiver in self.waivers if waiver.id != identity]
        return Ruleset(self.revision, rules, limits, waivers, self.vocabulary, 0.0)

    def evaluate_unremembered(self, phase: Phase, facts: Facts, now: float) -> Verdict:
        """Like `evaluate`, past the verdict cache."""
        epoch = self._epoch_at(now)
        return (epoch.request if phase is Phase.REQUEST else epoch.signals).verdict_unremembered(facts)

    def limits_for(self, facts: Facts, now: float) -> tuple[AppliedLimit, ...]:
        """The limits that apply, after the signals phase."""
        return self.due(facts, now).limits

    def due(self, facts: Facts, now: float) -> Due:
        """The limits that apply, and the hits of those waived or in error."""
        epoch = self._epoch
        if not epoch.since <= now < epoch.until:
            epoch = self._epoch = self._epoch_at(now)
        return epoch.budgets.due(facts)

    def price(self, model: str, prompt_tokens: int, tier: str = "", *, batch: bool = False) -> Price:
        """US dollars per million tokens of a call with so long a prompt in a processing tier, alone or in a batch, by any name of the model."""
        return self._price_of(self.canonical_model(model), prompt_tokens, tier, batch=batch)

    def expired(self, now: float) -> tuple[str, ...]:
        """Ids of rules and waivers whose last day has passed: they no longer act, which someone should be told."""
        rules = [rule.id for rule in self.rules if rule.mode is not Mode.OFF and rule.ends_at <= now]
        return tuple(sorted(rules + [waiver.id for waiver in self.waivers if waiver.ends_at <= now]))

    def waives(self, prefix: str, facts: Facts, now: float) -> bool:
        """A waiver in force covers this subject for some rule or limit whose id begins with `prefix`."""
        return any(
            waiver.covers(facts)
            for target, waivers in self._epoch_at(now).waivers.items()
            if target.startswith(prefix)
            for waiver in waivers
        )

    def waivers_at(self, now: float) -> Mapping[str, tuple[Waiver, ...]]:
        """Waivers in force, by the rule or limit they may set aside."""
        return self._epoch_at(now).waivers

    def _epoch_at(self, now: float) -> _Epoch:
        index = bisect_right(self._dates, now)
        epoch = self._epochs.get(index)
        if epoch is None:
            epoch = self._epochs[index] = self._make_epoch(index, now)
        return epoch

    def _make_epoch(self, index: int, now: float) -> _Epoch:
        waivers: dict[str, tuple[Waiver, ...]] = {}
        for waiver in self.waivers:
            if now < waiver.ends_at:
                for target in waiver.targets:
                    waivers[target] = (*waivers.get(target, ()), waiver)
        active = [rule for rule in self.rules if rule.counts_at(now)]
        request, signals = (Judgement([rule for rule in active if rule.phase is phase], waivers) for phase in Phase)
        since = self._dates[index - 1] if index else -ALWAYS
        until = self._dates[index] if index < len(self._dates) else ALWAYS
        return _Epoch(since, until, request, signals, Budgets(self.limits, waivers), waivers)


def _reads(rules: Sequence[Rule], limits: Sequence[Limit], waivers: Sequence[Waiver]) -> frozenset[str]:
    conditions = [rule.condition for rule in rules if rule.mode is not Mode.OFF]
    conditions += [limit.condition for limit in limits if limit.condition is not None and limit.mode is not Mode.OFF]
    conditions += [waiver.condition for waiver in waivers]
    names = frozenset(name for condition in conditions for name in condition.reads)
    names |= frozenset(name for limit in limits if limit.mode is not Mode.OFF for name in limit.per)
    return names | _SUBJECT if any(rule.sampled for rule in rules) else names


def _dates(rules: Sequence[Rule], waivers: Sequence[Waiver]) -> list[float]:
    dates = {date for rule in rules for date in (rule.starts_at, rule.ends_at)} | {waiver.ends_at for waiver in waivers}
    return sorted(date for date in dates if abs(date) != ALWAYS)
