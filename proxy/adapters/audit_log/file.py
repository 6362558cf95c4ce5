"""A chained log in files: appended and fsynced batch by batch, rotated by size and age, the oldest removed.

A process that is killed loses nothing that was appended. The next one cuts off a line that was half written, says so in the chain, and
goes on. A changed key begins a new file of the same chain. The head (number and MAC of the last line) is kept in a file beside the log; it shows a log cut at its end as long as whoever cut
it didn't put back an older head, so operators who need more should keep heads elsewhere.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from proxy.adapters.audit_log.queue import Entry, body_of
from proxy.audit.chain import GENESIS, OPEN, SEAL, ChainKey, Head, Verified, claimed_head, forge, read_head, verify
from proxy.errors import ConfigError, Problem

_LONGEST_LINE_BYTES: Final = 1 << 20
RESUME: Final = "resume"


class FileSink:
    """Owns the file at `path` until closed; two processes can't write one log."""

    def __init__(
        self,
        path: Path,
        key: ChainKey,
        *,
        rotate_bytes: int = 256 * 1024 * 1024,
        rotate_s: float = 86_400.0,
        keep_files: int = 14,
        sync: Literal["never", "batch"] = "batch",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Opens the log and goes on from its last line. Raises ConfigError when the file can't be opened or is being written by another.

        Where the last line can't be verified with `key`, a new file goes on after it, and its first line says so.
        """
        self._path, self._key, self._clock = path, key, clock
        self._rotate_bytes, self._rotate_s, self._keep_files, self._sync = rotate_bytes, rotate_s, keep_files, sync
        self.head = GENESIS
        self._file = -1
        self._torn = self._sealed = False
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
            self._resume()
        except OSError as error:
            busy = isinstance(error, BlockingIOError)
            fix = "give each process a file of its own" if busy else "name a file in a folder that this user may write"
            what = "is written by another process" if busy else f"can't be opened: {error.strerror}"
            raise ConfigError([Problem(str(path), 0, 0, "log.file", what, fix)]) from error

    def append(self, entries: list[Entry]) -> None:
        """Write a batch. Raises OSError when the disk refuses; the file and the chain are then as before."""
        self._write([(kind, body_of(said)) for kind, said in entries])
        if self._size >= self._rotate_bytes or self._clock() - self._opened_at >= self._rotate_s:
            with contextlib.suppress(OSError):  # the batch is written; the next one tries again
                self._rotate()

    def close(self) -> None:
        """Close the file. It isn't sealed: the next process goes on in it."""
        os.close(self._file)

    def _open(self) -> None:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file = file
        self._size = os.fstat(file).st_size
        self._opened_at = self._clock()

    def _resume(self) -> None:
        if self._size == 0:
            self._begin(_kept_head(self._path) or GENESIS, {})
            return
        tail = os.pread(self._file, _LONGEST_LINE_BYTES, max(self._size - _LONGEST_LINE_BYTES, 0))
        whole, _, torn = tail.rpartition(b"\n")
        last = whole.rpartition(b"\n")[2]
        head = read_head(last, {self._key.id: self._key.secret})
        if head is None:
            self._go_on_after(last)
            return
        self.head = head
        os.ftruncate(self._file, self._size - len(torn))
        self._size -= len(torn)
        self._sealed = orjson.loads(last)["kind"] == SEAL
        if self._sealed:
            self._rotate()
        else:
            self._write([(RESUME, {"at": self._clock(), "torn_bytes": len(torn)})])

    def _go_on_after(self, last: bytes) -> None:
        """Keep a file that another key signed, or that somebody changed, in its place in the chain: who has its key can verify it there."""
        claimed = claimed_head(last)
        head = _kept_head(self._path) or claimed or GENESIS
        left = _rotated(self._path, head.number)
        if claimed is None or left.exists():
            left = self._path.with_name(f"{self._path.stem}-before-{int(self._clock())}{self._path.suffix}")
        self._path.rename(left)
        self._open()
        self._begin(head, {"went_before": f"{left.name}, whose last line can't be verified with this key"})
        self._forget()

    def _begin(self, head: Head, said: Mapping[str, Any]) -> None:
        self.head = head
        self._write([(OPEN, {"at": self._clock(), **said})])

    def _write(self, lines: list[tuple[str, dict[str, Any]]]) -> None:
        head = self.head
        data = bytearray()
        for kind, body in lines:
            line, head = forge(head, kind, body, self._key)
            data += line + b"\n"
        try:
            self._size = min(self._size, os.fstat(self._file).st_size)  # somebody may have emptied it to make room
            if self._torn:
                os.ftruncate(self._file, self._size)
            self._torn = True
            _write_all(self._file, data)
            if self._sync == "batch":
                os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._torn = False
        self._sealed = lines[-1][0] == SEAL
        self.head = head
        self._size += len(data)
        with contextlib.suppress(OSError):
            self._keep_head()

    def _rotate(self) -> None:
        if not self._sealed:
            self._write([(SEAL, {"at": self._clock()})])
        if self._path.exists():  # it doesn't when an earlier try got no further than this
            self._path.rename(_rotated(self._path, self.head.number))
        self._open()
        self._write([(OPEN, {"at": self._clock()})])
        self._forget()

    def _forget(self) -> None:
        for old in log_files(self._path)[: -self._keep_files - 1]:
            old.unlink(missing_ok=True)

    def _keep_head(self) -> None:
        beside = _head_path(self._path)
        fresh = beside.with_suffix(".new")
        fresh.write_bytes(orjson.dumps(self.head._asdict()))
        fresh.replace(beside)


def log_files(path: Path) -> list[Path]:
    """The files of the log at `path`, oldest first: those rotated, then the one being written."""
    rotated = sorted(path.parent.glob(f"{path.stem}-{'[0-9]' * 15}{path.suffix}"))
    return [*rotated, path] if path.exists() else rotated


def verify_log(path: Path, keys: Mapping[str, bytes]) -> Verified:
    """Verify all files of the log at `path` against the head kept beside it. Raises OSError when one can't be read.

    A last line without its newline is left out: it is being written, or it was when its process was killed.
    """
    head = _kept_head(path)  # first: lines that are written from now on must not look like missing ones

    def lines(file: Path) -> Iterator[bytes]:
        with file.open("rb") as opened:
            yield from (line for line in opened if line.endswith(b"\n"))

    return verify(((str(file), lines(file)) for file in log_files(path)), keys, head)


def _rotated(path: Path, last: int) -> Path:
    return path.with_name(f"{path.stem}-{last:015d}{path.suffix}")


def _head_path(path: Path) -> Path:
    return path.with_suffix(".head")


def _kept_head(path: Path) -> Head | None:
    try:
        kept: Any = orjson.loads(_head_path(path).read_bytes())
        return Head(int(kept["number"]), str(kept["mac"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_all(file: int, data: bytearray) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
