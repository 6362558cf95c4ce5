"""Whole JSON bodies: read while they pass, or held until they are stripped."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from proxy.errors import UpstreamError
from proxy.inspection.shapes.shape import Shape, read_json, strip_body
from proxy.inspection.tally import BYTES_PER_TOKEN, Tallied

MAX_READ_BYTES: Final = 1024 * 1024
"""A body up to here is read whole. Of a longer one (embeddings, images) only the tail is searched for usage."""

TAIL_BYTES: Final = 64 * 1024
"""Every API puts usage last or nearly so; what may follow it (Responses: metadata, user) is far shorter."""

STRIP_BYTES: Final = 16 * 1024 * 1024
"""A body that must be stripped and is longer is refused, unless another bound is given: it can't be checked in bounded memory."""

_USAGE_KEY: Final = re.compile(rb'"(?:usage|usageMetadata)"\s*:\s*\{')


class BodyReader(Tallied):
    """Forwards every chunk at once and untouched; keeps a bounded copy to read at the end."""

    __slots__ = ("_body_bytes", "_closed", "_held", "_shape", "_text")

    buffers = False
    rewrites = False

    def __init__(self, shape: Shape, *, text: bool = True) -> None:
        super().__init__()
        self._shape = shape
        self._text = text
        self._held = bytearray()
        self._body_bytes = 0
        self._closed = False

    @property
    def output_estimate(self) -> int:
        """Of a body that wasn't read whole, or isn't complete: as if every byte were text."""
        if self._closed and self._body_bytes <= MAX_READ_BYTES and not self.broken:
            return self._tally.output_estimate
        return -(-self._body_bytes // BYTES_PER_TOKEN) if self._text else 0

    def feed(self, chunk: bytes) -> bytes:
        """The chunk, untouched."""
        if self.ended:
            return b""
        self._body_bytes += len(chunk)
        held = self._held
        held += chunk
        if self._body_bytes > MAX_READ_BYTES and len(held) > 2 * TAIL_BYTES:
            del held[:-TAIL_BYTES]
        return chunk

    def close(self) -> bytes:
        """Nothing is held back."""
        if self.ended:
            return b""
        self._closed = self._tally.complete = True
        if self._body_bytes > MAX_READ_BYTES:
            self._read_tail()
        else:
            self.broken = not read_json(self._held, self._shape, self._tally)
        self._held.clear()
        return b""

    def cut(self, error_event: bytes) -> bytes:  # noqa: ARG002 - a JSON body has no place for an error
        """No place for an error event."""
        self.ended = True
        return b""

    def _read_tail(self) -> None:
        told = last_usage(bytes(self._held[-TAIL_BYTES:]))
        if told:
            self.broken = not read_json(told, self._shape, self._tally)


def last_usage(tail: bytes) -> bytes:
    """The last usage in the end of a text too long to read, as an object that holds nothing else; b"" when there is none."""
    found = list(_USAGE_KEY.finditer(tail))[-1:]
    return b"{" + tail[found[0].start() : _object_end(tail, found[0].end() - 1)] + b"}" if found else b""


_BRACES_AND_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}]')


def _object_end(text: bytes, start: int) -> int:
    depth = 0
    for found in _BRACES_AND_STRINGS.finditer(text, start):
        brace = found[0]
        depth += (brace == b"{") - (brace == b"}")
        if depth == 0:
            return found.end()
    return len(text)


class BodyStripper(Tallied):
    """Holds a body of at most `most_bytes` until it is complete, removes what must go, and forwards the rest."""

    __slots__ = ("_held", "_most_bytes", "_shape", "_strips")

    buffers = True
    rewrites = True

    def __init__(self, shape: Shape, strips: frozenset[str], most_bytes: int = STRIP_BYTES) -> None:
        super().__init__()
        self._shape = shape
        self._strips = strips
        self._most_bytes = most_bytes
        self._held = bytearray()

    @property
    def output_estimate(self) -> int:
        """Before `close`, as if every byte were text."""
        return self._tally.output_estimate or -(-len(self._held) // BYTES_PER_TOKEN)

    def feed(self, chunk: bytes) -> bytes:
        """Nothing yet. Raises UpstreamError above `most_bytes`."""
        if self.ended:
            return b""
        self._held += chunk
        if len(self._held) > self._most_bytes:
            self._refuse(f"The answer is longer than {self._most_bytes} bytes and parts of it must be removed.")
        return b""

    def close(self) -> bytes:
        """The stripped body, or its own bytes if nothing had to go. Raises UpstreamError if it can't be read."""
        if self.ended or not self._held:
            return b""
        body = bytes(self._held)
        self._tally.complete = True
        stripped = strip_body(body, self._shape, self._shape.stripper(self._strips), self._tally)
        if stripped is None:
            self._refuse("The answer isn't what its content type says and parts of it must be removed.")
        self._held.clear()
        return stripped

    def cut(self, error_event: bytes) -> bytes:  # noqa: ARG002 - a JSON body has no place for an error
        """Nothing has been forwarded: the handler can still answer with a status."""
        self.ended = True
        self._held.clear()
        return b""

    def _refuse(self, why: str) -> NoReturn:
        self.broken = self.ended = True
        self._held.clear()
        raise UpstreamError("protocol", why)
