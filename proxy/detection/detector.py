"""The detector: what the proxy tells it, and what it knows. Pure: event time comes in, nothing is read or written elsewhere.

A request's texts become fingerprints; the index counts which accounts share them; surprising ones found candidates; tests
confirm or clear those; campaigns and the account's own evidence make its level. See `evidence.yaml` for what each is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from proxy.detection.accounts.account import Account
from proxy.detection.accounts.shape import REASONING, SAMPLED, network, shape, signature
from proxy.detection.accounts.table import Accounts
from proxy.detection.campaigns.board import Board
from proxy.detection.campaigns.candidate import YOUNG_DAYS, Candidate
from proxy.detection.campaigns.review import OWN_REQUESTS, Reviewer
from proxy.detection.campaigns.ticket import Ticket
from proxy.detection.census import Census
from proxy.detection.config import DetectionConfig
from proxy.detection.evidence.calibration import Measured, Sighting
from proxy.detection.evidence.exemption import Exemption
from proxy.detection.evidence.table import EvidenceTable
from proxy.detection.index.population import Population
from proxy.detection.index.traits import settings_key
from proxy.detection.observation import NO_SIGNALS, Observation, Signals
from proxy.detection.report import AccountReport, CampaignReport
from proxy.detection.reports import account_report, campaign_report
from proxy.detection.text.bank import QuestionBank
from proxy.detection.text.extraction import Extraction, Extractor
from proxy.detection.text.intent import Intents
from proxy.dialects.call import Usage

RELEASE_S: Final = 7 * 86400.0
NO_INTENTS: Final = Intents({})


class Detector:
    """State of all accounts and campaigns. Not thread-safe; every method is short."""

    def __init__(
        self,
        evidence: EvidenceTable,
        config: DetectionConfig,
        bank: QuestionBank | None = None,
        seed: int = 0,
        intents: Intents = NO_INTENTS,
    ) -> None:
        """`seed` jitters promotions and stands behind the names of accounts; replicas that share one judge alike."""
        self._config = config
        self._extractor = Extractor(intents, bank)
        self._accounts = Accounts(config.accounts, config.account_ttl_s, seed)
        self._population = Population()
        self._board = Board(evidence, self._population, intents, config.candidates, config.members)
        self._census = Census(config, self._accounts, self._board)
        self._reviewer = Reviewer(evidence, config, self._board, intents, seed)
        self._tickets: dict[Ticket, None] = {}
        self._memo: tuple[Observation, Extraction] | None = None
        self._now = 0.0
        self._observations = 0

    def assess(self, account: str, now: float, observation: Observation | None = None) -> Signals:
        """What is known of the account so far. O(1).

        With `observation` the request's own text counts too: the first request of a new account that carries a known campaign's
        text is throttled at once. The texts are read here then, and not again in `started`.
        """
        known = self._accounts.get(account)
        signals = self._reviewer.signals(known, now) if known is not None else NO_SIGNALS
        if observation is None or signals.level or not self._board.raised or observation.waived:
            return signals
        campaign = self._board.known(self._extract(observation, known).fingerprints)
        if campaign is None or not self._reviewer.recognisable(account, known, campaign, now):
            return signals
        return self._reviewer.recognised(campaign)

    def _extract(self, observation: Observation, account: Account | None) -> Extraction:
        if self._memo is not None and self._memo[0] is observation:
            return self._memo[1]
        extraction = self._extractor.extract(observation.call.texts, account.conversations if account is not None else ())
        self._memo = (observation, extraction)
        return extraction

    def started(self, observation: Observation, now: float) -> Ticket:
        """A served exchange begins. Give the ticket back to `finished`, whatever happens."""
        self._now = max(self._now, now)
        self._observations += 1
        extraction = self._extract(observation, self._accounts.get(observation.account))
        self._memo = None
        account = self._account(observation, now)
        call = observation.call
        bits = shape(call)
        self._population.request(call.model, harvesting=bits & (REASONING | SAMPLED) != 0, banked=extraction.question != 0, now=now)
        account.began(observation, extraction, bits, now)
        ticket = Ticket(account, extraction.fingerprints, now)
        if len(self._tickets) < self._config.in_flight:
            self._tickets[ticket] = None
        if observation.waived:
            return ticket
        text = None
        if extraction.fingerprints:
            self._census.add(extraction.fingerprints, account, self._tickets, now)
            text = self._board.match(extraction.fingerprints, now)
        trait = self._board.trait(settings_key(call), text, account, now)
        for candidate in (text.candidate if text is not None else None, trait):
            if candidate is not None:
                self._board.send(ticket, candidate, extraction, bits, call.model, now)
                if candidate.level:
                    account.standing.review_at = now
        return ticket

    def _account(self, observation: Observation, now: float) -> Account:
        account = self._accounts.touch(observation.account, observation.org, now)
        if not account.total:
            self._population.account(observation.age_days, YOUNG_DAYS)
        for identifier in (signature(observation), network(observation)):
            if identifier and account.identified(identifier):
                self._population.identifier(identifier)
        return account

    def finished(self, ticket: Ticket, usage: Usage, status: int, now: float) -> None:
        """The exchange ended with an answer of this size and status; 429 from upstream counts as being told to slow down."""
        if not ticket.open:
            return
        ticket.open = False
        self._tickets.pop(ticket, None)
        account = ticket.account
        account.ended(usage, now)
        for sent in ticket.candidates:
            candidate = sent.current()
            candidate.pace.end(account.principal, now)
            if status == 429:
                candidate.pace.slowed(account.principal, now)

    def refused(self, observation: Observation, now: float, status: int) -> None:
        """An exchange was refused before it began; 429 tells the account to slow down. Texts are not read."""
        account = self._accounts.get(observation.account)
        if account is None:
            return
        account.refused = min(account.refused + 1, 1 << 30)
        for number in account.memberships:
            candidate = self._board.get(number)
            if candidate is not None:
                candidate.pace.pauses.arrived(account.principal, now)
                if status == 429:
                    candidate.pace.slowed(account.principal, now)

    def sweep(self, now: float) -> None:
        """Periodic work, every ten to thirty seconds of event time: count, group, test, judge, forget."""
        self._now = max(self._now, now)
        self._census.count(self._tickets, now)
        self._board.judge(now, self._wake)
        self._accounts.expire(now)
        self._reviewer.follow(now, self._accounts.get)
        self._reviewer.brake(float(len(self._accounts)))
        self._expire_tickets(now)

    def _wake(self, candidate: Candidate) -> None:
        for principal in candidate.principals:
            account = self._accounts.of_principal(principal)
            if account is not None:
                account.standing.review_at = self._now

    def _expire_tickets(self, now: float) -> None:
        stale = []
        for ticket in self._tickets:
            if ticket.began + self._config.ticket_ttl_s > now:
                break
            stale.append(ticket)
        for ticket in stale:
            self.finished(ticket, Usage(), 0, now)

    def account(self, account: str, now: float) -> AccountReport | None:
        """One account's standing and evidence."""
        known = self._accounts.get(account)
        return account_report(known, self._reviewer, now) if known is not None else None

    def accounts(self, level: int, now: float, most: int) -> list[AccountReport]:
        """Up to `most` of the accounts that stand at `level` (at least 1) or above, highest first."""
        names = self._reviewer.raised(level)[:most]
        reports = [account_report(known, self._reviewer, now) for name in names if (known := self._accounts.get(name)) is not None]
        return sorted((report for report in reports if report.level >= level), key=lambda report: (-report.level, -report.score))

    def campaigns(self, now: float) -> list[CampaignReport]:
        """All campaigns, strongest first; what the last sweep made of them."""
        self._now = max(self._now, now)
        strongest = sorted(self._board.campaigns, key=lambda campaign: (-campaign.level, -campaign.size))
        return [campaign_report(campaign, self._reviewer.table, self._now) for campaign in strongest]

    def campaign(self, subject: str, now: float) -> CampaignReport | None:
        """The campaign of an id; the strongest, should several have it."""
        self._now = max(self._now, now)
        found = [campaign for campaign in self._board.campaigns if campaign.id == subject]
        strongest = max(found, key=lambda campaign: (campaign.level, campaign.size), default=None)
        return campaign_report(strongest, self._reviewer.table, self._now) if strongest is not None else None

    def sightings(self) -> Iterator[Sighting]:
        """What the evidence says of every account at this moment; changes nothing. For calibration."""
        return (self._reviewer.sighting(account, self._now) for account in self._accounts)

    def measure(self, into: Measured) -> None:
        """Add what the tests give at this moment, of every group and of every account that sent enough. For calibration."""
        into.population(len(self._accounts))
        for candidate in self._board.candidates.values():
            into.group(candidate.id, candidate.principals, {finding.measure: finding.value for finding in candidate.findings})
        for account in self._accounts:
            if account.requests >= OWN_REQUESTS:
                into.account(account.name, {finding.measure: finding.value for finding in self._reviewer.findings(account, None)})

    def release(self, subject: str, reason: str, now: float) -> None:
        """An operator clears an account or a campaign (by id) for a week; the reason is shown in reports."""
        self._reviewer.exempt(subject, self._accounts.get(subject), Exemption(now + RELEASE_S, f"released: {reason}"), now)

    def waive(self, subject: str, until: float, reason: str, now: float) -> None:
        """An operator exempts an account or a campaign until a time."""
        self._reviewer.exempt(subject, self._accounts.get(subject), Exemption(until, f"waived: {reason}"), now)

    def metrics(self) -> Mapping[str, float | Mapping[str, float]]:
        """Gauges and counters for the exporter."""
        return {
            **self._reviewer.metrics(),
            "accounts": float(len(self._accounts)),
            "accounts_evicted": float(self._accounts.evicted),
            "candidates": float(len(self._board.candidates)),
            "candidates_dropped": float(self._board.dropped),
            "accounts_capacity": float(self._config.accounts),
            "candidates_capacity": float(self._config.candidates),
            "index_entries": float(self._census.index.used),
            "index_capacity": float(self._census.index.capacity),
            "observations": float(self._observations),
            "index_evicted": float(self._census.index.evicted),
            "index_bytes": float(self._census.index.size_bytes),
            "watched_fingerprints": float(len(self._board.watch)),
            "in_flight": float(len(self._tickets)),
        }
