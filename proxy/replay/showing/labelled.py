"""What a replay showed where its lines say what they are: who was found, after how many requests, and who was touched wrongly.

An account counts as attacking when any of its lines is labelled so: campaigns mix ordinary traffic in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from proxy.detection.observation import Observation
from proxy.dialects.call import NO_USAGE, ModelCall
from proxy.drill.exchange import Exchange, Outcome
from proxy.drill.loop import Decided
from proxy.drill.timeline import LEVELS, CampaignTimeline, Timeline
from proxy.replay.outcomes import LIMITED_STATUS, Replayed
from proxy.replay.showing.figures import Share, rank, share

ATTACK: Final = "attack:"
_SERVED: Final = 200
_NO_CALL: Final = ModelCall("", "")


class Labelled:
    """Collects labelled exchanges."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._attacking: dict[str, str] = {}
        self._benign: dict[str, str] = {}
        self._requests: dict[str, int] = {}
        self._highest: dict[str, int] = {}
        self._detected_after: tuple[dict[str, int], ...] = tuple({} for _ in LEVELS)
        self.seen = 0

    def add(self, replayed: Replayed, *, served: bool) -> None:
        """Count one exchange; one without a label says nothing."""
        recorded = replayed.recorded
        if not recorded.label:
            return
        self.seen += 1
        name, level = recorded.account.id, replayed.signals.level
        attack = recorded.label.startswith(ATTACK) or bool(recorded.campaign)
        (self._attacking if attack else self._benign)[name] = recorded.label
        count = self._requests[name] = self._requests.get(name, 0) + 1
        if level > self._highest.get(name, 0):
            self._highest[name] = level
        for reached in range(level):
            self._detected_after[reached].setdefault(name, count)
        self._timeline.add(_as_drilled(replayed, attack=attack, served=served))

    def campaigns(self) -> list[CampaignTimeline]:
        """Each labelled campaign's fate."""
        return self._timeline.campaigns()

    def detected(self, level: int) -> Share:
        """Attacking accounts that reached a level."""
        return self._reached(self._attacking, level)

    def touched(self, level: int, kind: str = "") -> Share:
        """Honest accounts, of one kind or all, that reached a level."""
        honest = {name: label for name, label in self._benign.items() if name not in self._attacking}
        return self._reached({name: label for name, label in honest.items() if not kind or label == kind}, level)

    def kinds(self) -> list[str]:
        """Labels of the honest accounts."""
        return sorted({label for name, label in self._benign.items() if name not in self._attacking})

    def requests_until(self, level: int) -> list[float]:
        """For each attacking account that reached the level, its how-manieth request was the first one judged there."""
        return [float(count) for name, count in self._detected_after[level - 1].items() if name in self._attacking]

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        levels = {str(level): self._level(level) for level in LEVELS}
        return {"levels": levels, "campaigns": [campaign_dict(campaign) for campaign in self.campaigns()]}

    def _level(self, level: int) -> dict[str, Any]:
        until = self.requests_until(level)
        return {
            "true_positives": share_dict(self.detected(level)),
            "false_positives": share_dict(self.touched(level)),
            "false_positives_by_kind": {kind: share_dict(self.touched(level, kind)) for kind in self.kinds()},
            "requests_until_detection": {"median": rank(until, 0.5), "p90": rank(until, 0.9)},
        }

    def _reached(self, accounts: Mapping[str, str], level: int) -> Share:
        return share(sum(self._highest.get(name, 0) >= level for name in accounts), len(accounts))


def share_dict(part: Share) -> dict[str, Any]:
    """A share for JSON."""
    return {"accounts": part.hits, "of": part.cases, "rate": part.value, "low": part.low, "high": part.high}


def campaign_dict(campaign: CampaignTimeline) -> dict[str, Any]:
    """A campaign's fate for JSON; shares are of its whole volume."""
    volume = max(campaign.planned, 1)
    return {
        "campaign": campaign.name,
        "accounts": campaign.accounts,
        "started_at": campaign.started_at,
        "candidate_at": campaign.candidate_at or None,
        "volume": campaign.planned,
        "served": campaign.served,
        "levels": {
            str(level): {
                "at": next((milestone.at for milestone in campaign.milestones if milestone.level == level), None),
                "accounts": campaign.reached[level - 1],
                "served_below": campaign.served_below[level - 1] / volume,
                "served_with_reasoning_below": campaign.reasoning_below[level - 1] / volume,
            }
            for level in LEVELS
        },
    }


def _as_drilled(replayed: Replayed, *, attack: bool, served: bool) -> Decided:
    """The same exchange as a drill would tell it."""
    recorded, decision = replayed.recorded, replayed.decision
    name = recorded.campaign or (recorded.label if attack else "")
    seen = Observation(recorded.account.id, decision.call if decision is not None else _NO_CALL)
    stripped = decision is not None and "reasoning" in decision.strips
    outcome = Outcome(_SERVED if served else LIMITED_STATUS, replayed.signals, stripped)
    return Decided(
        Exchange(recorded.at, recorded.duration_s, seen, NO_USAGE, recorded.client_ip, recorded.label, name, recorded.filler), outcome
    )
