"""Record: one exchange, from first byte to outcome. Metrics and the log are both derived from it.

It is filled as the exchange proceeds and written on every way out, so a request that dies early still leaves one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from proxy.dialects.call import NO_USAGE, Usage


@dataclass(slots=True)
class Record:
    """Times are seconds since the epoch (`at`) or durations in seconds (`*_s`). Holds no prompt, answer or credential."""

    id: str
    """Decision id, returned to the client in a header."""
    at: float
    revision: str
    """Revision of the policies that judged it."""
    method: str = ""
    endpoint: str = "unknown"
    dialect: str = ""
    model: str = ""
    stream: bool = False
    client: str = ""
    """Keyed digest of the client address unless the operator chose to log addresses."""
    account: str = ""
    """Keyed digest, like `client`."""
    country: str = ""
    asn: int = 0
    geo_status: str = ""
    outcome: str = "error"
    """allowed, refused, limited, rejected (the caller's bytes), upstream_error, client_gone, cut, or error."""
    rule: str = ""
    """The rule or limit that decided; "" when none did."""
    code: str = ""
    """Error code told to the caller; "" when there was none."""
    status: int = 0
    hits: tuple[tuple[str, str, tuple[str, ...], str], ...] = ()
    """Every rule that matched: id, mode (or error, waived, sampled_out), effects, waiver."""
    limits: tuple[tuple[str, bool, float, bool], ...] = ()
    """Every limit asked: id, allowed, remaining, shadow."""
    limits_degraded: bool = False
    clamped: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()
    """Parameters above the bound that a rule set: the model takes none, or none as low."""
    stripped: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    risk_level: int = 0
    risk_score: float = 0.0
    risk_families: tuple[str, ...] = ()
    campaign: str = ""
    inspected: bool = True
    estimated_tokens: int = 0
    unscanned_chars: int = 0
    """Characters of its texts in which no pattern was looked for, in all events of a session and all lines of a batch."""
    usage: Usage = NO_USAGE
    request_bytes: int = 0
    response_bytes: int = 0
    upstream: str = ""
    upstream_status: int = 0
    upstream_error: str = ""
    upstream_retries: int = 0
    decide_s: float = 0.0
    """Own time from headers read to the request sent on: the overhead a caller waits for."""
    first_byte_s: float = 0.0
    """Upstream's time to its first response byte."""
    total_s: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    """Facts that rules, limits and waivers read, addresses, accounts and end users as digests; empty unless the operator asks for them."""
    fact_sources: dict[str, str] = field(default_factory=dict)
    """Of these, what an operator, a gateway or a token said of the account, and where."""
