"""All candidates: who is followed, what the evidence says, what belongs together. Bounded in number and size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from proxy.detection.accounts.account import Account
from proxy.detection.campaigns.candidate import COMPANY, Candidate
from proxy.detection.campaigns.findings import Company, findings
from proxy.detection.campaigns.shared_text import SharedText
from proxy.detection.campaigns.ticket import Ticket
from proxy.detection.campaigns.watch import Watch
from proxy.detection.evidence.table import EvidenceTable
from proxy.detection.index.population import Population
from proxy.detection.index.traits import Traits
from proxy.detection.text.extraction import Extraction
from proxy.detection.text.intent import Intents
from proxy.detection.text.shingles import Packed

IDLE_S: Final = 86400.0
"""A candidate that raised nothing is dropped after a day without a sending."""
CAMPAIGN_IDLE_S: Final = 14 * 86400.0
FADES_S: Final = 60.0
"""A campaign that nobody adds to is judged again after so long: its evidence only fades, by half in days."""
COMMON_MEMBERS: Final = 12
COMMON_SHARE: Final = 0.6
"""Two candidates are one when so many, and this share of both together, are members of both. A text that is popular with a campaign's
accounts and with others isn't the campaign's."""
COMPANY_LEVEL: Final = 2
"""Only campaigns of this level make their members' other texts suspect."""
TEXTS: Final = 64
"""Texts of one candidate; its slightest makes room."""


