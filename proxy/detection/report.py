"""What an operator is shown of accounts and campaigns: evidence in sentences a person can check."""

from __future__ import annotations

from typing import NamedTuple


class Evidence(NamedTuple):
    """One finding."""

    family: str
    measure: str
    log10: float
    """What it counts for now: the log10 likelihood ratio, bounded by its family and faded. The strongest for and against in each family add up."""
    sentence: str


class AccountReport(NamedTuple):
    """One account."""

    account: str
    level: int
    score: float
    families: tuple[str, ...]
    campaign: str
    evidence: tuple[Evidence, ...]
    requests: int
    first_seen: float
    last_seen: float
    exempt_until: float
    note: str
    """What an operator decided about it, and why."""
    hours: tuple[int, ...]
    """Requests by hour of the day, UTC."""
    output_tokens: tuple[int, ...]
    """Answers by powers of two of their output tokens."""
    distinct_prompts: float
    in_flight_mean: float
    in_flight_variance: float
    limited_by: str
    """Why it stands lower than its evidence adds up to; "" when it doesn't."""


class CampaignReport(NamedTuple):
    """One campaign."""

    id: str
    level: int
    score: float
    size: int
    members: tuple[str, ...]
    """A sample."""
    families: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    first_seen: float
    last_seen: float
    sendings: int
    """Requests that carried what the campaign shares."""
    level_at: tuple[tuple[int, float], ...]
    """When each level was first reached."""
    exempt_until: float
    note: str
    """What an operator decided about it, and why."""
