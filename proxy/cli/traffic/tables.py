"""What a replay showed, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from proxy.cli.console import table, tell
from proxy.detection.report import CampaignReport
from proxy.drill.timeline import LEVELS, CampaignTimeline
from proxy.replay.outcomes import OUTCOMES
from proxy.replay.showing.figures import Share, rank
from proxy.replay.showing.labelled import Labelled
from proxy.replay.showing.summary import Summary

_MOST_CAMPAIGNS: Final = 20
_MOST_RULES: Final = 40


def tell_summary(summary: Summary, elapsed_s: float) -> None:
    """Everything that was counted."""
    rate = summary.exchanges / max(elapsed_s, 1e-9)
    tell(f"{summary.exchanges:,} exchanges of {len(summary.highest):,} accounts in {elapsed_s:.1f} s: {rate:,.0f} a second")
    outcomes = ((outcome, summary.outcomes[outcome], _percent(summary.outcomes[outcome], summary.exchanges)) for outcome in OUTCOMES)
    table(("outcome", "exchanges", "share"), outcomes, right=("exchanges", "share"))
    if summary.rules:
        rows = [(outcome, rule, count) for (outcome, rule), count in summary.rules.most_common(_MOST_RULES)]
        table(("outcome", "by", "exchanges"), rows, right=("exchanges",))
    if summary.shadow:
        table(("would have acted, but is in shadow", "exchanges"), summary.shadow.most_common(_MOST_RULES), right=("exchanges",))
    table(("highest level", "accounts"), summary.by_level().items(), right=("accounts",))
    _tell_campaigns(list(summary.campaigns))
    if summary.labelled.seen:
        tell_labelled(summary.labelled)


def _tell_campaigns(campaigns: list[CampaignReport]) -> None:
    tell(f"{len(campaigns)} campaigns found")
    for report in campaigns[:_MOST_CAMPAIGNS]:
        detected = min((at for _, at in report.level_at), default=0.0)
        tell(f"  {report.id}: level {report.level} now, {report.size} accounts, first detected {moment(detected)}")
        for evidence in report.evidence:
            tell(f"    {evidence.log10:+.1f} {evidence.family}: {evidence.sentence}")


def tell_labelled(labelled: Labelled) -> None:
    """Detection measured against the labels of the lines."""
    table(("accounts at level", "found, 95 %", "touched wrongly, 95 %", "requests until, median", "p90"), _rates(labelled))
    kinds = ((kind, *(_short(labelled.touched(level, kind)) for level in LEVELS)) for kind in labelled.kinds())
    table(("honest accounts at level, 95 %", *(f">= {level}" for level in LEVELS)), kinds)
    tell_fates(labelled.campaigns())


def tell_fates(campaigns: list[CampaignTimeline]) -> None:
    """How much each campaign got before each level: of its volume, and in brackets with reasoning."""
    titles = ("campaign", "accounts", "volume", "served", *(f"below {level}" for level in LEVELS))
    table(titles, map(_fate, campaigns), right=titles[1:])
    if campaigns:
        tell(
            "below N: served to accounts that stood below level N, of the volume; in brackets, of it with reasoning. Chance may exceed a plan."
        )


def _fate(campaign: CampaignTimeline) -> tuple[object, ...]:
    volume = campaign.planned
    parts = zip(campaign.served_below, campaign.reasoning_below, strict=True)
    below = (f"{_percent(served, volume)} ({_percent(reasoning, volume)})" for served, reasoning in parts)
    return campaign.name, campaign.accounts, volume, _percent(campaign.served, volume), *below


def _rates(labelled: Labelled) -> Iterator[tuple[object, ...]]:
    for level in LEVELS:
        until = labelled.requests_until(level)
        middle, late = (f"{value:.0f}" if value is not None else "-" for value in (rank(until, 0.5), rank(until, 0.9)))
        yield f">= {level}", _share(labelled.detected(level)), _share(labelled.touched(level)), middle, late


def _share(part: Share) -> str:
    return f"{part.hits}/{part.cases} = {part.value:.2%} ({part.low:.2%} to {part.high:.2%})" if part.cases else "none"


def _short(part: Share) -> str:
    return f"{part.hits}/{part.cases} ({part.low:.1%} to {part.high:.1%})"


def _percent(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def moment(at: float) -> str:
    """A time for people, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S") if at else "never"
