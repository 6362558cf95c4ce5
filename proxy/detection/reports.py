"""Reports made from state, for operators."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.detection.accounts.account import Account
from proxy.detection.campaigns.candidate import Candidate
from proxy.detection.campaigns.review import Reviewer
from proxy.detection.evidence.fusion import Finding
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
        evidence=_evidence(reviewer.table, reviewer.findings(account, campaign)),
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
    )


def campaign_report(campaign: Candidate, table: EvidenceTable) -> CampaignReport:
    """What is known of a campaign."""
    return CampaignReport(
        id=campaign.id,
        level=campaign.level,
        score=campaign.verdict.score,
        size=campaign.size,
        members=tuple(campaign.sample),
        families=tuple(family for family, _ in campaign.verdict.families),
        evidence=_evidence(table, campaign.findings),
        first_seen=campaign.first_seen,
        last_seen=campaign.last_seen,
        sendings=campaign.sendings,
        level_at=tuple(sorted(campaign.level_at.items())),
        exempt_until=campaign.exemption.until,
        note=campaign.exemption.note,
    )


def _evidence(table: EvidenceTable, findings: Iterable[Finding]) -> tuple[Evidence, ...]:
    told = (Evidence(table.family_of(finding.measure), finding.measure, finding.log10, finding.sentence) for finding in findings)
    return tuple(sorted(told, key=lambda one: -abs(one.log10)))
