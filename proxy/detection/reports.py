"""Reports made from state, for operators."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.detection.accounts.account import Account
from proxy.detection.campaigns.candidate import Candidate
from proxy.detection.campaigns.review import Reviewer
from proxy.detection.evidence.fusion import Finding, bounded, faded, fuse
from proxy.detection.evidence.table import EvidenceTable
from proxy.detection.report import AccountReport, CampaignReport, Evidence


def account_report(account: Account, reviewer: Reviewer, now: float) -> AccountReport:
    """What is known of an account, reviewed now."""
    verdict = reviewer.review(account, now)
    campaign = reviewer.campaign_of(account, now)
    exemption = reviewer.exemption(account.name)
    moments = account.in_flight.moments(now)
    return AccountReport(
        account=account.name,
        level=account.standing.level,
        score=verdict.score,
        families=tuple(family for family, _ in verdict.families),
        campaign=campaign.id if campaign is not None and campaign.level_at else "",
        evidence=_evidence(reviewer.table, reviewer.findings(account, campaign), reviewer.fade(account, campaign, now)),
        requests=account.total,
        first_seen=account.first_seen,
        last_seen=account.last_seen,
        exempt_until=exemption.until,
        note=exemption.note,
        hours=tuple(account.hours),
        output_tokens=tuple(account.outputs),
        distinct_prompts=account.prompts.estimate(),
        in_flight_mean=moments.mean,
        in_flight_variance=moments.variance,
        limited_by=reviewer.limited_by(account, campaign, now),
    )


def campaign_report(campaign: Candidate, table: EvidenceTable, now: float) -> CampaignReport:
    """What is known of a campaign: the level and the findings of the last sweep, and what they are worth now."""
    fade = faded(table, now - campaign.last_seen)
    verdict = fuse(table, campaign.findings, fade)
    return CampaignReport(
        id=campaign.id,
        level=campaign.level,
        score=verdict.score,
        size=campaign.size,
        members=tuple(campaign.sample),
        families=tuple(family for family, _ in verdict.families),
        evidence=_evidence(table, campaign.findings, fade),
        first_seen=campaign.first_seen,
        last_seen=campaign.last_seen,
        sendings=campaign.sendings,
        level_at=tuple(sorted(campaign.level_at.items())),
        exempt_until=campaign.exemption.until,
        note=campaign.exemption.note,
    )


def _evidence(table: EvidenceTable, findings: Iterable[Finding], fade: float) -> tuple[Evidence, ...]:
    told = []
    for finding in findings:
        family = table.family_of[finding.measure]
        told.append(Evidence(family, finding.measure, bounded(table, family, finding.log10, fade), finding.sentence))
    return tuple(sorted(told, key=lambda one: -abs(one.log10)))
