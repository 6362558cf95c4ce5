"""What a whole replay showed: outcomes by rule, accounts by level, campaigns, and how the labelled ones fared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from proxy.detection.report import CampaignReport
from proxy.drill.timeline import LEVELS
from proxy.replay.outcomes import Replayed
from proxy.replay.showing.labelled import Labelled


class Summary:
    """Counts replayed exchanges. `observed`: everything was served, whatever policy said."""

    def __init__(self, *, observed: bool = False) -> None:
        self.exchanges = self.outlined = 0
        self.outcomes: Counter[str] = Counter()
        self.rules: Counter[tuple[str, str]] = Counter()
        """By outcome and rule."""
        self.shadow: Counter[str] = Counter()
        self.highest: dict[str, int] = {}
        """Each account's highest level."""
        self.labelled = Labelled()
        self.campaigns: Sequence[CampaignReport] = ()
        self._observed = observed

    def add(self, replayed: Replayed) -> None:
        """Count one exchange."""
        self.exchanges += 1
        self.outlined += replayed.recorded.outlined
        self.outcomes[replayed.outcome] += 1
        if replayed.rule:
            self.rules[replayed.outcome, replayed.rule] += 1
        for rule in replayed.shadow:
            self.shadow[rule] += 1
        account, level = replayed.recorded.account.id, replayed.signals.level
        if level >= self.highest.get(account, 0):
            self.highest[account] = level
        if replayed.recorded.label:
            self.labelled.add(replayed, served=replayed.served or (self._observed and replayed.decision is not None))

    def by_level(self) -> dict[int, int]:
        """Accounts by the highest level that a request of theirs was judged at."""
        counts = Counter(self.highest.values())
        return {level: counts[level] for level in (0, *LEVELS)}

    def as_dict(self, elapsed_s: float) -> dict[str, Any]:
        """Everything, for JSON."""
        said: dict[str, Any] = {
            "exchanges": self.exchanges,
            "without_texts": self.outlined,
            "exchanges_per_second": self.exchanges / max(elapsed_s, 1e-9),
            "outcomes": dict(self.outcomes),
            "rules": [{"outcome": outcome, "rule": rule, "exchanges": count} for (outcome, rule), count in self.rules.most_common()],
            "shadow": dict(self.shadow.most_common()),
            "accounts_by_highest_level": {str(level): count for level, count in self.by_level().items()},
            "campaigns": [found_dict(report) for report in self.campaigns],
        }
        if self.labelled.seen:
            said["labelled"] = self.labelled.as_dict()
        return said


def found_dict(report: CampaignReport) -> dict[str, Any]:
    """A campaign that was found, for JSON."""
    return {
        "campaign": report.id,
        "level": report.level,
        "accounts": report.size,
        "score": report.score,
        "families": list(report.families),
        "evidence": [evidence.sentence for evidence in report.evidence],
        "first_seen": report.first_seen,
        "detected_at": min((at for _, at in report.level_at), default=None),
        "level_at": {str(level): at for level, at in report.level_at},
    }
