"""PolicyFolder: the policies in force, followed as their folder changes. A version that isn't whole and sound never judges anything.

A change is taken in five steps: read every file until two readings agree, load, run the policies' own cases, and only then put the new
ruleset in place of the old one, by one assignment. Whatever fails leaves the last good set in force and is said in `status`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import watchfiles

from proxy.errors import ConfigError, Problem
from proxy.policy.cases import run_cases
from proxy.policy.load import load
from proxy.policy.ruleset import Ruleset

MAX_FILES: Final = 2000
MAX_FOLDER_BYTES: Final = 64 << 20
MAX_DEPTH: Final = 4
READINGS: Final = 20
SETTLE_S: Final = 0.1
"""Two readings this far apart must agree: longer than an editor takes to write a file, shorter than people notice."""


class PolicyStatus(NamedTuple):
    """Where the folder stands, for metrics, readiness and the log. Times are seconds since the epoch."""

    revision: str
    """Revision in force."""
    loaded_at: float
    rules: int
    limits: int
    waivers: int
    cases: int
    """Cases that ran before this revision came into force."""
    expired: tuple[str, ...]
    """Rules and waivers whose last day has passed: they do nothing any more."""
    reloads: int
    """Times that a new revision came into force after the start."""
    reload_failures: int
    problems: tuple[Problem, ...]
    """Why the newest version of the folder isn't in force; empty when it is."""
    load_s: float
    """Seconds that the last load took, cases included."""


class PolicyFolder:
    """The newest good version of a policy folder. `current` is replaced whole, never changed."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        """Read and load the folder; raises ConfigError with every problem, failing cases included."""
        self.folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._reloads = self._failures = 0
        self._problems: tuple[Problem, ...] = ()
        files = read_folder(folder)
        began = time.perf_counter()
        self.current, self._cases = _sound(files, clock())
        self._load_s = time.perf_counter() - began
        self._loaded_at = clock()
        self._seen = self._good = _digest(files)

    def refresh(self) -> bool:
        """Read the folder again if it changed. Says whether another ruleset came into force. Safe from another thread."""
        with self._lock:
            try:
                seen_before, self._seen = self._seen, ""  # a folder that can't be read may come back as it was: that is news too
                files = read_folder(self.folder)
                seen = _digest(files)
                if seen == seen_before:
                    self._seen = seen
                    return False
                self._seen = seen
                began = time.perf_counter()
                ruleset, cases = (self.current, self._cases) if seen == self._good else _sound(files, self._clock())
                self._load_s = time.perf_counter() - began
            except ConfigError as error:
                self._turn_down(tuple(error.problems))
                return False
            except Exception as error:  # noqa: BLE001 - whatever a version does to the loader, the one in force stays and the next is taken
                what = f"can't be loaded, and that is a fault of the proxy: {type(error).__name__}"
                self._turn_down((Problem(str(self.folder), 0, 0, "", what, "go back to the version before and report it"),))
                return False
            self._good, self._cases = seen, cases
            self._problems = ()
            if ruleset.revision == self.current.revision:
                return False
            self._reloads += 1
            self._loaded_at = self._clock()
            self.current = ruleset
            return True

    def _turn_down(self, problems: tuple[Problem, ...]) -> None:
        if problems != self._problems:
            self._failures += 1
        self._problems = problems

    async def watch(self, report: Callable[[PolicyStatus], None], look_every_s: float = 5.0) -> None:
        """Follow the folder until cancelled. `report` gets the status whenever a version was taken or turned down.

        Loading runs in a thread, so that exchanges go on. File systems without events, and a folder that is itself swapped behind a
        link, are looked at every `look_every_s` seconds.
        """
        before: tuple[object, ...] = ()  # the folder may have changed since it was loaded
        events = watchfiles.awatch(
            self.folder, watch_filter=None, yield_on_timeout=True, rust_timeout=int(look_every_s * 1000), debounce=200
        )
        async for changes in events:
            now = await asyncio.to_thread(_signature, self.folder)
            if not changes and now == before:
                continue
            before = now
            status = self.status
            await asyncio.to_thread(self.refresh)
            if self.status != status:
                report(self.status)

    @property
    def status(self) -> PolicyStatus:
        """Revision, counts and problems."""
        now = self.current
        return PolicyStatus(
            revision=now.revision,
            loaded_at=self._loaded_at,
            rules=len(now.rules),
            limits=len(now.limits),
            waivers=len(now.waivers),
            cases=self._cases,
            expired=now.expired(self._clock()),
            reloads=self._reloads,
            reload_failures=self._failures,
            problems=self._problems,
            load_s=self._load_s,
        )


def read_folder(folder: Path) -> dict[str, bytes]:
    """Every file of the folder by its relative path, as it stood at one moment: two readings `SETTLE_S` apart agree.

    Raises ConfigError when the folder can't be read, is too large, or doesn't come to rest.
    """
    before = _read_once(folder)
    for _ in range(READINGS):
        rest()
        after = _read_once(folder)
        if after == before:
            return after
        before = after
    raise ConfigError([Problem(str(folder), 0, 0, "", "the folder keeps changing while it is read", "write to a copy and swap it in")])


def rest() -> None:
    """Let whoever is writing finish."""
    time.sleep(SETTLE_S)


def _read_once(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    try:
        for path, name, info in _walk(folder, "", 0):
            total += info.st_size
            if len(files) >= MAX_FILES or total > MAX_FOLDER_BYTES:
                what = f"the folder holds more than {MAX_FILES} files or {MAX_FOLDER_BYTES >> 20} MiB"
                raise ConfigError([Problem(str(folder), 0, 0, "", what, "keep only policies there")])
            with contextlib.suppress(FileNotFoundError):  # it vanished while we read: the next reading differs and tells
                files[name] = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise ConfigError(
            [Problem(str(error.filename or folder), 0, 0, "", f"can't be read: {reason}", "name a readable folder")]
        ) from error
    return files


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[tuple[Path, str, os.stat_result]]:
    """Files below the folder, links followed; without hidden files (a mounted ConfigMap's versions) and editors' leftovers."""
    for entry in sorted(folder.iterdir()):
        name = entry.name
        if name.startswith((".", "#")) or name.endswith(("~", ".swp", ".swx", ".tmp", ".bak", ".orig")) or name.isdigit():
            continue
        try:
            info = entry.stat()
        except FileNotFoundError:  # a link to nowhere, or gone since it was listed
            continue
        if stat.S_ISDIR(info.st_mode) and depth < MAX_DEPTH:
            yield from _walk(entry, f"{prefix}{name}/", depth + 1)
        elif stat.S_ISREG(info.st_mode):
            yield entry, prefix + name, info


def _signature(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Names, sizes, times and identities: cheap to compare, enough to see that something happened."""
    try:
        return tuple((name, info.st_size, info.st_mtime_ns, info.st_ino) for _, name, info in _walk(folder, "", 0))
    except OSError:
        return ()


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(files):
        digest.update(f"{len(name)}:{name}:{len(files[name])}:".encode("utf-8", "surrogateescape"))
        digest.update(files[name])
    return digest.hexdigest()


def _sound(files: Mapping[str, bytes], now: float) -> tuple[Ruleset, int]:
    """The ruleset of these files and the number of cases it passed. Raises ConfigError when it doesn't load or a case fails."""
    ruleset = load(files, now)
    report = run_cases(ruleset, files, now, coverage=False)
    if not report.passed:
        raise ConfigError(list(report.failures))
    return ruleset, report.ran
