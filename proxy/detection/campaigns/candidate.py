"""A candidate: accounts that share something rare, and running counts of what they do with it.

The accounts may be honest users of a new tool; the tests in `findings` tell. Counts are per sending of the shared thing, so that
an account's other traffic neither hides nor blurs them.
"""

from __future__ import annotations

from typing import Final

from proxy.detection.accounts.account import Account
from proxy.detection.accounts.shape import MAXIMISED, REASONING, SAMPLED
from proxy.detection.campaigns.measures.independence import UNKNOWN, Independence, Pinned
from proxy.detection.campaigns.measures.pauses import Pauses
from proxy.detection.text.extraction import Extraction
from proxy.detection.text.intent import MAX_INTENTS

TEXT: Final = "text"
BANK: Final = "bank"
IDENTITY: Final = "identity"

FINGERPRINTS: Final = 512
SAMPLE: Final = 32
IDENTIFIERS: Final = 64
MODELS: Final = 8
YOUNG_DAYS: Final = 7.0


class Candidate:
    """What is shared (`kind`, `key`), by whom, since when, and what they do."""

    def __init__(self, number: int, kind: str, key: int, now: float) -> None:
        """`number` is unique in this process; `key` names the shared thing and is the same in every replica."""
        self.number = number
        self.kind = kind
        self.key = key
        self.first_seen = self.last_seen = now
        self.spread = 0.0
        """-log10 of the number of such texts expected by chance."""
        self.fingerprints: dict[int, int] = {}
        self.typical = 0.0
        """Fingerprints of the candidate in a typical sending."""
        self.sendings = self.continued = self.maximised = self.reasoning = self.sampled = self.banked = 0
        self.intents = [0] * MAX_INTENTS
        self.models: dict[str, int] = {}
        self.principals: dict[int, int] = {}
        self.sum_squares = 0
        self.sample: list[str] = []
        self.identifiers: dict[int, int] = {}
        self.aged = self.young = 0
        self.independence = Independence(now)
        self.pinned: Pinned = UNKNOWN
        self.pinned_at = now
        self.pauses = Pauses()
        self.campaign = 0
        """Number of the campaign it belongs to; 0 for none."""

    @property
    def size(self) -> int:
        """Principals that sent it."""
        return len(self.principals)

    def needed(self) -> float:
        """Fingerprints a text must share to count as a sending."""
        return max(3.0, 0.5 * self.typical)

    def sent(self, account: Account, extraction: Extraction, shape: int, model: str, now: float) -> None:
        """An account sends the shared thing."""
        self.last_seen = max(self.last_seen, now)
        self.sendings += 1
        self.continued += extraction.continues
        self.maximised += shape & MAXIMISED != 0
        self.reasoning += shape & REASONING != 0
        self.sampled += shape & SAMPLED != 0
        self.banked += extraction.in_bank
        bits = extraction.intents
        while bits:
            low = bits & -bits
            self.intents[low.bit_length() - 1] += 1
            bits ^= low
        if model in self.models or len(self.models) < MODELS:
            self.models[model] = self.models.get(model, 0) + 1
        self.enrol(account)
        self.pauses.arrived(account.principal, now)

    def enrol(self, account: Account) -> None:
        """Count a sending of the account's; its first one makes it a member."""
        account.joined(self.number)
        count = self.principals.get(account.principal, 0)
        self.principals[account.principal] = count + 1
        self.sum_squares += 2 * count + 1
        if count:
            return
        if len(self.sample) < SAMPLE:
            self.sample.append(account.name)
        self.aged += account.age_days >= 0.0
        self.young += 0.0 <= account.age_days < YOUNG_DAYS
        for identifier in account.identifiers:
            if identifier in self.identifiers or len(self.identifiers) < IDENTIFIERS:
                self.identifiers[identifier] = self.identifiers.get(identifier, 0) + 1

    def adopt(self, fingerprint: int, principal: int) -> bool:
        """Another fingerprint was sent along; it belongs once a second principal did so. Whether it now does."""
        before = self.fingerprints.get(fingerprint)
        if before is None and len(self.fingerprints) < FINGERPRINTS:
            self.fingerprints[fingerprint] = principal
            return False
        return before is not None and before != principal
