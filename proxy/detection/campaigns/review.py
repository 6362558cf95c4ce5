"""An account's standing: the campaign's evidence, if it sent what the campaign shares, plus its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from xxhash import xxh32_intdigest

from proxy.detection.accounts.account import Account
from proxy.detection.campaigns.board import Board
from proxy.detection.campaigns.candidate import COMPANY, Candidate
from proxy.detection.config import DetectionConfig
from proxy.detection.evidence.calibration import Sighting
from proxy.detection.evidence.exemption import NO_EXEMPTION, Exemption
from proxy.detection.evidence.fusion import THRESHOLD_JITTER, Finding, Verdict, faded, fuse, level_of
from proxy.detection.evidence.table import EvidenceTable
from proxy.detection.observation import NO_SIGNALS, Signals
from proxy.detection.text.intent import Intents

OWN_REQUESTS: Final = 10
TRAIT_SHARE: Final = 0.5
"""Of an account's requests, that must show a trait to make it a member: settings may agree by chance."""
ONE_WAY: Final = 0.03
FOLLOWS_UP: Final = 0.05
"""Shares of requests that go on with a conversation."""
TRAIT_MOST: Final = 0.8
TRAIT_REQUESTS: Final = 8
RARE: Final = 1.5
"""To punish for settings alone they must be rare (log10), and nearly all that the account sends."""
OUTLIER_TIMES: Final = 4.0
OUTLIER_MORE: Final = 10.0
REVIEW_S: Final = 900.0
FOLLOWED: Final = 1000
"""Raised accounts looked after in one sweep, or a sixteenth of them if they are more."""


