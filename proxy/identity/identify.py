"""Identify: peer and headers become a Caller. The order in which sources are believed is decided here."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple, Protocol

from proxy.identity.address import Headers, Trust, client_address
from proxy.identity.caller import Account, Caller
from proxy.identity.credentials import Credential, account_id, credential, gateway_account
from proxy.identity.region import EdgeHeaders, RegionLookup, edge_region


class TokenAccounts(Protocol):
    """Verified tokens. Implemented by `adapters.accounts.tokens`."""

    def account(self, token: str, now: float) -> Account | None:
        """The account that a valid token's claims name; None for anything else."""
        ...


class AccountLookup(Protocol):
    """What is known of an account, from every source. Implemented by `adapters.accounts.sources`."""

    def account(self, name: str, source: str, token: Account | None, headers: Headers, *, trusted: bool) -> Account:
        """The account called `name` that was found through `source`, joined with what a verified token and a trusted peer say."""
        ...


class Sources(NamedTuple):
    """Where identity comes from; built once at start."""

    trust: Trust
    regions: RegionLookup
    accounts: AccountLookup
    tokens: TokenAccounts | None
    digest_key: bytes
    account_header: str
    edge: EdgeHeaders | None


def identify(sources: Sources, peer: str, headers: Headers, query: str, now: float) -> tuple[Caller, Credential | None]:
    """Settle address, region and account. Raises CallerError for ambiguous credentials or a malformed chain that is refused."""
    ip, address_source = client_address(peer, headers, sources.trust)
    trusted = sources.trust.peer(peer)[1]
    region = sources.regions.locate(ip, now)
    if trusted and sources.edge is not None:
        region = edge_region(headers, sources.edge, region)
    found = credential(headers, query)
    claimed = sources.tokens.account(found.secret, now) if sources.tokens and found and found.kind == "bearer" else None
    named = gateway_account(headers, sources.account_header, trusted=trusted)
    name, source = account_id(named, claimed.id if claimed else "", found, sources.digest_key)
    account = sources.accounts.account(name, source, claimed, headers, trusted=trusted)
    return Caller(ip, region, account, address_source), found


@lru_cache(16_384)
def network_of(ip: str) -> str:
    """The /24 or /48 an address lies in: what one subscriber or site holds. "" for what isn't an address."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))
