"""What is known of one account: bounded and decaying, about 2 kB.

Cannot see: what an account did before it fell out of the table, and anything that its requests don't show.
"""

from __future__ import annotations

from array import array
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
HOURS: Final = MAX_INTENTS
OUTPUTS: Final = HOURS + 24
HALVED_AT: Final = 4096
"""Requests after which all counts are halved, so that shares follow the recent past and fit sixteen bits."""


class Account:
    """State of one account. Counts are halved together, so their ratios keep their meaning."""

    __slots__ = (
        "age_days",
        "banked",
        "continued",
        "conversations",
        "counts",
        "first_seen",
        "identifiers",
        "in_flight",
        "last_seen",
        "maximised",
        "memberships",
        "models",
        "name",
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
        self.counts = array("H", bytes(2 * (OUTPUTS + OUTPUT_BINS)))
        """Requests by intent, then by hour of the day (UTC), then answers by output length in powers of two."""
        self.prompts = Distinct()
        self.conversations = array("Q")
        self.identifiers = array("Q")
        self.models: tuple[tuple[str, float], ...] = ()
        """Models and when each was first used."""
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
        self.banked += extraction.question != 0
        self.reasoning += shape & REASONING != 0
        self.maximised += shape & MAXIMISED != 0
        self.sampled += shape & SAMPLED != 0
        bits = extraction.intents
        while bits:
            low = bits & -bits
            self.counts[low.bit_length() - 1] += 1
            bits ^= low
        self.counts[HOURS + int(now // 3600) % 24] += 1
        self.prompts.add(extraction.chain)
        _remember(self.conversations, extraction.chain, self.total % CONVERSATIONS)
        self.in_flight.change(1, now)
        model = observation.call.model
        for known, _ in self.models:
            if known == model:
                break
        else:
            if len(self.models) < MODELS:
                self.models = (*self.models, (model, now))

    def ended(self, usage: Usage, now: float) -> None:
        """A request ends; output lengths are kept in bins of powers of two."""
        self.in_flight.change(-1, now)
        place = OUTPUTS + min(usage.output_tokens.bit_length(), OUTPUT_BINS - 1)
        if self.counts[place] < 65_535:
            self.counts[place] += 1

    @property
    def intents(self) -> list[int]:
        """Requests by intent."""
        return self.counts[:HOURS].tolist()

    @property
    def hours(self) -> list[int]:
        """Requests by hour of the day, UTC."""
        return self.counts[HOURS:OUTPUTS].tolist()

    @property
    def outputs(self) -> list[int]:
        """Answers by powers of two of their output tokens."""
        return self.counts[OUTPUTS:].tolist()

    def identified(self, identifier: int) -> bool:
        """The account shows a client signature or network; whether it hasn't lately."""
        if identifier in self.identifiers:
            return False
        _remember(self.identifiers, identifier, self.total % RECENT)
        return True

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
        for place, count in enumerate(self.counts):
            self.counts[place] = count // 2


def _remember(ring: array[int], value: int, place: int) -> None:
    if len(ring) < RECENT:
        ring.append(value)
    else:
        ring[place] = value
