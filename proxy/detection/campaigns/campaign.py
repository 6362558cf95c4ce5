"""Campaigns: candidates that the evidence raised, joined where they share members.

A new template of a known campaign is sent by accounts that are members already: it joins the campaign, with its other senders,
as soon as most of its first senders are members. Each member must have sent something shared itself.
"""

from __future__ import annotations

from typing import Final

from proxy.detection.campaigns.candidate import Candidate
from proxy.detection.evidence.fusion import Finding, Verdict, faded, fuse, level_of
from proxy.detection.evidence.table import EvidenceTable

JOIN_SHARE: Final = 0.5
"""Of the smaller group's members, who must be in both."""
JOIN_MEMBERS: Final = 8


class Campaign:
    """One or more candidates with common members, and the findings about them."""

    def __init__(self, number: int, first: Candidate) -> None:
        """Named after what its first candidate shares, so that replicas agree."""
        self.number = number
        self.id = f"c-{first.key & 0xFFFFFFFFFFFF:012x}"
        self.candidates = [first]
        self.first_seen = first.first_seen
        self.last_seen = first.last_seen
        self.findings: tuple[Finding, ...] = ()
        self.verdict = Verdict(-9.0, (), together=False)
        self.level = 0
        self.version = 0
        self.level_at: dict[int, float] = {}
        self.exempt_until = 0.0
        self.note = ""

    @property
    def size(self) -> int:
        """Principals that sent anything shared."""
        if len(self.candidates) == 1:
            return self.candidates[0].size
        return len(set().union(*(candidate.principals for candidate in self.candidates)))

    def judge(self, table: EvidenceTable, found: dict[int, list[Finding]], now: float) -> None:
        """Fuse the findings of its candidates; of each measure the weightiest one speaks for the campaign."""
        best: dict[str, Finding] = {}
        for candidate in self.candidates:
            for finding in found.get(candidate.number, ()):
                known = best.get(finding.measure)
                if known is None or finding.log10 > known.log10:
                    best[finding.measure] = finding
        self.findings = tuple(best.values())
        self.last_seen = max(candidate.last_seen for candidate in self.candidates)
        before = (self.verdict, self.level)
        self.verdict = fuse(table, self.findings, faded(table, now - self.last_seen))
        self.level = 0 if now < self.exempt_until else level_of(table, self.verdict)
        for level in range(1, self.level + 1):
            self.level_at.setdefault(level, now)
        if (self.verdict, self.level) != before:
            self.version += 1

    def absorb(self, other: Campaign) -> None:
        """Become one with another campaign."""
        self.candidates += other.candidates
        self.first_seen = min(self.first_seen, other.first_seen)
        self.exempt_until = max(self.exempt_until, other.exempt_until)
        for candidate in other.candidates:
            candidate.campaign = self.number
        self.version += 1


def belong_together(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates share most of the smaller one's members. O(size of the smaller)."""
    small, large = (one, other) if one.size <= other.size else (other, one)
    if small.size < JOIN_MEMBERS:
        return False
    common = sum(principal in large.principals for principal in small.principals)
    return common >= max(JOIN_MEMBERS, JOIN_SHARE * small.size)
