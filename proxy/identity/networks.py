"""Sets of networks, and the one way in which an address is written down.

Every address that enters identity goes through `canonical`, so that one address has one spelling wherever it is compared,
cached, looked up or logged.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST_TEXT = 64
"""Longest spelling worth parsing: 45 characters for an address and some for a zone id (POSIX names stay under 16)."""


class Networks:
    """A set of networks. Membership costs one probe for each prefix length in use, however many networks there are."""

    __slots__ = ("_v4", "_v6")

    def __init__(self, networks: Iterable[IpNetwork]) -> None:
        by_length: dict[tuple[int, int], set[int]] = {}
        for network in networks:
            shift = network.max_prefixlen - network.prefixlen
            by_length.setdefault((network.version, shift), set()).add(int(network.network_address) >> shift)
        self._v4 = tuple((shift, frozenset(found)) for (version, shift), found in by_length.items() if version == 4)
        self._v6 = tuple((shift, frozenset(found)) for (version, shift), found in by_length.items() if version == 6)

    def contains(self, ip: str) -> bool:
        """Say whether a canonical address lies in one of the networks. What isn't an address lies in none."""
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        number = int(address)
        return any(number >> shift in found for shift, found in (self._v4 if address.version == 4 else self._v6))


def canonical(text: str) -> str:
    """Write an address the one way we write it; "" when it isn't one.

    An IPv4-mapped IPv6 address is its IPv4 address, a zone id is dropped (it means nothing beyond the host that added it), and
    IPv6 takes the short lower-case form of RFC 5952. Octal or short IPv4 (`010.0.0.1`, `10.1`) is no address.
    """
    if len(text) > _LONGEST_TEXT:
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if address.version == 4:
        return str(address)
    mapped = address.ipv4_mapped
    if mapped is not None:
        return str(mapped)
    if address.scope_id is not None:
        return str(ipaddress.IPv6Address(int(address)))
    return str(address)


def parse_network(text: str) -> IpNetwork:
    """Read `10.0.0.0/8`, `2001:db8::/32` or one address. Raises ValueError that says what to write."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        try:
            inside = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{text!r} is not a network; write 10.0.0.0/8, 2001:db8::/32 or one address") from None
        raise ValueError(f"{text!r} has bits set outside its prefix; write {inside} or one address") from None
    return unmapped(network)


def unmapped(network: IpNetwork) -> IpNetwork:
    """A network inside ::ffff:0:0/96 as the IPv4 network it stands for, since addresses are compared in that form."""
    if network.version == 6 and network.prefixlen >= 96:
        first = network.network_address.ipv4_mapped
        if first is not None:
            return ipaddress.IPv4Network((int(first), network.prefixlen - 96))
    return network


def is_loopback(host: str) -> bool:
    """Whether `host` is an address of this machine that others can't reach. A name is none."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
