"""Binary frames (application/vnd.amazon.eventstream), as Bedrock streams: prelude, headers, payload, each with a CRC.

Format: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import base64
import struct
import zlib
from functools import lru_cache
from typing import Final

import orjson

from proxy.inspection.shapes.shape import Shape, read_json, strip_json
from proxy.inspection.tally import Tallied

MAX_FRAME_BYTES: Final = 24 * 1024 * 1024
MAX_HEADERS_BYTES: Final = 128 * 1024
"""The specification's bounds for a frame's payload and headers."""

_PRELUDE: Final = struct.Struct(">III")
"""Total length, length of the headers, CRC of those two."""
_OVERHEAD_BYTES: Final = _PRELUDE.size + 4
_FIXED_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type."""
_BYTES, _STRING = 6, 7
_COUNTED: Final = frozenset({_BYTES, _STRING})
"""Types whose values begin with their length, in two bytes."""
_UNREADABLE: Final = (ValueError, AttributeError, TypeError)


class Frame:
    """One frame, checked."""

    __slots__ = ("headers", "payload")

    def __init__(self, headers: bytes, payload: bytes) -> None:
        self.headers = headers
        self.payload = payload

    @property
    def is_event(self) -> bool:
        """It carries a part of the answer; otherwise it is an exception or an error, in Bedrock's own words."""
        return string_header(self.headers, b":message-type") == b"event"

    def encoded(self) -> bytes:
        """The frame's bytes."""
        head = struct.pack(">II", _OVERHEAD_BYTES + len(self.headers) + len(self.payload), len(self.headers))
        body = head + struct.pack(">I", zlib.crc32(head)) + self.headers + self.payload
        return body + struct.pack(">I", zlib.crc32(body))


@lru_cache(maxsize=64)
def string_header(headers: bytes, name: bytes) -> bytes:
    """The value of a header of type string; b"" if there is none. Raises ValueError for headers that can't be read."""
    at = 0
    while at < len(headers):
        named = at + 1 + headers[at]
        kind = headers[named] if named < len(headers) else -1
        begin = named + (3 if kind in _COUNTED else 1)
        size = int.from_bytes(headers[named + 1 : begin], "big") if kind in _COUNTED else _FIXED_SIZES.get(kind, len(headers))
        end = begin + size
        if end > len(headers):
            raise ValueError("A header of the frame is cut short, or of no type there is.")
        if kind == _STRING and headers[at + 1 : named] == name:
            return headers[begin:end]
        at = end
    return b""


class Frames:
    """Whole frames out of bytes, whatever the cuts. After a frame that isn't one, nothing comes out any more."""

    __slots__ = ("_held", "_wanted_bytes", "broken")

    def __init__(self) -> None:
        self._held = bytearray()
        self._wanted_bytes = 0
        self.broken = False

    @property
    def partial(self) -> bool:
        """A frame has begun that hasn't ended."""
        return bool(self._held)

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completes."""
        frames: list[Frame] = []
        if self.broken:
            return frames
        self._held += chunk
        while len(self._held) >= max(_PRELUDE.size, self._wanted_bytes):
            total, headers_bytes, crc = _PRELUDE.unpack_from(self._held)
            sane = headers_bytes <= MAX_HEADERS_BYTES and _OVERHEAD_BYTES + headers_bytes <= total <= MAX_FRAME_BYTES
            if not sane or zlib.crc32(self._held[:8]) != crc:
                self.broken = True
                break
            self._wanted_bytes = total
            if len(self._held) < total:
                break
            frame = bytes(self._held[:total])
            if zlib.crc32(frame[:-4]) != int.from_bytes(frame[-4:], "big"):
                self.broken = True
                break
            payload_at = _PRELUDE.size + headers_bytes
            frames.append(Frame(frame[_PRELUDE.size : payload_at], frame[payload_at:-4]))
            del self._held[:total]
            self._wanted_bytes = 0
        if self.broken:
            self._held.clear()
        return frames


def _inner(payload: bytes) -> bytes | None:
    """What the chunk of an InvokeModel stream wraps in base64; None for Converse's own events. Raises ValueError."""
    if b'"bytes"' not in payload:
        return None
    wrapped = orjson.loads(payload).get("bytes")
    return base64.b64decode(wrapped, validate=True) if wrapped else None


class FrameReader(Tallied):
    """Forwards every chunk at once and untouched; reads the frames that it completes."""

    __slots__ = ("_frames", "_shape")

    buffers = False
    rewrites = False

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._frames = Frames()
        self._shape = shape

    def feed(self, chunk: bytes) -> bytes:
        """The chunk, untouched."""
        if self.ended:
            return b""
        for frame in self._frames.feed(chunk):
            if not self._read(frame):
                self.broken = True
                self._tally.unread(len(frame.payload))
        self.broken |= self._frames.broken
        return chunk

    def close(self) -> bytes:
        """Nothing is held back."""
        self.broken |= self._frames.partial
        return b""

    def cut(self, error_event: bytes) -> bytes:
        """b"" inside a frame: no frame can begin there, and clients report the one cut short."""
        self.ended = True
        return b"" if self._frames.partial or self._frames.broken else error_event

    def _read(self, frame: Frame) -> bool:
        try:
            if not frame.is_event or not frame.payload:
                return True
            inner = _inner(frame.payload)
        except _UNREADABLE:
            return False
        return read_json(frame.payload if inner is None else inner, self._shape, self._tally)


class FrameStripper(Tallied):
    """Holds each frame until it is complete. One that can't be read is never forwarded: the answer ends there."""

    __slots__ = ("_frames", "_shape", "_stripper")

    buffers = False
    rewrites = True

    def __init__(self, shape: Shape, strips: frozenset[str]) -> None:
        super().__init__()
        self._frames = Frames()
        self._shape = shape
        self._stripper = shape.stripper(strips)

    def feed(self, chunk: bytes) -> bytes:
        """The frames that `chunk` completes, stripped."""
        if self.ended:
            return b""
        out: list[bytes] = []
        for frame in self._frames.feed(chunk):
            stripped = self._strip(frame)
            if stripped is None:
                self._give_up(len(frame.payload))
                break
            out.append(stripped)
        if self._frames.broken and not self.ended:
            self._give_up(0)
        return b"".join(out)

    def close(self) -> bytes:
        """A frame that was cut short is dropped."""
        self.broken |= self._frames.partial
        return b""

    def cut(self, error_event: bytes) -> bytes:
        """What is held back of a frame that hasn't ended is dropped."""
        self.ended = True
        return error_event

    def _strip(self, frame: Frame) -> bytes | None:
        try:
            if not frame.is_event or not frame.payload:
                return frame.encoded()
            inner = _inner(frame.payload)
        except _UNREADABLE:
            return None
        data = frame.payload if inner is None else inner
        stripped = strip_json(data, self._shape, self._stripper, self._tally)
        if not stripped:
            return stripped
        if stripped is data:
            return frame.encoded()
        if inner is not None:
            stripped = orjson.dumps(orjson.loads(frame.payload) | {"bytes": base64.b64encode(stripped).decode()})
        return Frame(frame.headers, stripped).encoded()

    def _give_up(self, unread_bytes: int) -> None:
        self.broken = self.ended = True
        self._tally.unread(unread_bytes)
