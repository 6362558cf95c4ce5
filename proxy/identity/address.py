"""Client address: who is at the far end, when proxies that we trust stand in between.

The walk goes from the right, the end that our own proxies wrote, to the first address that is not one of them. What a client
put in front is never reached, so no spoofed entry, header line or quote moves the answer.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, Self

from proxy.errors import CallerError, Fault
from proxy.identity.networks import Networks, canonical, parse_network

ForwardingHeader = Literal["x-forwarded-for", "forwarded"]
Malformed = Literal["last_good", "refuse"]
Headers = Sequence[tuple[str, str]]
"""Header lines in the order received, names in lower case."""

_MOST_HOPS = 32
"""Trusted hops followed; a chain of more is malformed. It bounds the work that one header can cause."""
_CACHED_ADDRESSES = 8192
_CACHED_CHARACTERS = 256
"""Longest header remembered: a cache of longer ones would let callers choose how much memory it takes."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_PORT = re.compile(r"[0-9]{1,5}\Z")


class Trust:
    """Which peers are believed, and which one of the two forwarding headers they write."""

    __slots__ = ("_networks", "_walk_cached", "header", "malformed", "peer")

    def __init__(self, networks: Networks, header: ForwardingHeader, malformed: Malformed) -> None:
        self._networks = networks
        self.header = header
        self.malformed = malformed
        self.peer = lru_cache(_CACHED_ADDRESSES)(self._judge)
        """Canonical address of a peer, and whether it is trusted."""
        self._walk_cached = lru_cache(_CACHED_ADDRESSES)(self._walk)

    @classmethod
    def parse(
        cls,
        networks: Sequence[str],
        *,
        header: ForwardingHeader = "x-forwarded-for",
        malformed: Malformed = "last_good",
        allow_any: bool = False,
    ) -> Self:
        """Read the networks of trusted peers.

        Raises ValueError with every problem, one a line: what is not a network, and networks that together hold every address of
        a family unless `allow_any`, since then any client chooses its own address.
        """
        problems: list[str] = []
        found: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for text in networks:
            try:
                found.append(parse_network(text))
            except ValueError as error:
                problems.append(str(error))
        if not allow_any and _holds_a_whole_family(found):
            problems.append(
                f"{', '.join(networks)} trusts every address, so any client could claim any region; list your proxies' own networks"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return cls(Networks(found), header, malformed)

    def _judge(self, peer: str) -> tuple[tuple[str, str], bool]:
        ip = canonical(peer)
        return (ip, "peer"), self._networks.contains(ip)

    def walk(self, peer: str, values: tuple[str, ...]) -> tuple[str, str]:
        """Follow the forwarding header of a trusted peer. See `client_address`."""
        if len(values) == 1 and len(values[0]) <= _CACHED_CHARACTERS:
            return self._walk_cached(peer, values)
        return self._walk(peer, values)

    def _walk(self, peer: str, values: tuple[str, ...]) -> tuple[str, str]:
        read = _forwarded_for if self.header == "forwarded" else _hop
        last = peer
        hops = 0
        for entry in _from_the_right(values):
            ip = read(entry)
            hops += 1
            if not ip or hops > _MOST_HOPS:
                if self.malformed == "refuse":
                    raise CallerError(Fault.MALFORMED, f"The {self.header} header has an entry that is not an address.")
                return last, "malformed"
            if not self._networks.contains(ip):
                return ip, self.header
            last = ip
        return (last, self.header) if hops else (peer, "peer")


def client_address(peer: str, headers: Headers, trust: Trust) -> tuple[str, str]:
    """Find the client's address and where it was read: peer, x-forwarded-for, forwarded or malformed.

    The peer's own address unless the peer is trusted; then the rightmost untrusted entry of the one header that `trust` names,
    several lines counting as one in their order. When every entry is trusted it is the leftmost. An entry that is not an address
    (`unknown`, `_hidden`, text) does what `trust.malformed` says: the address of the last good hop, or CallerError.
    A peer without an address (a Unix socket) is "" and never trusted.
    """
    found, trusted = trust.peer(peer)
    if not trusted:
        return found
    name = trust.header
    values = tuple([value for header, value in headers if header == name])
    return trust.walk(found[0], values) if values else found


def _holds_a_whole_family(networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    """True also for 0.0.0.0/1 with 128.0.0.0/1, which say 0.0.0.0/0 in two words."""
    v4 = [network for network in networks if isinstance(network, ipaddress.IPv4Network)]
    v6 = [network for network in networks if isinstance(network, ipaddress.IPv6Network)]
    return any(n.prefixlen == 0 for n in ipaddress.collapse_addresses(v4)) or any(
        n.prefixlen == 0 for n in ipaddress.collapse_addresses(v6)
    )


def _from_the_right(values: tuple[str, ...]) -> list[str]:
    """The rightmost entries of a list header, last first. Empty ones don't count (RFC 9110, 5.6.1.2).

    Commas split even inside quotes: no address holds one, and a client's unclosed quote must not swallow the entry after it.
    """
    pieces = ",".join(values).rsplit(",", 2 * _MOST_HOPS)
    pieces.reverse()
    return [entry for piece in pieces if (entry := piece.strip(" \t"))]


def _hop(text: str) -> str:
    """The address of `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]` or `[::1]:80`; "" for anything else."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or (rest and not (rest[0] == ":" and _PORT.match(rest, 1))):
            return ""
        return canonical(host)
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return canonical(host) if _PORT.match(port) else ""
    return canonical(text)


def _forwarded_for(element: str) -> str:
    """The address in one element of a Forwarded header (RFC 7239, 4); "" unless it names exactly one."""
    found = ""
    for pair in element.split(";"):
        name, equals, value = pair.strip(" \t").partition("=")
        if not name and not equals:
            continue
        if not _TOKEN.match(name):
            return ""
        if value.startswith('"'):
            if len(value) < 2 or value[-1] != '"' or '"' in value[1:-1] or "\\" in value:
                return ""
            value = value[1:-1]
        elif not _TOKEN.match(value):
            return ""
        if name.lower() == "for":
            if found:
                return ""
            found = _hop(value)
            if not found:
                return ""
    return found
