"""What a rehearsal showed: when a campaign was noticed, how much it had got by then, and which honest accounts were touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from proxy.drill.loop import Decided

LEVELS: Final = (1, 2, 3, 4)


class Milestone(NamedTuple):
    """How far a campaign had come when its first account reached a level."""

    level: int
    at: float
    """Seconds since the epoch."""
    harvested: int
    """Harvest requests served up to then."""


class CampaignTimeline(NamedTuple):
    """One campaign's fate. Volumes count the harvest alone, not the ordinary traffic mixed in."""

    name: str
    accounts: int
    """Accounts seen, replacements included."""
    started_at: float
    candidate_at: float
    """When an account was first put to a campaign; 0.0 if never."""
    milestones: tuple[Milestone, ...]
    planned: int
    """Harvest requests that the plan asks for; those sent when no plan was given."""
    served: int
    served_below: tuple[int, ...]
    """Harvest requests served to accounts that were below level 1, 2, 3, 4 at the time."""
    reasoning_below: tuple[int, ...]
    """The same, of requests that asked for reasoning and kept it."""
    reached: tuple[int, ...]
    """Accounts that reached level 1, 2, 3, 4."""


class HonestKind(NamedTuple):
    """Honest accounts of one kind: how many there were, and how many reached each level."""

    kind: str
    accounts: int
    reached: tuple[int, ...]
    refused_by: Mapping[str, int]
    """How many of their requests each rule and limit refused."""

    @property
    def refused(self) -> int:
        """How many of their requests were refused in all."""
        return sum(self.refused_by.values())


@dataclass(slots=True)
class _Campaign:
    started_at: float
    candidate_at: float = 0.0
    served: int = 0
    sent: int = 0
    served_below: list[int] = field(default_factory=lambda: [0] * len(LEVELS))
    reasoning_below: list[int] = field(default_factory=lambda: [0] * len(LEVELS))
    milestones: list[Milestone] = field(default_factory=list)
    highest: dict[str, int] = field(default_factory=dict)


class Timeline:
    """Collects decisions as they come; `campaigns` and `honest` may be read at any time."""

    def __init__(self, planned: Mapping[str, int] | None = None) -> None:
        self._planned = planned or {}
        self._campaigns: dict[str, _Campaign] = {}
        self._honest: dict[str, dict[str, int]] = {}
        self._refused: dict[str, Counter[str]] = {}

    def add(self, decided: Decided) -> None:
        """Count one decision."""
        exchange, outcome = decided
        holder, level = exchange.observation.account, outcome.signals.level
        if not exchange.campaign:
            highest = self._honest.setdefault(exchange.label, {})
            highest[holder] = max(level, highest.get(holder, 0))
            refused = self._refused.setdefault(exchange.label, Counter())
            if not outcome.served:
                refused[outcome.by] += 1
            return
        campaign = self._campaigns.get(exchange.campaign) or self._campaigns.setdefault(exchange.campaign, _Campaign(exchange.at))
        if outcome.signals.campaign and not campaign.candidate_at:
            campaign.candidate_at = exchange.at
        for reached in range(len(campaign.milestones) + 1, level + 1):
            campaign.milestones.append(Milestone(reached, exchange.at, campaign.served))
        campaign.highest[holder] = max(level, campaign.highest.get(holder, 0))
        if not exchange.filler:
            _count(campaign, decided)

    def campaigns(self) -> list[CampaignTimeline]:
        """Every campaign seen, in the order in which they began."""
        return [
            CampaignTimeline(
                name,
                len(seen.highest),
                seen.started_at,
                seen.candidate_at,
                tuple(seen.milestones),
                self._planned.get(name, seen.sent),
                seen.served,
                tuple(seen.served_below),
                tuple(seen.reasoning_below),
                _reached(seen.highest),
            )
            for name, seen in self._campaigns.items()
        ]

    def honest(self) -> list[HonestKind]:
        """Every honest kind seen."""
        return [HonestKind(kind, len(highest), _reached(highest), self._refused[kind]) for kind, highest in sorted(self._honest.items())]


def _count(campaign: _Campaign, decided: Decided) -> None:
    exchange, outcome = decided
    campaign.sent += 1
    if not outcome.served:
        return
    campaign.served += 1
    kept = exchange.observation.call.reasoning and not outcome.stripped
    for level in range(outcome.signals.level, len(LEVELS)):
        campaign.served_below[level] += 1
        campaign.reasoning_below[level] += kept


def _reached(highest: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sum(level <= reached for reached in highest.values()) for level in LEVELS)
