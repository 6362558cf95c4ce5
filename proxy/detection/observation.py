"""What one exchange tells the detector, and what the detector knows of an account: its input and its output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from proxy.dialects.call import ModelCall


class Observation(NamedTuple):
    """One served exchange at its start. Region, nationality and language are not here: they are never evidence."""

    account: str
    call: ModelCall
    header_names: Sequence[str] = ()
    """Lower-case request header names in the order received, for the client signature."""
    user_agent: str = ""
    tls_fingerprint: str = ""
    """Supplied by a trusted edge; "" otherwise."""
    network: str = ""
    """The /24 or /48 of the client address."""
    asn: int = 0
    org: str = ""
    age_days: float = -1.0
    """-1.0 when unknown."""
    waived: bool = False
    """An operator's waiver covers the account: it is measured but never raises a campaign."""


class Signals(NamedTuple):
    """What is known of an account so far; the facts of the signals phase are made from it."""

    level: int = 0
    score: float = 0.0
    families: tuple[str, ...] = ()
    campaign: str = ""
    campaign_size: int = 0
    campaign_since: float = 0.0
    """When the campaign was first a candidate, seconds since the epoch; 0.0 without one."""


NO_SIGNALS: Final = Signals()
