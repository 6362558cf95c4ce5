"""A candidate campaign: accounts that share something rare, running counts of what they do with it, and what the evidence says.

Its members may be honest users of a new tool; the tests in `findings` tell. Counts are per sending of what is shared, so that an
account's other traffic neither hides nor blurs them. From level 1 on a candidate is called a campaign.
"""

from __future__ import annotations

from statistics import median
from typing import Final, TypeVar

from proxy.detection.accounts.account import Account
from proxy.detection.accounts.distinct import Distinct
from proxy.detection.accounts.shape import MAXIMISED, REASONING, SAMPLED, STEP
from proxy.detection.campaigns.measures.turns import CLEARLY, LEANING
from proxy.detection.campaigns.pace import Pace
from proxy.detection.campaigns.shared_text import SharedText
from proxy.detection.evidence.exemption import NO_EXEMPTION, Exemption
from proxy.detection.evidence.fusion import Finding, Verdict, faded, fuse, level_of
from proxy.detection.evidence.table import EvidenceTable
from proxy.detection.text.extraction import Extraction
from proxy.detection.text.intent import MAX_INTENTS

COMPANY: Final = "company.members"
EXCLUSIVE: Final = 0.75
"""Share of its members in a larger campaign from which a text is that campaign's own."""
TEMPLATE_MEMBERS: Final = 24
"""Senders from which a text is a template rather than one question asked of several."""
POPULAR: Final = 3.0
"""Senders expected from history, from which a text is common property."""
NEW: Final = 1.5
"""Senders expected from history, up to which a text is new: one is expected of a text that nobody sent."""
MEMBERS: Final = 1 << 16
"""Members of one candidate; who comes later is served by what is known of the others."""
SAMPLE: Final = 32
IDENTIFIERS: Final = 64
MODELS: Final = 8
YOUNG_DAYS: Final = 7.0
_SAME_ODDS: Final = 0.1
"""A change of log10 odds that members needn't be told."""
_COUNTS: Final = ("sendings", "continued", "maximised", "reasoning", "sampled", "banked", "intended", "aged", "young")


_Key = TypeVar("_Key")


def _add(mine: dict[_Key, int], theirs: dict[_Key, int], most: int) -> None:
    for key, count in theirs.items():
        if key in mine or len(mine) < most:
            mine[key] = mine.get(key, 0) + count


