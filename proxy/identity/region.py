"""Regions: the port through which an address is placed, and the addresses that are nowhere."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

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


_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")


def placed_as(ip: str) -> str:
    """The canonical address whose place counts for `ip`: itself, or the IPv4 address from which a tunnel or translator made it.

    6to4 (RFC 3056), Teredo (RFC 4380) and NAT64's well-known prefix (RFC 6052): their own networks belong to whoever runs a relay, and
    would put the whole world there. "" when such an address was made from one that isn't public, which none may be. What isn't an
    address stays as it is.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if address.version == 4:
        return ip
    inside = address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inside is None and address in _TRANSLATED:
        inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inside is None:
        return ip
    return "" if classify(str(inside)) else str(inside)


class EdgeHeaders(NamedTuple):
    """Headers, in lower case, in which a trusted edge says where the client is. An empty name isn't read."""

    country: str
    subdivision: str = ""
    """Its value may begin with the country (UA-43, UA43) or not (43)."""
    asn: str = ""


def edge_headers(country: str, subdivision: str, asn: str) -> EdgeHeaders | None:
    """The headers that an operator declared, whatever their case; None when there is none."""
    declared = EdgeHeaders(country.lower(), subdivision.lower(), asn.lower())
    return declared if any(declared) else None


_NO_COUNTRY: Final = frozenset({"XX", "ZZ", "T1"})
"""What edges write instead of a country: unknown to Cloudflare, unknown to Google, the Tor network to Cloudflare."""
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}\Z")
_LONGEST_CODE: Final = 3
"""Characters of an ISO 3166-2 code behind its dash; more without a dash are Unicode's form (UA43), which Google's load balancers send."""
_NUMBER = re.compile(r"[0-9]{1,10}\Z")
_LARGEST_NUMBER: Final = 2**32 - 1


def edge_region(headers: Sequence[tuple[str, str]], edge: EdgeHeaders, found: Region) -> Region:
    """What a trusted edge says of the region, and `found` where it says nothing. Call it for trusted peers only.

    A subdivision or place that was found for another country is dropped. A header given twice (an edge that appends to what the
    client wrote), or one that can't be read, makes the status error: neither value may decide.
    """
    said: dict[str, str] = {}
    for name, value in headers:
        if name in edge:
            if name in said:
                return found._replace(status="error")
            said[name] = value.strip(" \t").upper()
    said.pop("", None)
    country, subdivision, number = said.get(edge.country, ""), said.get(edge.subdivision, ""), said.get(edge.asn, "")
    if country in _NO_COUNTRY:
        found = found._replace(anonymous=found.anonymous or country == "T1")
    elif country:
        if not _COUNTRY.match(country):
            return found._replace(status="error")
        if country == found.country:
            found = found._replace(status="ok")
        else:
            found = found._replace(country=country, subdivision="", latitude=None, longitude=None, status="ok")
    return _refined(found, subdivision, number)


def _refined(region: Region, subdivision: str, number: str) -> Region:
    if subdivision and region.country:
        prefix, dash, code = subdivision.rpartition("-")
        if not dash and len(code) > _LONGEST_CODE:
            prefix, dash, code = code[:2], "-", code[2:]
        if not _SUBDIVISION.match(code) or (dash and prefix != region.country):
            return region._replace(status="error")
        region = region._replace(subdivision=f"{region.country}-{code}")
    if number:
        digits = number.removeprefix("AS")
        if not _NUMBER.match(digits) or int(digits) > _LARGEST_NUMBER:
            return region._replace(status="error")
        if int(digits) != region.asn:
            region = region._replace(asn=int(digits), as_org="")
    return region
