"""Regions: the port through which an address is placed, and the addresses that are nowhere."""

from __future__ import annotations

import ipaddress
from typing import Final, Protocol

from proxy.identity.caller import Region
from proxy.identity.networks import Networks

_NOWHERE: Final = Networks(
    ipaddress.ip_network(text)
    for text in (
        # IANA IPv4 Special-Purpose Address Registry, the rows that are not globally reachable, with multicast
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
        # IANA IPv6 Special-Purpose Address Registry, the same way; site-local is deprecated (RFC 3879) but still in use
        *("::/128", "::1/128", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001:2::/48", "2001:10::/28"),
        *("2001:20::/28", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)


class RegionLookup(Protocol):
    """Places addresses. Never raises: a look-up that fails is a Region with status error."""

    def locate(self, ip: str, now: float) -> Region:
        """The region of a canonical address at `now` (seconds since the epoch; it decides what is stale)."""
        ...


PRIVATE: Final = Region(status="private")


def classify(ip: str) -> str:
    """`private` for an address that has no place on the public Internet, else "".

    Private, carrier-grade NAT, loopback, link-local, unique local, multicast, documentation, benchmarking and reserved addresses.
    """
    return "private" if _NOWHERE.contains(ip) else ""
