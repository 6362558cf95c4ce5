"""Capture: the running proxy's traffic, written down for replay where an operator asks for it.

The request path only keeps references; a thread makes the lines. A file is sorted by the time at which requests came, so a line waits until
nothing older can follow. What would not fit, and what comes too late, is left out and counted.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import time
import zlib
from collections.abc import Callable
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, NamedTuple

import structlog
from xxhash import xxh64_intdigest

from proxy.adapters.recording.entry import Scribe, Taken
from proxy.adapters.traffic.http1 import Head
from proxy.audit.record import Record
from proxy.dialects.dialect import RouteKind
from proxy.dialects.routes import find_route
from proxy.errors import CallerError, ConfigError, Problem
from proxy.identity.caller import Caller
from proxy.identity.region import edge_headers
from proxy.settings import Settings

GATHER_S: Final = 0.25
WAITING_BYTES: Final = 64 << 20
"""What may wait for the writer, and how much of lines may wait for older ones."""
_ENTRY_BYTES: Final = 2048
"""An exchange in the queue besides its body: head, caller and record."""
_CHUNK_LINES: Final = 256
_GZIP_WINDOW: Final = 31
_LEVEL: Final = 3
_WRITABLE: Final = frozenset({RouteKind.CALL, RouteKind.METADATA})
"""Uploads and realtime sessions have no place in the format."""


class CaptureCounts(NamedTuple):
    """How a capture fares."""

    written: int
    dropped_full: int
    """The writer didn't keep up."""
    dropped_late: int
    """Younger lines had been written already."""
    dropped_size: int
    """The file has reached its size, or the disk refuses."""
    left_out: int
    """Uploads, sessions, and what can't be told."""


