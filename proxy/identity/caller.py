"""Caller: who is asking, from where. Frozen once identity is settled; the handler turns it into facts."""

from __future__ import annotations

from typing import Final, NamedTuple


class Region(NamedTuple):
    """Where an address is. Unknown is a value: "" or 0, with a status that says why."""

    country: str = ""
    subdivision: str = ""
    """ISO 3166-2, country included: UA-43."""
    asn: int = 0
    as_org: str = ""
    anonymous: bool = False
    hosting: bool = False
    status: str = "unknown"
    """ok, unknown, private, stale or error."""
    latitude: float | None = None
    longitude: float | None = None


class Account(NamedTuple):
    """What the operator knows of an account. Defaults are those of an account nobody has listed."""

    id: str = ""
    source: str = "none"
    """header, token, credential or none."""
    listed: bool = False
    org: str = ""
    tier: str = ""
    verified: bool = False
    country: str = ""
    owner_country: str = ""
    owner_share: float = 0.0
    opened_at: float | None = None
    """Seconds since the epoch."""
    tags: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    """Attribute and where it was said, such as ("tier", "accounts.yaml:12"); for explanations."""


class Caller(NamedTuple):
    """Address, region and account of one request."""

    ip: str
    region: Region
    account: Account
    address_source: str = "peer"
    """peer, x-forwarded-for, forwarded, proxy-protocol or malformed."""


UNKNOWN_REGION: Final = Region()
