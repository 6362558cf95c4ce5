"""What the upstream is told of the way a request took: X-Forwarded-For, X-Forwarded-Proto, Via.

A trusted proxy's account of that way is continued, anybody else's is replaced.
"""

from __future__ import annotations

from typing import Final

from proxy.adapters.traffic.http1 import Head
from proxy.errors import CallerError, Fault

SCHEMES: Final = frozenset({"http", "https"})


class Trail:
    """`pseudonym` names this process in Via: a request that carries it has been here before (RFC 9110, 7.6.3)."""

    __slots__ = ("_pseudonym",)

    def __init__(self, pseudonym: str) -> None:
        self._pseudonym = pseudonym

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
