"""Identify: peer and headers become a Caller. The order in which sources are believed is decided here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from proxy.identity.address import Headers, Trust, client_address
from proxy.identity.caller import Account, Caller
from proxy.identity.credentials import Credential, account_id, credential, gateway_account
from proxy.identity.region import EdgeHeaders, RegionLookup, edge_region


class TokenAccounts(Protocol):
    """Verified tokens. Implemented by `adapters.jwt_accounts`."""

    def account(self, token: str, now: float) -> Account | None:
        """The account that a valid token's claims name; None for anything else."""


class Sources(NamedTuple):
    """Where identity comes from; built once at start."""

    trust: Trust
    regions: RegionLookup
    listed: Callable[[str], Account | None]
    """The accounts directory: what the operator knows of an account id."""
    tokens: TokenAccounts | None
    digest_key: bytes
    account_header: str
    edge: EdgeHeaders | None


def identify(sources: Sources, peer: str, headers: Headers, query: str, now: float) -> tuple[Caller, Credential | None]:
    """Settle address, region and account. Raises CallerError for ambiguous credentials or a malformed chain that is refused."""
    ip, address_source = client_address(peer, headers, sources.trust)
    trusted = sources.trust.peer(peer)[1]
    region = edge_region(headers, sources.edge) if trusted and sources.edge else None
    region = region or sources.regions.locate(ip, now)
    found = credential(headers, query if "key=" in query or "access_token=" in query else "")
    claimed = sources.tokens.account(found.secret, now) if sources.tokens and found and found.kind == "bearer" else None
    named = gateway_account(headers, sources.account_header, trusted=trusted)
    name, source = account_id(named, claimed.id if claimed else "", found, sources.digest_key)
    listed = sources.listed(name) if name else None
    if listed is not None:
        account = listed._replace(source=source)
    elif claimed is not None and source == "token":
        account = claimed
    else:
        account = Account(id=name, source=source)
    return Caller(ip, region, account, address_source), found
