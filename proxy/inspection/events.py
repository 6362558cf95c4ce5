"""Server-sent events (text/event-stream, WHATWG HTML 9.2.6): read while they pass, or stripped one by one."""

from __future__ import annotations

from typing import Final

from proxy.inspection.bodies import TAIL_BYTES, last_usage
from proxy.inspection.lines import MAX_LINE_BYTES, Lines
from proxy.inspection.shapes.shape import Shape, read_json, strip_json
from proxy.inspection.tally import Tallied

_DONE: Final = b"[DONE]"
_LINE_OVERHEAD_BYTES: Final = 64
"""What an empty line costs in memory, so that very many of them stay bounded too."""


def whole_event(chunk: bytes) -> bytes | None:
    """The data of a chunk that is one event, as nearly all are: an optional name, one line of data, a blank line. Else None.

    Only a short cut: it may say None whenever that is simpler.
    """
    if not chunk.endswith(b"}\n\n") or b"\r" in chunk:
        return None
    start = 0
    if not chunk.startswith(b"data: {"):
        start = chunk.find(b"\n") + 1
        if not (chunk.startswith(b"event:") and chunk.startswith(b"data: {", start)):
            return None
    return chunk[start + 6 :] if chunk.find(b"\n", start) == len(chunk) - 2 else None


class EventReader(Tallied):
    """Forwards every chunk at once and untouched; reads the events that it completes."""

    __slots__ = ("_between", "_data", "_data_bytes", "_lines", "_shape", "_tail")

    buffers = False
    rewrites = False

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._lines = Lines()
        self._shape = shape
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._between = False
        self._tail = b""
        """The end of a line too long to hold: a picture in it is no text, and what it cost is told behind it."""

    def feed(self, chunk: bytes) -> bytes:
        """The chunk, untouched."""
        if self.ended:
            return b""
        if self._between:
            data = whole_event(chunk)
            if data is not None:
                if not read_json(data, self._shape, self._tally):
                    self._mark_broken(data)
                return chunk
        overlong = self._lines.overlong
        lines = self._lines.feed(chunk)
        if overlong or self._lines.overlong:
            self._tail = (self._tail + chunk)[-TAIL_BYTES:]
        for line in lines:
            if line.startswith(b"data:"):
                self._hold(line[5:])
            elif not line and self._data:
                self._dispatch()
        self._between = not self._data and self._lines.between
        return chunk

    def close(self) -> bytes:
        """Nothing is held back; an event that nothing ended is read too, since some servers leave out the last line end."""
        if not self.ended:
            line = self._lines.close()
            if line.startswith(b"data:"):
                self._hold(line[5:])
            if self._data:
                self._dispatch()
        return b""

    def cut(self, error_event: bytes) -> bytes:
        """An event that was forwarded in part is ended first: what SDKs see of it is broken JSON, which they report as well."""
        begun = bool(self._data) or self._lines.partial
        self.ended = True
        self._data.clear()
        return b"\n\n" + error_event if begun else error_event

    def _hold(self, data: bytes) -> None:
        self._data_bytes += len(data) + _LINE_OVERHEAD_BYTES
        if self._data_bytes > MAX_LINE_BYTES:
            self._data = [b""]  # too long to hold, so it won't be read
        else:
            self._data.append(data)

    def _dispatch(self) -> None:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        held_bytes = self._data_bytes
        self._data.clear()
        self._data_bytes = 0
        if held_bytes > MAX_LINE_BYTES:
            self.broken = True
            told, self._tail = last_usage(self._tail), b""
            if not told or not read_json(told, self._shape, self._tally):
                self._tally.unread(MAX_LINE_BYTES)
        elif not read_json(data, self._shape, self._tally):
            self._mark_broken(data)

    def _mark_broken(self, data: bytes) -> None:
        text = data.strip()
        if text not in {_DONE, b""}:
            self.broken = True
            self._tally.unread(len(text))


class EventStripper(Tallied):
    """Holds each event until it is complete, forwards it unchanged, rewritten or not at all.

    Line ends become LF; comments and blank lines pass at once, so heartbeats keep their pace. An event that can't be read
    is never forwarded: the answer ends there.
    """

    __slots__ = ("_data", "_fields", "_held_bytes", "_lines", "_shape", "_stripper")

    buffers = False
    rewrites = True

    def __init__(self, shape: Shape, strips: frozenset[str]) -> None:
        super().__init__()
        self._lines = Lines()
        self._shape = shape
        self._stripper = shape.stripper(strips)
        self._data: list[bytes] = []
        self._fields: list[bytes] = []
        self._held_bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """The events that `chunk` completes, stripped."""
        if self.ended:
            return b""
        out: list[bytes] = []
        for line in self._lines.feed(chunk):
            self._take(line, out)
            if self.ended:
                break
        if self._lines.overlong and not self.ended:
            self._give_up(MAX_LINE_BYTES)
        return b"".join(out)

    def close(self) -> bytes:
        """The last event, if nothing ended it: some servers leave out the last line end."""
        out: list[bytes] = []
        if not self.ended:
            line = self._lines.close()
            if line:
                self._take(line, out)
        if not self.ended and any(line[5:].strip() for line in self._data):
            self._take(b"", out)
        return b"".join(out)

    def cut(self, error_event: bytes) -> bytes:
        """What is held back of an event that hasn't ended is dropped."""
        self.ended = True
        self._data.clear()
        self._fields.clear()
        return error_event

    def _take(self, line: bytes, out: list[bytes]) -> None:
        if len(line) > MAX_LINE_BYTES:
            self._give_up(MAX_LINE_BYTES)
        elif not line:
            out.append(self._event())
        elif line.startswith(b":"):
            out.append(line + b"\n")
        elif line.startswith(b"data:"):
            self._hold(self._data, line)
        elif line.startswith((b"event:", b"id:", b"retry:")):
            self._hold(self._fields, line)

    def _hold(self, lines: list[bytes], line: bytes) -> None:
        lines.append(line)
        self._held_bytes += len(line) + _LINE_OVERHEAD_BYTES
        if self._held_bytes > MAX_LINE_BYTES:
            self._give_up(MAX_LINE_BYTES)

    def _event(self) -> bytes:
        fields, data = self._fields, self._data
        self._fields, self._data, self._held_bytes = [], [], 0
        value = b"\n".join(line[5:] for line in data).strip()
        if value and value != _DONE:
            stripped = strip_json(value, self._shape, self._stripper, self._tally)
            if stripped is None:
                self._give_up(len(value))
            if not stripped:
                return b""
            if stripped is not value:
                data = [b"data: " + stripped]
        return b"\n".join((*fields, *data, b"", b""))

    def _give_up(self, unread_bytes: int) -> None:
        self.broken = self.ended = True
        self._tally.unread(unread_bytes)
        self._data.clear()
        self._fields.clear()
