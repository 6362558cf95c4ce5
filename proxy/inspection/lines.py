"""Lines out of bytes: CR, LF or CRLF, whatever the cuts, in bounded memory."""

from __future__ import annotations

from typing import Final

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""Longest line held. One event carries at most a whole answer, or an image in base64, well below this."""

_BOM: Final = b"\xef\xbb\xbf"


class Lines:
    """Complete lines without their ends; a byte order mark at the very start is no part of the first.

    A line above `MAX_LINE_BYTES` comes out shortened to one byte more than that, so the caller can tell.
    """

    __slots__ = ("_after_cr", "_limit_bytes", "_pending", "_started")

    def __init__(self, limit_bytes: int = MAX_LINE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._pending = bytearray()
        self._after_cr = False
        self._started = False

    @property
    def partial(self) -> bool:
        """A line has begun that hasn't ended."""
        return bool(self._pending)

    @property
    def between(self) -> bool:
        """The next byte begins a line, and isn't the LF of a CRLF cut in two."""
        return self._started and not self._pending and not self._after_cr

    @property
    def overlong(self) -> bool:
        """The line that has begun is already too long."""
        return len(self._pending) > self._limit_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes."""
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_line_feeds(chunk)
        lines = chunk.split(b"\n")
        tail = lines.pop()
        if self._pending and lines:
            self._extend(lines[0])
            lines[0] = bytes(self._pending)
            self._pending.clear()
        if lines:
            if not self._started:
                lines[0] = lines[0].removeprefix(_BOM)
                self._started = True
            if len(chunk) > self._limit_bytes:
                lines = [line[: self._limit_bytes + 1] for line in lines]
        if tail:
            self._extend(tail)
        return lines

    def close(self) -> bytes:
        """The last line, if nothing ended it."""
        line = bytes(self._pending)
        self._pending.clear()
        return line if self._started else line.removeprefix(_BOM)

    def _extend(self, piece: bytes) -> None:
        self._pending += piece[: max(0, self._limit_bytes + 1 - len(self._pending))]

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if chunk.endswith(b"\r"):
            self._after_cr = True
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