class Candidate:
    """What is shared, by whom, since when, what they do, and what that is worth."""

    def __init__(self, number: int, key: int, now: float) -> None:
        """`number` is unique in this process; `key` names the shared thing and is the same in every replica."""
        self.number = number
        self.id = f"c-{key & 0xFFFFFFFFFFFF:012x}"
        self.first_seen = self.last_seen = now
        self.texts: list[SharedText] = []
        self.sendings = self.continued = self.maximised = self.reasoning = self.sampled = self.banked = self.intended = 0
        self.aged = self.young = 0
        self.intents = [0] * MAX_INTENTS
        self.models: dict[str, int] = {}
        self.principals: dict[int, int] = {}
        self.sum_squares = 0
        self.sample: list[str] = []
        self.identifiers: dict[int, int] = {}
        self.prompts = Distinct()
        self.questions = Distinct()
        self.pace = Pace(now)
        self.common: dict[int, int] = {}
        """Members that other candidates have too, by the candidate's number."""
        self.findings: list[Finding] = []
        self.verdict = Verdict(-9.0, (), together=False)
        self.takes_turns = False
        """Whether the verdict has signs of shared workers."""
        self.level = 0
        self._tells = self.telling = False
        """Whether what is shared is enough to throttle, however its requests come and go: by the findings, and while the campaign has a level."""
        self.level_at: dict[int, float] = {}
        self.tested = -1
        """Sendings when it was last tested."""
        self.judged_at = now
        self.exemption = NO_EXEMPTION
        self.rarity = 0.0
        """log10 of accounts for each earlier user of the settings they share; 0.0 where they share a text."""
        self.ordinary = 0.0
        """Sendings of the middle member; only kept where no text is shared."""
        self.company: Candidate | None = None
        """A larger campaign that its members are in already, and which share of them is."""
        self.in_company = 0.0
        self.merged_into: Candidate | None = None

    @property
    def size(self) -> int:
        """Principals that sent something shared."""
        return len(self.principals)

    @property
    def spread(self) -> float:
        """-log10 of the number of such texts expected by chance, of the most surprising one."""
        return max((text.spread for text in self.texts), default=0.0)

    @property
    def popular(self) -> bool:
        """All that is shared was known before: its senders may be regular users of it."""
        return bool(self.texts) and min(text.expected for text in self.texts) > POPULAR

    @property
    def thin(self) -> bool:
        """Few senders and no sign of shared workers: one question that a campaign asks several times, and others may ask too."""
        return self.size < TEMPLATE_MEMBERS and not self.takes_turns

    def admits(self, sendings: int) -> bool:
        """Whether so many sendings make a member."""
        return sendings >= (2 if self.thin else 1)

    def current(self) -> Candidate:
        """This candidate, or the one it was merged into."""
        candidate = self
        while candidate.merged_into is not None:
            candidate = candidate.merged_into
        return candidate

    def sent(self, account: Account, extraction: Extraction, shape: int, model: str, now: float) -> None:
        """An account sends what is shared."""
        self.last_seen = max(self.last_seen, now)
        self.sendings += 1
        self.continued += extraction.continues
        self.maximised += shape & MAXIMISED != 0
        self.reasoning += shape & REASONING != 0
        self.sampled += shape & SAMPLED != 0
        if shape & STEP:
            self.pace.goes_on(now)
        if extraction.question:
            self.banked += 1
            self.questions.add(extraction.question)
        self.prompts.add(extraction.exact)
        bits = extraction.intents
        self.intended += bits != 0
        while bits:
            low = bits & -bits
            self.intents[low.bit_length() - 1] += 1
            bits ^= low
        if model in self.models or len(self.models) < MODELS:
            self.models[model] = self.models.get(model, 0) + 1
        self.pace.pauses.arrived(account.principal, now)

    def enrol(self, account: Account) -> bool:
        """Count a sending of the account's; its first one makes it a member. Whether it was the first."""
        account.joined(self.number)
        count = self.principals.get(account.principal, 0)
        if not count and len(self.principals) >= MEMBERS:
            return False
        self.principals[account.principal] = count + 1
        self.sum_squares += 2 * count + 1
        if count:
            return False
        if len(self.sample) < SAMPLE:
            self.sample.append(account.name)
        self.aged += account.age_days >= 0.0
        self.young += 0.0 <= account.age_days < YOUNG_DAYS
        for identifier in account.identifiers:
            if identifier in self.identifiers or len(self.identifiers) < IDENTIFIERS:
                self.identifiers[identifier] = self.identifiers.get(identifier, 0) + 1
        return True

    def absorb(self, other: Candidate, now: float) -> None:
        """Become one with another candidate that has most of its members in common with this one."""
        other.merged_into = self
        self.first_seen = min(self.first_seen, other.first_seen)
        self.last_seen = max(self.last_seen, other.last_seen)
        for text in other.texts:
            text.candidate = self
        self.texts += other.texts
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.intents = [mine + theirs for mine, theirs in zip(self.intents, other.intents, strict=True)]
        _add(self.models, other.models, MODELS)
        _add(self.identifiers, other.identifiers, IDENTIFIERS)
        _add(self.principals, other.principals, MEMBERS)
        self.sum_squares = sum(count * count for count in self.principals.values())
        self.sample = list(dict.fromkeys(self.sample + other.sample))[:SAMPLE]
        self.prompts.merge(other.prompts)
        self.questions.merge(other.questions)
        self.pace.absorb(other.pace, now)
        for level, at in other.level_at.items():
            self.level_at[level] = min(at, self.level_at.get(level, at))
        self.exemption = max(self.exemption, other.exemption)
        self.tested = -1

    def exempt(self, exemption: Exemption) -> None:
        """An operator's decision: no level while it is in force."""
        self.exemption = exemption
        self.level = 0
        self.telling = False

    def measure(self, now: float) -> None:
        """Say anew how its sendings come and go, and how many are ordinary."""
        if not self.texts and self.principals:
            self.ordinary = median(self.principals.values())
        self.pace.measure(now, raised=self.level > 0)

    def apart(self, principal: int) -> bool:
        """Whether the others take turns and this member doesn't: it only sends what they send, or uses the settings they use."""
        if self.takes_turns:
            return self.pace.turns.apart(principal)
        company = self.company  # not what that one keeps company with: each may be the other's
        return company is not None and company.takes_turns and company.pace.turns.apart(principal)

    def part(self, principal: int) -> bool:
        """Whether this member was seen to take turns with the others, where others do."""
        return not self.takes_turns or self.pace.turns.taken(principal)

    def clearly_part(self, principal: int, sendings: int) -> bool:
        """Whether its own requests leave as little doubt of that as so many of them can."""
        return self.takes_turns and self.pace.turns.taken(principal, CLEARLY if sendings > 1 else LEANING)

    @property
    def by_company(self) -> bool:
        """What its members are suspect of rests on the larger campaign that they are in: their own sendings show no shared workers."""
        return self.company is not None and not self.takes_turns

    @property
    def exclusive(self) -> bool:
        """Next to nobody outside the larger campaign sends it."""
        return self.in_company >= EXCLUSIVE

    def keeps_company(self, principal: int) -> bool:
        """Whether this member is in that larger campaign too, without a doubt."""
        return self.company is not None and principal in self.company.principals and self.company.part(principal)

    def likely_part(self, principal: int) -> bool:
        """Whether it is, or may be presumed to be since what it sent is new and nearly all who sent it take turns."""
        return self.part(principal) or (bool(self.texts) and not self.known and self.pace.turns.presumed(principal))

    @property
    def known(self) -> bool:
        """Some of what is shared was sent before, by a few."""
        return max((text.expected for text in self.texts), default=0.0) > NEW

    def found(self, findings: list[Finding], table: EvidenceTable) -> None:
        """Take what the tests newly gave."""
        self.findings = findings
        self._tells = level_of(table, fuse(table, self._of_the_text(table))) > 0

    def _of_the_text(self, table: EvidenceTable) -> list[Finding]:
        """Findings that hold for whoever sends what is shared, now for the first time."""
        beside = {"timing"} if self.exclusive else {"timing", table.family_of[COMPANY]}
        return [finding for finding in self.findings if finding.log10 < 0.0 or table.family_of[finding.measure] not in beside]

    def judge(self, table: EvidenceTable, now: float) -> bool:
        """Fuse the findings; whether members need to be told."""
        self.judged_at = now
        level, families, odds = self.level, self.verdict.families, self.verdict.log10_odds
        verdict = fuse(table, self.findings, faded(table, now - self.last_seen))
        self.level = 0 if now < self.exemption.until else level_of(table, verdict)
        self.telling = self.level > 0 and self._tells
        for reached in range(1, self.level + 1):
            self.level_at.setdefault(reached, now)
        same = self.level == level and len(families) == len(verdict.families) and abs(verdict.log10_odds - odds) < _SAME_ODDS
        if not same:
            self.verdict = verdict
            self.takes_turns = any(family == "timing" for family, _ in verdict.families)
        return not same and (level > 0 or self.level > 0)
