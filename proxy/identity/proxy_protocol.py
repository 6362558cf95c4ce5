"""PROXY protocol, versions 1 and 2: the header with which a load balancer begins a connection to say whom it stands for.

Written from the specification of 2020 (haproxy, doc/proxy-protocol.txt). No I/O: feed what has arrived, get told what to do.
Believe it only from peers that are listed, and then demand it: a listener that accepts both kinds lets anyone send one.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from typing import Final, NamedTuple

from proxy.identity.networks import canonical

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_V1_LONGEST: Final = 107
"""Bytes of the longest line of version 1, with its CRLF (2.1)."""
_V2_LONGEST: Final = 16 + 4096
"""Bytes of the longest header we read; addresses take at most 216, the rest are extensions that we skip."""
_PORT = re.compile(rb"(?:0|[1-9][0-9]{0,4})\Z")
_V4_FAMILY, _V6_FAMILY = 0x1, 0x2
_STREAM: Final = 0x1


class Source(NamedTuple):
    """A header that is complete: whom the connection is for and where the real traffic begins."""

    ip: str
    """Canonical address of the client; "" when the balancer speaks for itself (health checks): keep the peer's own."""
    length: int
    """Bytes of the header; what follows belongs to the client."""


class ProxyProtocolError(ValueError):
    """The bytes can't begin with a header. Close the connection; there is nobody to answer."""


def parse_header(data: bytes) -> Source | None:
    """Read the header at the start of `data`; None while more bytes are needed.

    Raises ProxyProtocolError as soon as the bytes can't become a header. Feed all bytes since the start of the connection; at
    most 4112 are ever needed.
    """
    if data.startswith(SIGNATURE):
        return _version_2(data)
    if SIGNATURE.startswith(data):
        return None
    if data.startswith(b"PROXY "):
        return _version_1(data)
    if b"PROXY ".startswith(data):
        return None
    raise ProxyProtocolError("it doesn't begin with a PROXY protocol header")


def _version_1(data: bytes) -> Source | None:
    end = data.find(b"\r\n", 0, _V1_LONGEST)
    if end < 0:
        if len(data) >= _V1_LONGEST:
            raise ProxyProtocolError(f"the line is longer than {_V1_LONGEST} bytes")
        return None
    words = data[:end].split(b" ")
    if words[1] == b"UNKNOWN":
        return Source("", end + 2)
    if len(words) != 6 or words[1] not in {b"TCP4", b"TCP6"}:
        raise ProxyProtocolError("the line isn't PROXY TCP4 or TCP6 with two addresses and two ports")
    version = 4 if words[1] == b"TCP4" else 6
    addresses = [_address(word, version) for word in words[2:4]]
    if not all(_PORT.match(word) and int(word) <= 65535 for word in words[4:]):
        raise ProxyProtocolError("a port isn't a number up to 65535")
    return Source(addresses[0], end + 2)


def _address(word: bytes, version: int) -> str:
    try:
        address = ipaddress.ip_address(word.decode("ascii"))
    except ValueError:
        raise ProxyProtocolError("an address can't be read") from None
    if address.version != version or b"%" in word:
        raise ProxyProtocolError("an address is of the other family")
    return canonical(str(address))


def _version_2(data: bytes) -> Source | None:
    if len(data) < 16:
        return None
    version_command, family_protocol, length = struct.unpack_from("!BBH", data, 12)
    version, command = version_command >> 4, version_command & 0xF
    if version != 2 or command > 1:
        raise ProxyProtocolError("the version isn't 2, or the command neither LOCAL nor PROXY")
    total = 16 + length
    if total > _V2_LONGEST:
        raise ProxyProtocolError(f"the header is longer than {_V2_LONGEST} bytes")
    if len(data) < total:
        return None
    if command == 0:
        return Source("", total)
    family, protocol = family_protocol >> 4, family_protocol & 0xF
    if family in {_V4_FAMILY, _V6_FAMILY} and protocol == _STREAM:
        size = 4 if family == _V4_FAMILY else 16
        if length < 2 * size + 4:
            raise ProxyProtocolError("the address block is too short")
        return Source(canonical(str(ipaddress.ip_address(data[16 : 16 + size]))), total)
    if family > 3 or protocol > 2:
        raise ProxyProtocolError("the address family or protocol isn't one that exists")
    return Source("", total)