class Board:
    """Candidates by number. A merged candidate's number leads to the one it was merged into."""

    def __init__(self, table: EvidenceTable, population: Population, intents: Intents, limit: int, members: int) -> None:
        """At most `limit` candidates, with at most about so many `members` together."""
        self.candidates: dict[int, Candidate] = {}
        self.watch = Watch(self._found)
        self.dropped = 0
        self.confirmed = 0
        """Campaigns ever found."""
        self.traits = Traits()
        self._traits_followed: dict[int, int] = {}
        self._merged: dict[int, Candidate] = {}
        self._table = table
        self._population = population
        self._intents = intents
        self._limit = limit
        self._members = members
        self._numbers = 0
        self._now = 0.0
        self._raised = False
        self._grown: dict[Candidate, None] = {}
        """Candidates that have more members in common with others than at the last sweep; ordered, so that a run repeats exactly."""

    def get(self, number: int) -> Candidate | None:
        """The candidate of a number, wherever it was merged into."""
        return self.candidates.get(number) or self._merged.get(number)

    @property
    def raised(self) -> bool:
        """Whether any candidate is at level 1 or more, as of the last sweep."""
        return self._raised

    @property
    def campaigns(self) -> list[Candidate]:
        """Candidates that reached level 1."""
        return [candidate for candidate in self.candidates.values() if candidate.level_at]

    def _found(self, key: int) -> SharedText:
        candidate = self._new(key)
        text = SharedText(key, candidate)
        candidate.texts.append(text)
        return text

    def _new(self, key: int) -> Candidate:
        if len(self.candidates) >= self._limit:
            self._drop(min(self.candidates.values(), key=self._worth))
        self._numbers += 1
        candidate = Candidate(self._numbers, key, self._now)
        self.candidates[candidate.number] = candidate
        return candidate

    def _worth(self, candidate: Candidate) -> tuple[bool, float]:
        return bool(candidate.level_at), candidate.size / (1.0 + (self._now - candidate.last_seen) / 3600.0)

    def _drop(self, candidate: Candidate) -> None:
        for text in candidate.texts:
            self.watch.drop(text)
        del self.candidates[candidate.number]
        for other in self.candidates.values():
            other.common.pop(candidate.number, None)
        self._merged = {number: into for number, into in self._merged.items() if into is not candidate}
        if not candidate.texts:
            self._traits_followed = {key: number for key, number in self._traits_followed.items() if number != candidate.number}
        self.dropped += 1

    def match(self, fingerprints: Packed, now: float) -> SharedText | None:
        """The shared text that a request is a sending of."""
        self._now = now
        hits = self.watch.hits(fingerprints)
        return self.watch.place(hits) if hits else None

    def known(self, fingerprints: Packed) -> Candidate | None:
        """The candidate that a request with these fingerprints would be a sending of; changes nothing."""
        text = self.watch.best(self.watch.hits(fingerprints))
        return text.candidate if text is not None else None

    def send(self, ticket: Ticket, candidate: Candidate, extraction: Extraction, shape: int, model: str, now: float) -> None:
        """A request in flight is a sending of the candidate."""
        candidate.sent(ticket.account, extraction, shape, model, now)
        self.enrol(ticket.account, candidate)
        candidate.pace.start(ticket.account.principal, now)
        ticket.candidates.append(candidate)

    def trait(self, settings: int, text: SharedText | None, account: Account, now: float) -> Candidate | None:
        """The candidate of those who are new to settings, unless they send what a campaign shares: that tells more.

        A text that is only suspect for the campaign whose members send it tells less.
        """
        if text is not None and text.candidate.level and not text.candidate.by_company:
            return None
        number = self._traits_followed.get(settings)
        candidate = self.candidates.get(number) if number is not None else None
        if candidate is not None and account.principal in candidate.principals:
            return candidate
        if not self.traits.newcomer(settings, account.principal):
            return None
        if candidate is None:
            self._now = now
            candidate = self._new(settings)
            candidate.rarity = math.log10((self._population.accounts + 1.0) / (self.traits.regulars(settings) + 1.0))
            self._traits_followed[settings] = candidate.number
        return candidate

    def enrol(self, account: Account, candidate: Candidate) -> None:
        """The account is a member; remember which other candidates it is a member of."""
        if not candidate.enrol(account) or not candidate.texts:
            return
        for number in account.memberships:
            other = self.get(number)
            if other is not None and other is not candidate and other.texts:
                self._grown[candidate] = None
                candidate.common[other.number] = other.common[candidate.number] = candidate.common.get(other.number, 0) + 1

    def judge(self, now: float, wake: Callable[[Candidate], None]) -> None:
        """Join and test all candidates, and wake the members of those whose standing changed."""
        self._now = now
        for candidate in [one for one in self.candidates.values() if self._forgettable(one)]:
            self._drop(candidate)
        self._bound()
        self._join(now, wake)
        for candidate in self.candidates.values():
            if candidate.tested != candidate.sendings:
                self._measure(candidate, now)
            elif not candidate.level or now - candidate.judged_at < FADES_S:
                continue
            known = bool(candidate.level_at)
            if candidate.judge(self._table, now):
                wake(candidate)
                self.confirmed += candidate.level > 0 and not known
        self._raised = any(candidate.level for candidate in self.candidates.values())

    def _forgettable(self, candidate: Candidate) -> bool:
        """Nobody has sent what it shares for long, and no operator's decision hangs on its being known."""
        idle_s = self._now - candidate.last_seen
        return idle_s > (CAMPAIGN_IDLE_S if candidate.level_at else IDLE_S) and self._now >= candidate.exemption.until

    def _bound(self) -> None:
        members = sum(candidate.size for candidate in self.candidates.values())
        while members > self._members:
            largest = max(self.candidates.values(), key=lambda one: (not one.level_at, one.size))
            members -= largest.size
            self._drop(largest)

    def _measure(self, candidate: Candidate, now: float) -> None:
        candidate.measure(now)
        company = self._company(candidate) if candidate.texts else None
        found = findings(candidate, self._table, self._population, self._intents, company)
        told = any(finding.measure == COMPANY for finding in found)
        candidate.company = company.campaign if told and company is not None else None
        candidate.in_company = company.common / candidate.size if told and company is not None else 0.0
        candidate.found(found, self._table)
        candidate.tested = candidate.sendings

    def _join(self, now: float, wake: Callable[[Candidate], None]) -> None:
        grown, self._grown = self._grown, {}
        for candidate in grown:
            for number, common in list(candidate.common.items()):
                if candidate.number not in self.candidates:
                    break
                other = self.candidates.get(number)
                if other is None:
                    del candidate.common[number]
                elif common >= max(COMMON_MEMBERS, COMMON_SHARE * (candidate.size + other.size - common)):
                    one, late = (candidate, other) if candidate.number < number else (other, candidate)
                    self._merge(one, late, now)
                    wake(one)

    def _merge(self, one: Candidate, other: Candidate, now: float) -> None:
        one.absorb(other, now)
        for text in sorted(one.texts, key=lambda text: -text.sendings)[TEXTS:]:
            self.watch.drop(text)
            one.texts.remove(text)
        del self.candidates[other.number]
        self._merged = {number: one if into is other else into for number, into in self._merged.items()}
        self._merged[other.number] = one
        for third in self.candidates.values():
            count = third.common.pop(other.number, 0)
            if count and third is not one:
                third.common[one.number] = one.common[third.number] = max(count, third.common.get(one.number, 0))

    def _company(self, candidate: Candidate) -> Company | None:
        """The larger campaign that most of the candidate's members are in already, by another text or because they were seen to work for it."""
        best: Company | None = None
        for number, common in candidate.common.items():
            other = self.candidates.get(number)
            if (
                other is not None
                and other.level >= COMPANY_LEVEL
                and other.size > candidate.size
                and (best is None or common > best.common)
            ):
                best = Company(other, common)
        for number in self._traits_followed.values():
            other = self.candidates.get(number)
            if other is not None and other.level >= COMPANY_LEVEL and other.takes_turns and other.size > candidate.size:
                common = sum(map(other.pace.turns.taken, candidate.principals))  # mere users of the same settings are no company
                if best is None or common > best.common:
                    best = Company(other, common)
        return best
