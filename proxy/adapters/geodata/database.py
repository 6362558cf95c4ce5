"""One MaxMind-format database, opened on a private copy and tried before anyone relies on it.

The copy is the point: a reader that maps the operator's file is killed by SIGBUS when that file is truncated in place. So is the
reading of the whole file beforehand: the C reader trusts what it is given.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import geoip2.database
import maxminddb

from proxy.adapters.geodata.records import Found, Lookup, lookup_for
from proxy.adapters.geodata.structure import Layout, read_layout

_PROBES: Final = 256
"""Addresses tried in each family before a database is used; about 3 ms."""
_SAMPLE: Final = 2048
"""Records read one by one from the start: all of a small database; about 15 ms."""
_KNOWN_COUNTRIES: Final = {
    "193.0.6.139": "NL",  # RIPE NCC
    "192.203.230.10": "US",  # NASA, E root
    "200.160.2.3": "BR",  # NIC.br
    "168.126.63.1": "KR",  # Korea Telecom
    "129.132.1.1": "CH",  # ETH Zurich
    "131.111.8.46": "GB",  # Cambridge
    "77.88.8.8": "RU",  # Yandex
    "202.108.22.5": "CN",  # China Unicom, Beijing
    "133.11.0.1": "JP",  # University of Tokyo
    "175.45.176.1": "KP",  # Star Joint Venture
    "2001:200::1": "JP",  # WIDE
    "2001:67c:2e8::1": "NL",  # RIPE NCC
    "2001:638::1": "DE",  # DFN
}
"""Addresses that have been where they are for decades: a database that puts most of them elsewhere is damaged or misread."""
_KNOWN_NUMBERS: Final = {
    "8.8.8.8": 15169,
    "1.1.1.1": 13335,
    "193.0.6.139": 3333,
    "129.132.1.1": 559,
    "18.0.0.1": 3,
    "2001:200::1": 2500,
    "2001:638::1": 680,
    "2001:67c:2e8::1": 3333,
}


class Database(NamedTuple):
    """A database that was tried and can be looked up. It holds its own copy of the data, and no file."""

    name: str
    kind: str
    """The database type that its metadata states."""
    built_at: float
    """When its data was built, in seconds since the epoch."""
    networks: int
    """Nodes of its search tree: a size, comparable between two builds."""
    digest: str
    answered: int
    """Probes that it had an answer for."""
    find: Lookup
    """The region of a canonical address as far as this database knows it; None when it knows nothing."""


def open_database(name: str, content: bytes, before: Database | None = None) -> Database:
    """Copy, open and try a database. Raises ValueError that says why it can't be used, whatever the bytes are.

    `before` is the version in use: one that answers less than half of what that did is taken for a truncated or wrong file.
    Reads the whole file first (see `structure`): about 1 s for 100,000 records, gently when a version is in use.
    """
    try:
        layout = read_layout(content, gently=before is not None)
        database = _opened(name, content)
        _sample(database.find, layout)
    except Exception as error:
        raise ValueError(f"not a usable MaxMind-format database: {str(error)[:200] or type(error).__name__}") from error
    if before is not None and database.answered * 2 < before.answered:
        raise ValueError(f"answers {database.answered} of the trial look-ups, the version in use answers {before.answered}")
    return database


def open_shipped(name: str, content: bytes) -> Database:
    """Open a database that came with this package, whose structure its tests have read."""
    return _opened(name, content)


def _opened(name: str, content: bytes) -> Database:
    with _private_copy(content) as path:
        raw = maxminddb.open_database(path, maxminddb.MODE_MMAP_EXT)
        typed = geoip2.database.Reader(path, mode=maxminddb.MODE_MMAP_EXT)
    metadata = raw.metadata()
    find = lookup_for(metadata.database_type, typed, raw)
    answered = _try(find, metadata.ip_version)
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return Database(name, metadata.database_type, float(metadata.build_epoch), metadata.node_count, digest, answered, find)


@contextmanager
def _private_copy(content: bytes) -> Iterator[str]:
    """A path to a copy without a name of its own: memory where the system has memfd, else a temporary file that is deleted."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("region-database")
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as copy:
                copy.write(content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile(suffix=".mmdb") as copy:
        copy.write(content)
        copy.flush()
        yield copy.name


def _try(find: Lookup, ip_version: int) -> int:
    """Look up addresses all over the tree. Returns how many were known; raises when one breaks or too many are wrong."""
    answered = sum(1 for ip in _spread(ip_version) if find(ip) is not None)
    right = wrong = 0
    for ip in sorted(_KNOWN_COUNTRIES.keys() | _KNOWN_NUMBERS.keys()):
        if ip_version == 4 and ":" in ip:
            continue
        agrees = _agrees(ip, find(ip))
        right += agrees is True
        wrong += agrees is False
    if wrong > right:
        raise ValueError(f"{wrong} of {right + wrong} well-known addresses are in the wrong place")
    return answered + right


def _sample(find: Lookup, layout: Layout) -> None:
    """Read the first records. A database that tells nothing we use would silently not apply, so it is refused."""
    records = understood = 0
    for number in layout.addresses(_SAMPLE):
        found = find(str(ipaddress.ip_address(number)))
        records += 1
        understood += found is not None and any(found)
    if not understood:
        what = f"none of its first {records} records tells a country, an AS number or an anonymiser" if records else "it holds no network"
        raise ValueError(what)


def _agrees(ip: str, found: Found | None) -> bool | None:
    """Whether a database has a well-known address right; None when it doesn't say."""
    if found is None:
        return None
    if found.country and ip in _KNOWN_COUNTRIES:
        return found.country == _KNOWN_COUNTRIES[ip]
    if found.asn and ip in _KNOWN_NUMBERS:
        return found.asn == _KNOWN_NUMBERS[ip]
    return None


def _spread(ip_version: int) -> Iterator[str]:
    """Addresses spread evenly (by the golden ratio) over IPv4 and over 2000::/3, the same ones every time."""
    for turn in range(1, _PROBES + 1):
        yield str(ipaddress.IPv4Address(turn * 0x9E3779B1 % 2**32))
        if ip_version == 6:
            yield str(ipaddress.IPv6Address((1 << 125) + turn * 0x13C6EF372FE94F82BE73D8A9C5D5A6B1 % (1 << 125)))
