"""Lines of a file of recorded traffic, plain or gzip, one at a time: a day of traffic never has to fit into memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import IO, Final, cast

from proxy.errors import ConfigError, Problem

LONGEST_LINE_BYTES: Final = 64 << 20
"""Above any body that the proxy accepts with its default caps."""
_BUFFERED_BYTES: Final = 1 << 18
"""Read ahead: a line is longer than half a buffer of the usual size."""
_GZIP: Final = b"\x1f\x8b"
_FLUSHED: Final = b"\x00\x00\xff\xff"
"""How a compressed file ends that a proxy still writes to, or was killed while it did: whole lines, no end mark."""
_FIX: Final = "give a file of recorded traffic, JSON lines, plain or gzip"


class TraceFile:
    """One file. `read_bytes` of `size_bytes` were read so far, compressed where the file is: for progress."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError when there is no such file."""
        self.path = path
        self.name = str(path)
        try:
            if not path.is_file():  # a pipe would be waited for without end
                what = "isn't a file" if path.exists() else "can't be read: No such file or directory"
                raise self._problem(0, what)
            self.size_bytes = path.stat().st_size
        except OSError as error:
            raise self._problem(0, f"can't be read: {error.strerror}") from error
        self._raw: IO[bytes] | None = None

    @property
    def read_bytes(self) -> int:
        """How far the reading has come."""
        return self.size_bytes if self._raw is None or self._raw.closed else self._raw.tell()

    def lines(self) -> Generator[tuple[int, bytes]]:
        """Every line that isn't blank, with its number; of a file that is being written, those written so far.

        Raises ConfigError where the file is damaged.
        """
        number = 0
        try:
            with self.path.open("rb", _BUFFERED_BYTES) as self._raw:
                packed = self._raw.read(2) == _GZIP
                self._raw.seek(0)
                opened = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw)) if packed else self._raw
                while line := opened.readline(LONGEST_LINE_BYTES + 1):
                    number += 1
                    if len(line) > LONGEST_LINE_BYTES:
                        raise self._problem(number, f"is longer than {LONGEST_LINE_BYTES >> 20} MiB")
                    if not line.isspace():
                        yield number, line
        except EOFError as error:
            if not self._is_being_written():
                raise self._problem(number + 1, "the compressed file is cut short") from error
        except (OSError, zlib.error) as error:
            raise self._problem(
                number + 1, f"can't be read: {getattr(error, 'strerror', None) or 'the compressed file is damaged'}"
            ) from error

    def _is_being_written(self) -> bool:
        with self.path.open("rb") as raw:
            raw.seek(max(0, self.path.stat().st_size - len(_FLUSHED)))
            return raw.read() == _FLUSHED

    def _problem(self, line: int, what: str) -> ConfigError:
        return ConfigError([Problem(self.name, line, 1 if line else 0, "", what, _FIX)])
