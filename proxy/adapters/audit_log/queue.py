"""The queue between the request path and the writer: a thread writes batches, the path never waits.

What doesn't fit the queue is dropped and counted. A sink that refuses is tried again once a second while the queue holds.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, BinaryIO, Final, Protocol

import structlog

from proxy.audit.document import document, write_json
from proxy.audit.record import Record

_BATCH: Final = 1024
_GATHER_S: Final = 0.1
"""Each batch is made durable and its head kept beside the log: at a fiftieth of a second that took a twentieth of all CPU under load."""
_RETRY_S: Final = 1.0

Entry = tuple[str, Record | Mapping[str, Any]]
"""Kind of line (record, or an event's name) and what it says."""


class Sink(Protocol):
    """Where batches go. `append` raises OSError when it couldn't write, and has then written nothing."""

    def append(self, entries: list[Entry]) -> None:
        """Write a batch, durably if that was asked for."""

    def close(self) -> None:
        """Seal and close."""


class StreamSink:
    """Plain lines to a stream such as standard output: {"event":"record","id":...}."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def append(self, entries: list[Entry]) -> None:
        """Write and flush a batch."""
        self._stream.write(b"".join(write_json({"event": kind, **body_of(said)}) + b"\n" for kind, said in entries))
        self._stream.flush()

    def close(self) -> None:
        """The stream isn't ours to close."""


class AuditLog:
    """`write` for exchanges, `note` for what operators and the proxy itself do. Both take less than a microsecond and never fail."""

    def __init__(self, sink: Sink, *, queue: int = 16_384, log: structlog.typing.FilteringBoundLogger | None = None) -> None:
        """Starts the writer. `queue` is how many records may wait; `log` hears of a disk that refuses."""
        self._sink = sink
        self._most = queue
        self._log = log
        self._queue: SimpleQueue[Entry | Event | None] = SimpleQueue()
        self.written = 0
        self.dropped_full = 0
        """Records lost because the queue was full."""
        self.dropped_unwritten = 0
        """Records lost because the disk still refused when the log was closed, or because they can't be written at all."""
        self.failing = False
        """The last batch couldn't be written yet."""
        self._closing = Event()
        self._writer = Thread(target=self._run, name="audit-log", daemon=True)
        self._writer.start()

    @property
    def waiting(self) -> int:
        """Records in the queue."""
        return self._queue.qsize()

    def write(self, record: Record) -> None:
        """Queue the record of one exchange. It must not change any more."""
        if self._queue.qsize() < self._most:
            self._queue.put(("record", record))
        else:
            self.dropped_full += 1

    def note(self, event: str, said: Mapping[str, Any]) -> None:
        """Queue an event that isn't an exchange: a waiver, a release, a reload. It isn't dropped for a full queue."""
        self._queue.put((event, said))

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was queued before is written; False when that took too long. Blocks: not for the event loop."""
        passed = Event()
        self._queue.put(passed)
        return passed.wait(timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what is queued, seal, close. Blocks: not for the event loop."""
        self._closing.set()
        self._queue.put(None)
        self._writer.join(timeout_s)

    def _run(self) -> None:
        closing = False
        while not closing:
            batch: list[Entry] = []
            passed: list[Event] = []
            closing = self._take(self._queue.get(), batch, passed)
            if not closing and not passed:
                time.sleep(_GATHER_S)
            with contextlib.suppress(Empty):
                while not closing and len(batch) < _BATCH:
                    closing = self._take(self._queue.get_nowait(), batch, passed)
            self._append(batch)
            for event in passed:
                event.set()
        with contextlib.suppress(OSError):
            self._sink.close()

    def _take(self, item: Entry | Event | None, batch: list[Entry], passed: list[Event]) -> bool:
        if item is None:
            return True
        if isinstance(item, Event):
            passed.append(item)
        else:
            batch.append(item)
        return False

    def _append(self, batch: list[Entry]) -> None:
        while batch:
            last_try = self._closing.is_set()
            try:
                self._sink.append(batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, a writer that ends would lose every record from here on
                if not self.failing and self._log is not None:
                    self._log.error("records not written", reason=getattr(error, "strerror", None) or type(error).__name__)
                self.failing = True
                if last_try or not isinstance(error, OSError):
                    self.dropped_unwritten += len(batch)
                    return
                self._closing.wait(_RETRY_S)
            else:
                if self.failing and self._log is not None:
                    self._log.info("records written again")
                self.failing = False
                self.written += len(batch)
                return


def body_of(said: Record | Mapping[str, Any]) -> dict[str, Any]:
    """What an entry says, as JSON."""
    if not isinstance(said, Record):
        return dict(said)
    try:
        return document(said)
    except (ValueError, TypeError, ArithmeticError) as error:  # one record that can't be told must not take its batch along
        return {"id": str(said.id), "unwritable": type(error).__name__}
