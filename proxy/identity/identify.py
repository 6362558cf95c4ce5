"""Identify: peer and headers become a Caller. The order in which sources are believed is decided here."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final, Protocol

from proxy.identity.address import Headers, Trust, client_address
from proxy.identity.caller import Account, Caller
from proxy.identity.credentials import CREDENTIAL_HEADERS, Credential, account_id, credential, gateway_account
from proxy.identity.region import EdgeHeaders, RegionLookup, edge_region
from proxy.recollection import Recollection


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

    @property
    def reads_headers(self) -> bool:
        """Headers of a trusted peer say something of accounts."""
        ...

    @property
    def current(self) -> object:
        """What answers are made from: another object as soon as they may differ."""
        ...


class Sources:
    """Where identity comes from; built once at start. Remembers callers, within bounds."""

    __slots__ = ("_known", "_names", "account_header", "accounts", "digest_key", "edge", "regions", "tokens", "trust")

    def __init__(
        self,
        trust: Trust,
        regions: RegionLookup,
        accounts: AccountLookup,
        tokens: TokenAccounts | None,
        digest_key: bytes,
        account_header: str,
        edge: EdgeHeaders | None,
    ) -> None:
        self.trust = trust
        self.regions = regions
        self.accounts = accounts
        self.tokens = tokens
        self.digest_key = digest_key
        self.account_header = account_header
        self.edge = edge
        self._names = CREDENTIAL_HEADERS | {trust.header, account_header}
        self._known: Recollection[_Shown, _Known] = Recollection(_REMEMBERED)

    def shown(self, peer: str, headers: Headers, query: str) -> _Shown:
        """What of a request can tell one remembered caller from another: all that `identify` reads of it."""
        names = self._names
        return peer, query, tuple([pair for pair in headers if pair[0] in names])

    def recall(self, shown: _Shown, now: float) -> tuple[Caller, Credential | None] | None:
        """The caller who showed just that before, if databases and directory still say the same of it."""
        known = self._known.get(shown)
        if known is None:
            return None
        caller, found, source = known
        return (caller, found) if self.regions.locate(caller.ip, now) is caller.region and self.accounts.current is source else None

    def remember(self, shown: _Shown, caller: Caller, found: Credential | None, source: object) -> None:
        """Keep a caller whose account was made from `source`, unless it depends on more than `shown`: a token's lifetime, other headers.

        What is kept of strangers' bytes is bounded in number and length.
        """
        if self.tokens is not None and found is not None and found.kind == "bearer":
            return
        if (self.edge is not None or self.accounts.reads_headers) and self.trust.peer(shown[0])[1]:
            return
        if len(shown[1]) + sum([len(value) for _, value in shown[2]]) > _LONGEST_SHOWN:
            return
        self._known.keep(shown, (caller, found, source))


_REMEMBERED: Final = 4096
_LONGEST_SHOWN: Final = 512
"""Characters of headers and query that are worth keeping of a caller: 8 MB when all are this long."""
_Shown = tuple[str, str, tuple[tuple[str, str], ...]]
"""Peer, query, and the header lines that identity is read from, in their order."""
_Known = tuple[Caller, Credential | None, object]


def identify(sources: Sources, peer: str, headers: Headers, query: str, now: float) -> tuple[Caller, Credential | None]:
    """Settle address, region and account. Raises CallerError for ambiguous credentials or a malformed chain that is refused."""
    shown = sources.shown(peer, headers, query)
    known = sources.recall(shown, now)
    if known is not None:
        return known
    source = sources.accounts.current  # before it is asked: it may be replaced meanwhile
    caller, found = identify_unremembered(sources, peer, headers, query, now)
    sources.remember(shown, caller, found, source)
    return caller, found


def identify_unremembered(sources: Sources, peer: str, headers: Headers, query: str, now: float) -> tuple[Caller, Credential | None]:
    """The same from the sources themselves."""
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
