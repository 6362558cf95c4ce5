"""GeoDatabases: places addresses with the region databases an operator mounts, and with the embedded ones behind them."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

import zstandard

from proxy.adapters.geodata.database import Database, open_database, open_shipped
from proxy.adapters.geodata.records import Found
from proxy.errors import ConfigError, Problem
from proxy.identity.caller import UNKNOWN_REGION, Region
from proxy.identity.region import PRIVATE, classify, placed_as

_EMBEDDED: Final = ("country.mmdb", "asn.mmdb")
_REMEMBERED: Final = 16_384
"""Addresses whose region is remembered: about 8 MB when full."""
_LARGEST_BYTES: Final = 2 * 1024**3
"""Largest database file read; the biggest commercial ones stay under half of it."""
_FIX: Final = "give a .mmdb file from MaxMind, DB-IP or IPinfo, unpacked and complete"

Stamp = tuple[int, int, int, int]


class DatabaseStatus(NamedTuple):
    """One database, for metrics, readiness and people."""

    name: str
    kind: str
    built_at: float
    """Seconds since the epoch; its age is `now - built_at`."""
    stale_at: float
    """When it becomes stale by the declared longest age."""
    nodes: int
    digest: str
    problem: str
    """Why the newest file isn't in use; "" when it is."""
    reloads: int
    failures: int


class _Source:
    """A file and the last database that it gave."""

    __slots__ = ("database", "failures", "path", "problem", "reloads", "stamp")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database: Database | None = None
        self.stamp: Stamp | None = None
        self.problem = ""
        self.reloads = 0
        self.failures = 0

    def refresh(self) -> bool:
        """Load the file if it isn't the one seen last. Says whether a new database is in place; a bad file leaves the old one."""
        try:
            stamp = _stamp(self.path)
            if stamp == self.stamp:
                return False
            content = self.path.read_bytes() if stamp[1] <= _LARGEST_BYTES else b""
            if _stamp(self.path) != stamp:  # still being written: half of each version could pass for a database
                return False
            self.stamp = stamp
            database = open_database(str(self.path), content, self.database)
        except (OSError, ValueError) as error:
            problem = f"can't be read: {error.strerror}" if isinstance(error, OSError) else str(error)
            self.failures += problem != self.problem or isinstance(error, ValueError)
            self.problem = problem
            if isinstance(error, OSError):
                self.stamp = None
            return False
        self.problem = ""
        if self.database is not None and self.database.digest == database.digest:
            return False
        self.reloads += self.database is not None
        self.database = database
        return True


