"""What the upstream is told of the way a request took: X-Forwarded-For, X-Forwarded-Proto, Via.

A trusted proxy's account of that way is continued, anybody else's is replaced.
"""

from __future__ import annotations

from typing import Final

from proxy.adapters.traffic.http1 import Head
from proxy.errors import CallerError, Fault
from proxy.settings import Settings

SCHEMES: Final = frozenset({"http", "https"})
ADDRESSES: Final = frozenset({"x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"})
"""Further headers in which edges name the client."""


def edge_claims(settings: Settings) -> frozenset[str]:
    """Names, in lower case, of the headers that only a trusted peer may send: an upstream that trusts this proxy would believe them."""
    identity, edge = settings.identity, settings.geo.edge
    named = (identity.account_header, *identity.account_headers.values(), identity.tls_fingerprint_header, *dict(edge).values())
    return ADDRESSES | {name.lower() for name in named if name}


class Trail:
    """`pseudonym` names this process in Via: a request that carries it has been here before (RFC 9110, 7.6.3)."""

    __slots__ = ("_claims", "_pseudonym")

    def __init__(self, pseudonym: str, claims: frozenset[str]) -> None:
        """`claims` are the names of headers that nobody but a trusted peer may send."""
        self._pseudonym, self._claims = pseudonym, claims

    def unclaimed(self, head: Head) -> Head:
        """A stranger's head without such headers."""
        kept = [pair for pair in head.headers if pair[0] not in self._claims]
        return head if len(kept) == len(head.headers) else head._replace(headers=kept)  # which costs more than to look

    def lines(self, head: Head, peer: str, client: str, *, trusted: bool, continued: bool, secure: bool) -> str:
        """Header lines for the upstream.

        `peer` is who connected, `client` who is believed to be at the far end; `continued`: the peer's X-Forwarded-For was followed, so
        it is kept and the peer added to it. Raises CallerError for a request that has been here before.
        """
        named = dict(head.headers)
        via = f"1.{0 if head.http10 else 1} {self._pseudonym}"
        if "via" in named:
            before = _joined(head, "via")
            if self._pseudonym in before:
                raise CallerError(
                    Fault.MALFORMED, "This request has been here before: the model endpoint leads back to this proxy.", "loop"
                )
            via = f"{before}, {via}"
        scheme = "https" if secure else "http"
        if trusted and named.get("x-forwarded-proto") in SCHEMES:
            scheme = named["x-forwarded-proto"]
        way = f"{_joined(head, 'x-forwarded-for')}, {peer}" if continued else client
        return f"x-forwarded-for: {way}\r\nx-forwarded-proto: {scheme}\r\nvia: {via}\r\n"


def _joined(head: Head, wanted: str) -> str:
    return ", ".join([value for name, value in head.headers if name == wanted])
