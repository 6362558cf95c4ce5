"""A JSON array whose elements arrive one by one: Gemini's streamGenerateContent without `alt=sse`."""

from __future__ import annotations

import re
from typing import Final

import orjson

from proxy.inspection.lines import MAX_LINE_BYTES
from proxy.inspection.shapes.shape import Shape, read_json, strip_json
from proxy.inspection.tally import Tallied

_MARKS: Final = re.compile(rb'["\\{}\[\]]')
_OPENS: Final = b"{["


class Elements:
    """The objects inside a top-level array, each as its own bytes; also one object that stands alone.

    An object above `MAX_LINE_BYTES` comes out shortened to one byte more than that, so the caller can tell.
    """

    __slots__ = ("_depth", "_escaped_at", "_held", "_in_string", "_seen_bytes", "first", "last")

    def __init__(self) -> None:
        self._held = bytearray()
        self._depth = 0
        self._in_string = False
        self._escaped_at = -1
        self._seen_bytes = 0
        self.first = b""
        """The first byte that isn't white space."""
        self.last = b""
        """The latest such byte: inside an object anything, between objects one of [ , } ]."""

    @property
    def inside(self) -> bool:
        """An object has begun that hasn't ended."""
        return self._depth > 0

    @property
    def overlong(self) -> bool:
        """The object that has begun is already too long."""
        return len(self._held) > MAX_LINE_BYTES

    def feed(self, chunk: bytes) -> list[bytes]:
        """The objects that `chunk` completes."""
        if not self._depth and not self._in_string:
            text = chunk.strip(b"[, \t\r\n")
            if text.startswith(b"{") and text.endswith(b"}") and _is_one_object(text):
                self._note_ends(chunk)
                return [text]
        elements: list[bytes] = []
        begun = 0
        for found in _MARKS.finditer(chunk):
            at = found.start()
            if self._is_text(found[0], self._seen_bytes + at):
                continue
            if found[0] in _OPENS:
                if self._depth or found[0] == b"{":
                    begun = begun if self._depth else at
                    self._depth += 1
            elif self._depth:
                self._depth -= 1
                if not self._depth:
                    self._hold(chunk[begun : at + 1])
                    elements.append(bytes(self._held))
                    self._held.clear()
        if self._depth:
            self._hold(chunk[begun:])
        self._note_ends(chunk)
        return elements

    def _is_text(self, mark: bytes, place: int) -> bool:
        """Whether the mark at `place` (bytes from the start) is part of a string, or one end of it."""
        if not self._in_string:
            self._in_string = mark == b'"'
            return self._in_string or mark == b"\\"
        if place != self._escaped_at:
            if mark == b"\\":
                self._escaped_at = place + 1
            self._in_string = mark != b'"'
        return True

    def _hold(self, piece: bytes) -> None:
        self._held += piece[: max(0, MAX_LINE_BYTES + 1 - len(self._held))]

    def _note_ends(self, chunk: bytes) -> None:
        self._seen_bytes += len(chunk)
        text = chunk.strip()
        if text:
            self.first = self.first or text[:1]
            self.last = text[-1:]


def _is_one_object(text: bytes) -> bool:
    """A short cut, since upstreams mostly send an element at a time."""
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def _element(error_event: bytes) -> bytes:
    """The data of a server-sent event, as an element."""
    return b"".join(line[5:].strip() for line in error_event.splitlines() if line.startswith(b"data:")) or error_event.strip()


class ArrayReader(Tallied):
    """Forwards every chunk at once and untouched; reads the elements that it completes."""

    __slots__ = ("_elements", "_shape")

    buffers = False
    rewrites = False

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._elements = Elements()
        self._shape = shape

    def feed(self, chunk: bytes) -> bytes:
        """The chunk, untouched."""
        if self.ended:
            return b""
        for element in self._elements.feed(chunk):
            if len(element) > MAX_LINE_BYTES or not read_json(element, self._shape, self._tally):
                self.broken = True
                self._tally.unread(len(element))
        return chunk

    def close(self) -> bytes:
        """Nothing is held back."""
        self.broken |= self._elements.inside or self._elements.first not in {b"", b"[", b"{"}
        return b""

    def cut(self, error_event: bytes) -> bytes:
        """The error as the last element; b"" inside an element, where broken JSON is all that a client can see."""
        self.ended = True
        last = self._elements.last
        if self._elements.inside or last == b"]" or self._elements.first == b"{":
            return b""
        return {b"": b"[", b"}": b",\n"}.get(last, b"") + _element(error_event) + b"]\n"


class ArrayStripper(Tallied):
    """Holds each element until it is complete; writes the brackets and commas itself.

    An element that can't be read is never forwarded: the answer ends there.
    """

    __slots__ = ("_elements", "_forwarded", "_shape", "_stripper")

    buffers = False
    rewrites = True

    def __init__(self, shape: Shape, strips: frozenset[str]) -> None:
        super().__init__()
        self._elements = Elements()
        self._shape = shape
        self._stripper = shape.stripper(strips)
        self._forwarded = False

    def feed(self, chunk: bytes) -> bytes:
        """The elements that `chunk` completes, stripped."""
        if self.ended:
            return b""
        out: list[bytes] = []
        for element in self._elements.feed(chunk):
            readable = len(element) <= MAX_LINE_BYTES
            stripped = strip_json(element, self._shape, self._stripper, self._tally) if readable else None
            if stripped is None:
                self._give_up(len(element))
                break
            if stripped:
                out.append(self._separator() + stripped)
                self._forwarded = True
        if self._elements.overlong and not self.ended:
            self._give_up(MAX_LINE_BYTES + 1)
        return b"".join(out)

    def close(self) -> bytes:
        """The closing bracket, if the upstream sent one."""
        if self.ended:
            return b""
        self.broken = self._elements.inside or self._elements.first not in {b"", b"[", b"{"}
        if self._elements.first != b"[" or self._elements.last != b"]" or self.broken:
            return b""
        return b"]\n" if self._forwarded else b"[]\n"

    def cut(self, error_event: bytes) -> bytes:
        """The error as the last element."""
        self.ended = True
        return self._separator() + _element(error_event) + (b"" if self._elements.first == b"{" else b"]\n")

    def _separator(self) -> bytes:
        if self._elements.first == b"{":
            return b""
        return b",\n" if self._forwarded else b"["

    def _give_up(self, unread_bytes: int) -> None:
        self.broken = self.ended = True
        self._tally.unread(unread_bytes)