class Reviewer:
    """Makes standings from evidence, and remembers who is above level 0."""

    def __init__(self, table: EvidenceTable, config: DetectionConfig, board: Board, intents: Intents, seed: int) -> None:
        """`seed` makes delays and thresholds different for each account and hard to guess."""
        self.table = table
        self._config = config
        self._board = board
        self._intents = intents
        self._seed = seed
        self._raised: dict[str, tuple[Account, int]] = {}
        """Accounts above level 0, or about to be, with the level that the evidence supports."""
        self._round: list[str] = []
        """Of those, who has yet to be looked after in this round."""
        self.braked = False
        self._exemptions: dict[str, Exemption] = {}
        """By account's name: they outlive what is known of an account that falls silent."""

    def signals(self, account: Account, now: float) -> Signals:
        """The account's signals, reviewed first if something is due."""
        standing = account.standing
        if now >= standing.review_at:
            self.review(account, now)
        return standing.signals

    def campaign_of(self, account: Account, now: float) -> Candidate | None:
        """The strongest campaign that the account itself sent something of, apart from those that an operator exempted."""
        best: Candidate | None = None
        for number, count in account.memberships.items():
            candidate = self._board.get(number)
            if candidate is None or now < candidate.exemption.until or not candidate.admits(count) or candidate.apart(account.principal):
                continue
            if not candidate.texts and not self._alike(account, candidate, count):
                continue
            if best is None or candidate.verdict.log10_odds > best.verdict.log10_odds:
                best = candidate
        return best

    def findings(self, account: Account, campaign: Candidate | None) -> list[Finding]:
        """What speaks for and against the account: its campaign's findings, or its own when it is in none."""
        if campaign is not None:
            return [finding for finding in campaign.findings if self._applies(finding, account, campaign)]
        found: list[Finding] = []
        if account.requests < OWN_REQUESTS:
            return found
        intents = account.intents
        place = max(range(len(intents)), key=intents.__getitem__)
        share = intents[place] / account.requests
        if share and place < len(self._intents.names):
            told = f"{share:.0%} of its own {account.requests} requests match the patterns of {self._intents.names[place]}"
            found.append(Finding("intent.own", share, self.table.weigh("intent.own", share), told))
        banked = account.banked / account.requests
        if banked:
            told = f"{banked:.0%} of its own {account.requests} requests are questions of published banks"
            found.append(Finding("bank.own", banked, self.table.weigh("bank.own", banked), told))
        return [finding for finding in found if finding.log10]

    def fade(self, account: Account, campaign: Candidate | None, now: float) -> float:
        """What is left of what speaks against the account, since nothing was added to it."""
        return faded(self.table, now - (campaign if campaign is not None else account).last_seen)

    def review(self, account: Account, now: float) -> Verdict:
        """Fuse what is known and move the standing towards it."""
        standing = account.standing
        campaign = self.campaign_of(account, now)
        verdict = fuse(self.table, self.findings(account, campaign), self.fade(account, campaign, now))
        chance = self._chance(account.name)
        target = level_of(self.table, verdict, (chance - 0.5) * THRESHOLD_JITTER)
        if campaign is not None:
            target = min(target, max(campaign.level, 1)) if campaign.level else 0
        if target > 1 and campaign is not None and not self._certain(account, campaign):
            target = 1
            verdict = verdict._replace(log10_odds=min(verdict.log10_odds, self.table.level_log_odds[1]))
        if now < self.exemption(account.name).until:
            target = 0
        wanted = target
        if self.braked and not _beyond_doubt(verdict):
            target = min(target, 1)
            standing.lower(1)
        standing.aim(target, now, chance * self._config.promote_s[target - 1] if target else 0.0, self._config.demote_s)
        standing.review_at = min(standing.next_change(), now + REVIEW_S)
        if wanted or standing.level:
            self._raised[account.name] = (account, wanted)
        else:
            self._raised.pop(account.name, None)
        standing.signals = self._signals(standing.level, verdict, campaign)
        return verdict

    def limited_by(self, account: Account, campaign: Candidate | None, now: float) -> str:
        """Why the account stands lower than its evidence would put it, for people; "" when it doesn't."""
        if now < self.exemption(account.name).until:
            return "an operator's decision"
        verdict = fuse(self.table, self.findings(account, campaign), self.fade(account, campaign, now))
        if level_of(self.table, verdict) <= 1:
            return ""
        if campaign is not None and not self._certain(account, campaign):
            return "its own requests leave open whether it takes part in what the others do: level 1 at most"
        if self.braked and not _beyond_doubt(verdict):
            return "the brake is on, since more accounts than budgeted would be punished: level 1 at most"
        return ""

    def sighting(self, account: Account, now: float) -> Sighting:
        """What the evidence says of an account at this moment; changes nothing."""
        campaign = self.campaign_of(account, now)
        verdict = fuse(self.table, self.findings(account, campaign))
        return Sighting(account.name, verdict, punishable=campaign is not None and self._certain(account, campaign))

    def _applies(self, finding: Finding, account: Account, campaign: Candidate) -> bool:
        """Whether what was found about the campaign holds for this account too."""
        if finding.measure == COMPANY:
            # One text of doubtful company isn't membership, unless it is the company's own and came with its settings.
            company = campaign.company if campaign.exclusive else None
            return account.memberships.get(campaign.number, 2) >= 2 or (company is not None and account.principal in company.principals)
        shared_workers = self.table.family_of[finding.measure] == "timing" and finding.log10 > 0.0
        return not shared_workers or campaign.likely_part(account.principal)

    def _alike(self, account: Account, candidate: Candidate, count: int) -> bool:
        """Whether an account that shares a trait does what the others do.

        It clearly takes turns with them; or else most of its requests show the trait, and none follow up if theirs don't.
        """
        if candidate.clearly_part(account.principal, count):
            return True
        one_way = candidate.continued < ONE_WAY * candidate.sendings
        return count >= TRAIT_SHARE * account.requests and not (one_way and account.continued > FOLLOWS_UP * account.requests)

    def _certain(self, account: Account, campaign: Candidate) -> bool:
        """Whether what the account shares is enough to punish it for what the campaign does."""
        if not campaign.part(account.principal):
            return False
        if campaign.texts:
            return not campaign.popular and (not campaign.by_company or campaign.keeps_company(account.principal))
        count = account.memberships.get(campaign.number, 0)
        ordinary = count <= OUTLIER_TIMES * campaign.ordinary + OUTLIER_MORE  # far more is work of its own
        return ordinary and campaign.rarity >= RARE and count >= TRAIT_REQUESTS and count >= TRAIT_MOST * account.requests

    def _signals(self, level: int, verdict: Verdict, campaign: Candidate | None) -> Signals:
        families = tuple(family for family, _ in verdict.families)
        if not level and not families:
            return NO_SIGNALS
        if campaign is None or not campaign.level:
            return Signals(level, verdict.score, families)
        return Signals(level, verdict.score, families, campaign.id, campaign.size, campaign.first_seen)

    def recognisable(self, name: str, account: Account | None, campaign: Candidate, now: float) -> bool:
        """Whether a request with a campaign's text may be acted on at once."""
        if not campaign.telling or not campaign.admits(1) or now < self.exemption(name).until:
            return False
        return account is None or not campaign.apart(account.principal)

    def recognised(self, campaign: Candidate) -> Signals:
        """Signals for a request that carries a known campaign's text: throttling, never more."""
        return self._signals(1, campaign.verdict, campaign)

    def _chance(self, name: str) -> float:
        return xxh32_intdigest(name.encode("utf-8", "replace"), self._seed & 0xFFFFFFFF) / 0x100000000

    def raised(self, level: int) -> list[str]:
        """Accounts that stand at `level` (at least 1) or above, highest first."""
        standing = {name: account.standing.level for name, (account, _) in self._raised.items() if account.standing.level >= level}
        return sorted(standing, key=lambda name: -standing[name])

    def brake(self, active: float) -> None:
        """Engage or release the brake by the share of accounts that the evidence would punish."""
        wanted = sum(supported >= 2 for _, supported in self._raised.values())
        limit = max(float(self._config.brake_accounts), self._config.brake_share * active)
        braked = wanted > (0.8 * limit if self.braked else limit)
        if braked != self.braked:
            self.braked = braked
            for account, _ in self._raised.values():
                account.standing.review_at = 0.0

    def follow(self, now: float, known: Callable[[str], Account | None]) -> None:
        """Move standings that are due although their accounts send nothing, and forget accounts that fell out of the table; some at a time."""
        if not self._round:
            self._round = list(self._raised)
        most = max(FOLLOWED, len(self._raised) // 16)
        turn, self._round = self._round[:most], self._round[most:]
        for name in turn:
            raised = self._raised.get(name)
            if raised is None:
                continue
            account, _ = raised
            if known(name) is not account:
                del self._raised[name]
            elif now >= account.standing.review_at:
                self.review(account, now)

    def exemption(self, name: str) -> Exemption:
        """What an operator decided about an account."""
        return self._exemptions.get(name, NO_EXEMPTION)

    def exempt(self, subject: str, account: Account | None, exemption: Exemption, now: float) -> None:
        """Clear an account, or a campaign and everyone who was raised for it, and let the evidence raise neither while the exemption lasts."""
        if account is not None:
            self._exemptions = {name: one for name, one in self._exemptions.items() if one.until > now}
            self._exemptions[subject] = exemption
            self._clear(account, now)
        for campaign in self._board.campaigns:
            if campaign.id == subject:
                raised = [one for one, _ in self._raised.values() if self.campaign_of(one, now) is campaign]
                campaign.exempt(exemption)
                for one in raised:
                    self._clear(one, now)

    def _clear(self, account: Account, now: float) -> None:
        account.standing.clear()
        account.standing.review_at = now
        self._raised.pop(account.name, None)

    def metrics(self) -> Mapping[str, float | Mapping[str, float]]:
        """Accounts by level, campaigns, evidence by family, brake, time to detection."""
        levels = dict.fromkeys(("1", "2", "3", "4"), 0.0)
        for account, _ in self._raised.values():
            if account.standing.level:
                levels[str(account.standing.level)] += 1.0
        families = dict.fromkeys(self.table.families, 0.0)
        for account, _ in self._raised.values():
            for family in account.standing.signals.families:
                families[family] += 1.0
        campaigns = self._board.campaigns
        latest = max(campaigns, key=lambda campaign: campaign.level_at[1], default=None)
        return {
            "accounts_by_level": levels,
            "accounts_by_family": families,
            "campaigns": float(sum(campaign.level > 0 for campaign in campaigns)),
            "campaign_accounts": float(sum(campaign.size for campaign in campaigns if campaign.level)),
            "campaigns_found": float(self._board.confirmed),
            "brake": float(self.braked),
            "time_to_detection_s": latest.level_at[1] - latest.first_seen if latest is not None else 0.0,
        }


def _beyond_doubt(verdict: Verdict) -> bool:
    """The brake spares it."""
    return len(verdict.families) >= 3 and verdict.score >= 0.99
