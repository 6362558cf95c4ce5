"""What is known of one account: bounded and decaying, about 2 kB.

Cannot see: what an account did before it fell out of the table, and anything that its requests don't show.
"""

from __future__ import annotations

from array import array
from collections import deque
from typing import Final

from proxy.detection.accounts.distinct import Distinct
from proxy.detection.accounts.inflight import InFlight
from proxy.detection.accounts.shape import MAXIMISED, REASONING, SAMPLED
from proxy.detection.evidence.standing import Standing
from proxy.detection.observation import Observation
from proxy.detection.text.extraction import Extraction
from proxy.detection.text.intent import MAX_INTENTS
from proxy.dialects.call import Usage

CONVERSATIONS: Final = 8
RECENT: Final = 8
MODELS: Final = 4
MEMBERSHIPS: Final = 8
OUTPUT_BINS: Final = 16
HALVED_AT: Final = 4096
"""Requests after which all counts are halved, so that shares follow the recent past and fit sixteen bits."""


class Account:
    """State of one account. Counts are halved together, so their ratios keep their meaning."""

    __slots__ = (
        "age_days",
        "banked",
        "continued",
        "conversations",
        "first_seen",
        "hours",
        "identifiers",
        "in_flight",
        "intents",
        "last_seen",
        "maximised",
        "memberships",
        "models",
        "name",
        "outputs",
        "principal",
        "prompts",
        "reasoning",
        "refused",
        "requests",
        "sampled",
        "standing",
        "total",
    )

    def __init__(self, name: str, principal: int, now: float) -> None:
        """`principal` stands for whoever answers for the account: its organisation, or itself."""
        self.name = name
        self.principal = principal
        self.first_seen = self.last_seen = now
        self.requests = self.continued = self.banked = self.reasoning = self.maximised = self.sampled = self.refused = self.total = 0
        self.age_days = -1.0
        self.intents = array("H", bytes(2 * MAX_INTENTS))
        self.hours = array("H", bytes(48))
        self.outputs = array("H", bytes(2 * OUTPUT_BINS))
        self.prompts = Distinct()
        self.conversations: deque[int] = deque(maxlen=CONVERSATIONS)
        self.identifiers: deque[int] = deque(maxlen=RECENT)
        self.models: dict[str, float] = {}
        self.in_flight = InFlight(now)
        self.memberships: dict[int, int] = {}
        self.standing = Standing(now)

    def began(self, observation: Observation, extraction: Extraction, shape: int, now: float) -> None:
        """A request begins."""
        if self.requests >= HALVED_AT:
            self._halve()
        self.requests += 1
        self.total += 1
        self.last_seen = max(self.last_seen, now)
        self.age_days = observation.age_days
        self.continued += extraction.continues
        self.banked += extraction.in_bank
        self.reasoning += shape & REASONING != 0
        self.maximised += shape & MAXIMISED != 0
        self.sampled += shape & SAMPLED != 0
        bits = extraction.intents
        while bits:
            low = bits & -bits
            self.intents[low.bit_length() - 1] += 1
            bits ^= low
        self.hours[int(now // 3600) % 24] += 1
        self.prompts.add(extraction.chain)
        self.conversations.append(extraction.chain)
        self.in_flight.change(1, now)
        model = observation.call.model
        if model not in self.models and len(self.models) < MODELS:
            self.models[model] = now

    def ended(self, usage: Usage, now: float) -> None:
        """A request ends; output lengths are kept in bins of powers of two."""
        self.in_flight.change(-1, now)
        place = min(usage.output_tokens.bit_length(), OUTPUT_BINS - 1)
        if self.outputs[place] < 65_535:
            self.outputs[place] += 1

    def joined(self, candidate: int) -> int:
        """The account sent what the candidate is about; how often so far. Of too many memberships the slightest is dropped."""
        count = self.memberships.get(candidate, 0) + 1
        self.memberships[candidate] = count
        if len(self.memberships) > MEMBERSHIPS:
            slightest = min((other for other in self.memberships if other != candidate), key=self.memberships.__getitem__)
            del self.memberships[slightest]
        return count

    def _halve(self) -> None:
        for name in ("requests", "continued", "banked", "reasoning", "maximised", "sampled", "refused"):
            setattr(self, name, getattr(self, name) // 2)
        for counts in (self.intents, self.hours, self.outputs):
            for place, count in enumerate(counts):
                counts[place] = count // 2
