"""All candidates and campaigns: who is followed, what the evidence says, what belongs together. Bounded in number and size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from proxy.detection.accounts.account import Account
from proxy.detection.campaigns.campaign import Campaign, belong_together
from proxy.detection.campaigns.candidate import BANK, TEXT, Candidate
from proxy.detection.campaigns.findings import findings
from proxy.detection.campaigns.ticket import Ticket
from proxy.detection.campaigns.watch import Watch
from proxy.detection.evidence.fusion import Finding, fuse, level_of
from proxy.detection.evidence.table import EvidenceTable
from proxy.detection.index.population import Population
from proxy.detection.text.extraction import Extraction
from proxy.detection.text.intent import Intents

IDLE_S: Final = 86400.0
"""A candidate that raised nothing is dropped after a day without a sending."""
CAMPAIGN_IDLE_S: Final = 14 * 86400.0
CONTRADICTED_S: Final = 3600.0
INDEPENDENT_WEIGHT: Final = 8.0


class Board:
    """Candidates by number, campaigns by number."""

    def __init__(self, table: EvidenceTable, population: Population, intents: Intents, limit: int) -> None:
        """At most `limit` candidates."""
        self.candidates: dict[int, Candidate] = {}
        self.campaigns: dict[int, Campaign] = {}
        self.found: dict[int, list[Finding]] = {}
        self.watch = Watch(self._found)
        self.bank = Candidate(0, BANK, 0xBA17, 0.0)
        self.dropped = 0
        self._table = table
        self._population = population
        self._intents = intents
        self._limit = limit
        self._numbers = 0
        self._now = 0.0

    def _found(self, key: int) -> Candidate:
        return self._new(TEXT, key)

    def _new(self, kind: str, key: int) -> Candidate:
        if len(self.candidates) >= self._limit:
            self._drop(min(self.candidates.values(), key=self._worth))
        self._numbers += 1
        candidate = Candidate(self._numbers, kind, key, self._now)
        self.candidates[candidate.number] = candidate
        return candidate

    def _worth(self, candidate: Candidate) -> tuple[bool, float]:
        idle = self._now - candidate.last_seen
        return candidate.campaign != 0, candidate.size / (1.0 + idle / 3600.0)

    def _drop(self, candidate: Candidate) -> None:
        self.watch.drop(candidate)
        self.candidates.pop(candidate.number, None)
        self.found.pop(candidate.number, None)
        self.dropped += 1
        campaign = self.campaigns.get(candidate.campaign)
        if campaign is not None:
            campaign.candidates.remove(candidate)
            if not campaign.candidates:
                del self.campaigns[campaign.number]

    def match(self, account: Account, fingerprints: tuple[int, ...], now: float) -> list[Candidate]:
        """The candidates that a request of the account is a sending of."""
        self._now = now
        hits = self.watch.hits(fingerprints)
        return self.watch.place(account, hits) if hits else []

    def known(self, fingerprints: tuple[int, ...]) -> Campaign | None:
        """The strongest campaign that a request with these fingerprints belongs to; changes nothing."""
        hits = self.watch.hits(fingerprints)
        best: Campaign | None = None
        if hits:
            for candidate, count in self.watch.counted(hits)[0].items():
                campaign = self.campaigns.get(candidate.campaign)
                if campaign is not None and count >= candidate.needed() and (best is None or campaign.level > best.level):
                    best = campaign
        return best

    def send(self, ticket: Ticket, candidate: Candidate, extraction: Extraction, shape: int, model: str, now: float) -> None:
        """A request in flight is a sending of the candidate."""
        candidate.sent(ticket.account, extraction, shape, model, now)
        candidate.independence.start(ticket.account.principal, now)
        ticket.candidates.append(candidate)

    def judge(self, now: float, wake: Callable[[Candidate], None]) -> None:
        """Test all candidates, join them into campaigns, and wake the members of what changed."""
        self._now = now
        for candidate in list(self.candidates.values()):
            if now - candidate.last_seen > (CAMPAIGN_IDLE_S if candidate.campaign else IDLE_S):
                self._drop(candidate)
                continue
            self._measure(candidate, now)
            self.found[candidate.number] = findings(candidate, self._table, self._population, self._intents)
            if not candidate.campaign:
                self._consider(candidate)
        for campaign in list(self.campaigns.values()):
            version = campaign.version
            campaign.judge(self._table, self.found, now)
            if campaign.version != version:
                for candidate in campaign.candidates:
                    wake(candidate)

    def _measure(self, candidate: Candidate, now: float) -> None:
        pinned = candidate.independence.measure(now)
        contradicted = pinned.ratio >= 0.7 and pinned.weight >= INDEPENDENT_WEIGHT and now - candidate.pinned_at > CONTRADICTED_S
        if pinned.decades >= candidate.pinned.decades or contradicted:
            candidate.pinned = pinned
            candidate.pinned_at = now

    def _consider(self, candidate: Candidate) -> None:
        for campaign in self.campaigns.values():
            if any(belong_together(candidate, other) for other in campaign.candidates):
                candidate.campaign = campaign.number
                campaign.candidates.append(candidate)
                return
        if level_of(self._table, fuse(self._table, self.found[candidate.number])) >= 1:
            campaign = Campaign(candidate.number, candidate)
            candidate.campaign = campaign.number
            self.campaigns[campaign.number] = campaign