class GeoDatabases:
    """A RegionLookup over several databases; for each field the first one that knows it wins.

    Country, subdivision and place come together or not at all: a subdivision never joins another database's country. An address
    is anonymous or hosting when any database flags it, hosting also when its network is in the maintained list.
    """

    def __init__(self, paths: Sequence[Path], *, embedded: bool = True, max_age_s: float = float("inf")) -> None:
        """Load everything; raises ConfigError with every file that can't be used. `max_age_s`: older data is stale."""
        self._sources = [_Source(path) for path in paths]
        self._max_age_s = max_age_s
        self._hosting = hosting_numbers()
        self._refreshing = threading.Lock()
        for source in self._sources:
            source.refresh()
        problems = [
            Problem(str(s.path), 0, 0, "geo.databases", s.problem or "it changed while it was read", _FIX)
            for s in self._sources
            if s.database is None
        ]
        if problems:
            raise ConfigError(problems)
        self._embedded = tuple(_embedded(name) for name in _EMBEDDED) if embedded else ()
        self._swap()

    def locate(self, ip: str, now: float) -> Region:
        """The region of a canonical address. Never raises; `status` says ok, unknown, private, stale or error."""
        region, stale, stale_at = self._find(ip)
        return region if now < stale_at else stale

    def refresh(self) -> bool:
        """Load the files that changed. Says whether any database was replaced. Safe to call from another thread."""
        with self._refreshing:
            changed = [source.refresh() for source in self._sources]
            if any(changed):
                self._swap()
        return any(changed)

    async def watch(self, every_s: float, report: Callable[[tuple[DatabaseStatus, ...]], None]) -> None:
        """Look for changed files every `every_s` seconds until cancelled; `report` gets the status when anything happened.

        It compares what stat says instead of waiting for events: network file systems and swapped links send none.
        """
        while self._sources:
            await asyncio.sleep(every_s)
            before = self.status()
            await asyncio.to_thread(self.refresh)
            if self.status() != before:
                report(self.status())

    def status(self) -> tuple[DatabaseStatus, ...]:
        """Every database in order of precedence."""
        mounted = [(s.database, s.problem, s.reloads, s.failures) for s in self._sources if s.database is not None]
        return tuple(
            DatabaseStatus(db.name, db.kind, db.built_at, db.built_at + self._max_age_s, db.networks, db.digest, problem, reloads, failures)
            for db, problem, reloads, failures in (*mounted, *((db, "", 0, 0) for db in self._embedded))
        )

    def _swap(self) -> None:
        """Put a new look-up with an empty memory in place, in one assignment: no look-up sees two versions of a database."""
        databases = tuple([s.database for s in self._sources if s.database is not None] + list(self._embedded))
        hosting, max_age_s = self._hosting, self._max_age_s
        self._find = lru_cache(_REMEMBERED)(lambda ip: _place(ip, databases, hosting, max_age_s))


def hosting_numbers() -> frozenset[int]:
    """AS numbers of hosting providers, from the maintained list beside the embedded databases."""
    text = (resources.files("proxy.adapters.geodata") / "hosting_asns.txt").read_text(encoding="utf-8")
    return frozenset(int(line.split(maxsplit=1)[0]) for line in text.splitlines() if line and not line.startswith("#"))


def _embedded(name: str) -> Database:
    packed = (resources.files("proxy.adapters.geodata") / f"{name}.zst").read_bytes()
    return open_shipped(f"embedded {name}", zstandard.ZstdDecompressor().decompress(packed))


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("isn't a file")  # a pipe would be waited for without end
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


def _place(ip: str, databases: tuple[Database, ...], hosting: frozenset[int], max_age_s: float) -> tuple[Region, Region, float]:
    """The region of an address, the same once what was used for it is stale, and when that is."""
    if classify(ip):
        return PRIVATE, PRIVATE, float("inf")
    ip = placed_as(ip)
    if not ip:
        return UNKNOWN_REGION, UNKNOWN_REGION, float("inf")
    region, broken, stale_at = UNKNOWN_REGION, False, float("inf")
    for database in databases:
        try:
            found = database.find(ip)
        except Exception:  # noqa: BLE001 a damaged record raises whatever its bytes mean (UnicodeDecodeError, TypeError...)
            broken = True
            continue
        if found is None:
            continue
        joined = _join(region, found)
        if joined is not region:
            region, stale_at = joined, min(stale_at, database.built_at + max_age_s)
    status = "error" if broken else "ok" if region.country else "unknown"
    region = region._replace(status=status, hosting=region.hosting or region.asn in hosting)
    return region, region._replace(status="stale") if status == "ok" else region, stale_at


def _join(region: Region, found: Found) -> Region:
    """Fill what is still unknown; the same object when there is nothing to fill."""
    if found.country and not region.country:
        region = region._replace(country=found.country, subdivision=found.subdivision, latitude=found.latitude, longitude=found.longitude)
    elif found.subdivision and not region.subdivision and found.country == region.country:
        region = region._replace(subdivision=found.subdivision, latitude=found.latitude, longitude=found.longitude)
    if found.asn and not region.asn:
        region = region._replace(asn=found.asn, as_org=found.as_org)
    if found.anonymous > region.anonymous or found.hosting > region.hosting:
        region = region._replace(anonymous=region.anonymous or found.anonymous, hosting=region.hosting or found.hosting)
    return region
