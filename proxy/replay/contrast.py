"""Two rulesets side by side on the same traffic: each with its own limits and its own detector, as if it had been in force alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from proxy.replay.outcomes import ALLOW, CLAMP, Replayed
from proxy.replay.recorded import Recorded
from proxy.replay.replayer import Replayer

Key = TypeVar("Key")


class Fate(NamedTuple):
    """What became of an exchange: all that its caller would notice."""

    outcome: str
    rule: str
    clamps: tuple[tuple[str, object], ...] = ()
    strips: tuple[str, ...] = ()

    def __str__(self) -> str:
        by = f" by {self.rule}" if self.rule else ""
        parts = ", ".join([*(f"{name} <= {value}" for name, value in self.clamps), *(f"without {part}" for part in self.strips)])
        return f"{self.outcome}{by}{f' ({parts})' if parts else ''}"


@dataclass(slots=True)
class Switch:
    """Exchanges that went from one fate to another."""

    first_line: int
    exchanges: int = 0
    accounts: set[str] = field(default_factory=set)


class Contrast:
    """Steps both replayers through the same exchanges and keeps where they part."""

    def __init__(self, before: Replayer, after: Replayer) -> None:
        self._before, self._after = before, after
        self.exchanges = self.outlined = 0
        self.switches: dict[tuple[Fate, Fate], Switch] = {}
        self.accounts: set[str] = set()
        """Accounts for which anything differs."""
        self.shadow: dict[str, Switch] = {}
        """By rule or limit: exchanges that it would act on if it weren't in shadow, where it said nothing before."""

    def step(self, recorded: Recorded) -> None:
        """Judge one exchange twice."""
        self.exchanges += 1
        self.outlined += recorded.outlined
        before, after = self._before.step(recorded), self._after.step(recorded)
        for rule in set(after.shadow).difference(before.shadow):
            _count(self.shadow, rule, recorded)
        was, will = fate(before), fate(after)
        if not _alike(was, will):
            _count(self.switches, (was, will), recorded)
            self.accounts.add(recorded.account.id)


def by_size(switches: Mapping[Key, Switch]) -> list[tuple[Key, Switch]]:
    """The commonest first."""
    return sorted(switches.items(), key=lambda item: (-item[1].exchanges, item[1].first_line))


def _count(switches: dict[Key, Switch], key: Key, recorded: Recorded) -> None:
    switch = switches.setdefault(key, Switch(recorded.line))
    switch.exchanges += 1
    switch.accounts.add(recorded.account.id)


def fate(replayed: Replayed) -> Fate:
    """What its caller would notice of a decision."""
    decision = replayed.decision
    if decision is None or not replayed.served:
        return Fate(replayed.outcome, replayed.rule)
    if not decision.clamps and not decision.strips:
        return Fate(ALLOW, "")
    return Fate(replayed.outcome, replayed.rule, tuple(sorted(decision.clamps.items())), tuple(sorted(decision.strips)))


def _alike(was: Fate, will: Fate) -> bool:
    """No caller could tell: the same bounds may come from another rule."""
    return was == will or (was.outcome == will.outcome == CLAMP and was[2:] == will[2:])


def contrast_dict(contrast: Contrast) -> dict[str, Any]:
    """Everything, for JSON."""
    return {
        "exchanges": contrast.exchanges,
        "without_texts": contrast.outlined,
        "different": sum(switch.exchanges for switch in contrast.switches.values()),
        "accounts": len(contrast.accounts),
        "switches": [
            {"old": fate_dict(was), "new": fate_dict(will), **_switch_dict(switch)} for (was, will), switch in by_size(contrast.switches)
        ],
        "shadow": [{"rule": rule, **_switch_dict(switch)} for rule, switch in by_size(contrast.shadow)],
    }


def _switch_dict(switch: Switch) -> dict[str, Any]:
    return {"exchanges": switch.exchanges, "accounts": sorted(switch.accounts), "first_line": switch.first_line}


def fate_dict(one: Fate) -> dict[str, Any]:
    """A fate for JSON."""
    return {"outcome": one.outcome, "rule": one.rule, "clamps": dict(one.clamps), "strips": list(one.strips)}