class Capture:
    """Two calls an exchange, each about a microsecond: `took` when it was decided about, `ended` with its finished record."""

    def __init__(
        self,
        path: Path,
        scribe: Scribe,
        *,
        percent: float = 100.0,
        max_bytes: int = 1 << 30,
        settle_s: float = 60.0,
        log: structlog.typing.FilteringBoundLogger | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Starts the writer; a name that ends with .gz is compressed. Raises ConfigError when the file can't be opened.

        A file that is there already is set aside under the time of its last change; `max_bytes` bounds all of them together. `settle_s`
        is the longest time from a request's head to its decision: the time its body may take.
        """
        self._scribe, self._share, self._settle_s, self._log, self._clock = scribe, percent / 100.0 * 2**64, settle_s, log, clock
        self._pending: dict[str, tuple[float, Taken]] = {}
        self._queue: SimpleQueue[tuple[Taken, Record] | None] = SimpleQueue()
        self._put_bytes = self._got_bytes = 0  # each is written by one thread only
        self._lines: list[tuple[float, int, bytes]] = []
        self._lines_bytes = self._order = 0
        self._latest = -inf
        self._written = self._full = self._late = self._oversize = self._left_out = 0
        try:
            self._room = max_bytes - _set_aside(path)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            fix = "name a file in a folder that this user may write"
            raise ConfigError([Problem(str(path), 0, 0, "capture.file", f"can't be opened: {error.strerror}", fix)]) from error
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW) if path.suffix == ".gz" else None
        self._writer = Thread(target=self._run, name="capture", daemon=True)
        self._writer.start()

    @property
    def counts(self) -> CaptureCounts:
        """What became of the exchanges so far."""
        return CaptureCounts(self._written, self._full, self._late, self._oversize, self._left_out)

    def took(self, record: Record, head: Head, body: bytes, caller: Caller) -> None:
        """An exchange was decided about. `body` is the JSON as judged; empty where there is none. Nothing is copied."""
        if self._room > 0 and (self._share >= 2**64 or self._samples(caller)):
            self._pending[record.id] = (record.at, Taken(head, body, caller))

    def _samples(self, caller: Caller) -> bool:
        """Always the same answer for one account; one that has no account is its address."""
        return xxh64_intdigest((caller.account.id or caller.ip).encode("utf-8", "surrogatepass")) < self._share

    def ended(self, record: Record) -> None:
        """An exchange is over and its record complete. One that `took` never saw, or didn't sample, is passed over."""
        kept = self._pending.pop(record.id, None)
        if kept is None:
            return
        size = len(kept[1].body) + _ENTRY_BYTES
        if self._put_bytes - self._got_bytes + size > WAITING_BYTES:
            self._full += 1
            return
        self._put_bytes += size
        self._queue.put((kept[1], record))

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what is waiting and close the file. Blocks: not for the event loop."""
        self._queue.put(None)
        self._writer.join(timeout_s)

    def _run(self) -> None:
        closing = False
        while not closing:
            with contextlib.suppress(Empty):
                closing = self._take(self._queue.get(timeout=GATHER_S))
                while not closing:
                    closing = self._take(self._queue.get_nowait())
            self._release(everything=closing)
        self._write(b"", last=True)
        os.close(self._file)
        if self._log is not None:
            self._log.info("capture ended", **self.counts._asdict())

    def _take(self, item: tuple[Taken, Record] | None) -> bool:
        if item is None:
            return True
        taken, record = item
        self._got_bytes += len(taken.body) + _ENTRY_BYTES
        try:
            if find_route(taken.head.method, taken.head.path).kind in _WRITABLE:
                line = self._scribe.line(taken, record)
                self._order += 1
                heapq.heappush(self._lines, (record.at, self._order, line))
                self._lines_bytes += len(line)
            else:
                self._left_out += 1
        except (CallerError, ValueError, TypeError, RecursionError):  # one exchange that can't be told must not end the capture
            self._left_out += 1
        return False

    def _release(self, *, everything: bool) -> None:
        """Write the lines that nothing older can follow; when too many wait, the oldest of them all the same."""
        oldest_open = min([at for at, _ in list(self._pending.values())], default=inf)
        ripe = inf if everything else min(oldest_open, self._clock() - self._settle_s)
        batch: list[bytes] = []
        while self._lines and (self._lines[0][0] < ripe or self._lines_bytes > WAITING_BYTES):
            at, _, line = heapq.heappop(self._lines)
            self._lines_bytes -= len(line)
            if at < self._latest:
                self._late += 1
                continue
            self._latest = at
            batch.append(line)
        for start in range(0, len(batch), _CHUNK_LINES):
            self._keep(batch[start : start + _CHUNK_LINES])

    def _keep(self, batch: list[bytes]) -> None:
        before = self._room
        if before > 0 and self._write(b"".join(batch)):
            self._written += len(batch)
        else:
            self._oversize += len(batch)
        if self._room <= 0 < before and self._log is not None:
            self._log.warning("capture stopped", reason="the file has reached capture.max_bytes or can't be written", written=self._written)

    def _write(self, data: bytes, *, last: bool = False) -> bool:
        """Append; says whether it was possible. A disk that refuses ends the capture."""
        if self._packer is not None:
            data = self._packer.compress(data) + self._packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            self._room = 0
            return False
        self._room -= len(data)
        return True


def open_capture(settings: Settings, log: structlog.typing.FilteringBoundLogger | None = None) -> Capture | None:
    """The capture that the settings ask for; None when they ask for none. Raises ConfigError when its file can't be opened."""
    asked = settings.capture
    if asked.file is None:
        return None
    injected = frozenset(item.header.lower() for upstream in settings.upstreams for item in upstream.inject)
    names = settings.geo.edge
    edge = edge_headers(names.country, names.subdivision, names.asn)
    return Capture(
        asked.file, Scribe(asked.bodies, injected, edge), percent=asked.percent, max_bytes=asked.max_bytes, settle_s=settings.caps.body_s,
        log=log,
    )  # fmt: skip


def _set_aside(path: Path) -> int:
    """Make room for a new file of that name; gives the bytes of all earlier ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name, _, ending = path.name.partition(".")
    if path.is_file():
        if path.stat().st_size == 0:
            path.unlink()
        else:
            path.rename(path.with_name(f"{name}-{path.stat().st_mtime_ns}.{ending}"))
    return sum(old.stat().st_size for old in path.parent.glob(f"{name}-{'[0-9]' * 19}.{ending}"))
