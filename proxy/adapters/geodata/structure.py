"""Is every byte of a database that a look-up can reach well formed? Asked before the C reader sees it.

The C reader of maxminddb (3.2.0 was tried) takes the key of a map for a text whatever its type, and so reads arbitrary memory: of
3,000 databases with a few damaged bytes, 80 killed the process on look-up, 38 while its tree was walked. So the whole file is read
here first, in Python, where damage is an exception. The format is MaxMind DB 2.0 (maxmind.github.io/MaxMind-DB).
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from maxminddb import InvalidDatabaseError
from maxminddb.decoder import Decoder
from numpy.typing import NDArray

_MARKER: Final = b"\xab\xcd\xefMaxMind.com"
_METADATA_BYTES: Final = 128 * 1024
"""The marker lies within this distance of the end (format, "Database Metadata")."""
_GAP: Final = 16
_POINTER, _TEXT, _DOUBLE, _BYTES, _MAP, _ARRAY, _BOOLEAN, _FLOAT = 1, 2, 3, 4, 7, 11, 14, 15
_LONGEST: Final = {5: 2, 6: 4, 8: 4, 9: 8, 10: 16}
"""Bytes of the integer types: uint16, uint32, int32, uint64, uint128."""
_DEEPEST: Final = 32
_LARGEST_RECORD: Final = 2000
"""Values in one record, pointers followed; MaxMind's richest stay under 400. It bounds what one look-up can cost."""
_BUSY: Final = 0xFFFF
_BREATH: Final = 256
"""Records between two pauses of a gentle check: about 3 ms, less than Python's own turn of 5 ms."""


class Layout(NamedTuple):
    """What is known of a well-formed database."""

    kind: str
    ip_version: int
    built_at: float
    """Seconds since the epoch."""
    nodes: int
    children: NDArray[np.uint32]
    """Left and right child of each node: a node, `nodes` for nothing, or more for a record."""

    def addresses(self, most: int) -> Iterator[int]:
        """The first address of the first networks that have a record, as numbers of 32 or 128 bits."""
        width = 128 if self.ip_version == 6 else 32
        stack = [(0, 0, 0)]
        while stack and most:
            node, prefix, depth = stack.pop()
            if node > self.nodes:
                most -= 1
                yield prefix << (width - depth)
            elif node < self.nodes and depth < width:
                left, right = self.children[node]
                stack.append((int(right), prefix << 1 | 1, depth + 1))
                stack.append((int(left), prefix << 1, depth + 1))


def read_layout(content: bytes, *, gently: bool = False) -> Layout:
    """Check a whole database. Raises ValueError that says what is wrong. `gently` leaves other threads room to run."""
    marker = content.rfind(_MARKER, max(0, len(content) - _METADATA_BYTES))
    if marker < 0:
        raise ValueError("it has no MaxMind DB metadata: not such a file, or cut off")
    try:
        metadata = _metadata(content[marker + len(_MARKER) :])
        nodes, bits = metadata["node_count"], metadata["record_size"]
        tree_bytes = nodes * bits // 4
        data = content[tree_bytes + _GAP : marker]
        children = _children(content, nodes, bits)
        offsets = np.unique(children[children > nodes]).astype(np.int64) - nodes - _GAP
        if offsets.size and (offsets[0] < 0 or offsets[-1] >= len(data)):
            raise ValueError("its tree points outside its data")
        values = _Values(data)
        for turn, offset in enumerate(offsets.tolist()):
            values.weight(offset, 0)
            if gently and not turn % _BREATH:
                time.sleep(0.001)
    except (IndexError, UnicodeDecodeError, KeyError, TypeError, InvalidDatabaseError) as error:
        raise ValueError(f"it is damaged: {type(error).__name__}") from error
    return Layout(metadata["database_type"], metadata["ip_version"], float(metadata["build_epoch"]), nodes, children)


def _metadata(section: bytes) -> dict[str, Any]:
    _Values(section).weight(0, 0)
    metadata, _ = Decoder(section).decode(0)
    if not isinstance(metadata, dict):
        raise TypeError
    found: dict[str, Any] = dict(metadata)
    for key, kind in (("database_type", str), ("node_count", int), ("record_size", int), ("ip_version", int), ("build_epoch", int)):
        if not isinstance(found[key], kind):
            raise TypeError(key)
    if found["record_size"] not in {24, 28, 32} or found["ip_version"] not in {4, 6} or not 0 < found["build_epoch"] < 1 << 34:
        raise ValueError("its metadata makes no sense")
    return found


def _children(content: bytes, nodes: int, bits: int) -> NDArray[np.uint32]:
    """Both children of every node."""
    if nodes < 1 or nodes * bits // 4 + _GAP > len(content):
        raise ValueError("it is shorter than its tree")
    rows = np.frombuffer(content, np.uint8, nodes * bits // 4).reshape(nodes, bits // 4).astype(np.uint32)
    children = np.empty((nodes, 2), np.uint32)
    if bits == 28:
        children[:, 0] = (rows[:, 3] >> 4) << 24 | rows[:, 0] << 16 | rows[:, 1] << 8 | rows[:, 2]
        children[:, 1] = (rows[:, 3] & 15) << 24 | rows[:, 4] << 16 | rows[:, 5] << 8 | rows[:, 6]
        return children
    half = bits // 8
    for side in (0, 1):
        children[:, side] = 0
        for index in range(half):
            children[:, side] = children[:, side] << 8 | rows[:, side * half + index]
    return children


class _Values:
    """The values of a data section. Each is read once, however many pointers lead to it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._weights = array("H", bytes(2 * len(data)))
        self._keys: set[int] = set()

    def weight(self, start: int, depth: int) -> int:
        """How many values the one at `start` holds, itself included. Raises when it isn't well formed or holds itself."""
        weight = self._weights[start]
        if weight == _BUSY or depth > _DEEPEST:
            raise ValueError("its values are nested without end")
        if not weight:
            self._weights[start] = _BUSY
            _, weight = self._value(start, depth)
            self._weights[start] = weight
        return weight

    def _value(self, position: int, depth: int) -> tuple[int, int]:
        """The end of the value at `position`, and its weight."""
        control = self._data[position]
        kind = control >> 5
        if kind == _POINTER:
            target, end = self._target(position)
            if self._data[target] >> 5 == _POINTER:
                raise ValueError("a pointer leads to a pointer")
            return end, self.weight(target, depth + 1)
        position += 1
        if not kind:
            kind = 7 + self._data[position]
            position += 1
        size = control & 31
        if size > 28:
            more = size - 28
            size = int.from_bytes(self._data[position : position + more], "big") + (29, 285, 65_821)[more - 1]
            position += more
        if kind == _TEXT:
            return self._text(position, size), 1
        if kind in {_MAP, _ARRAY}:
            return self._items(position, size, depth, keyed=kind == _MAP)
        return self._plain(kind, position, size), 1

    def _items(self, position: int, size: int, depth: int, *, keyed: bool) -> tuple[int, int]:
        if depth > _DEEPEST:
            raise ValueError("its values are nested without end")
        total = 1
        for _ in range(size):
            if keyed:
                position = self._key(position)
            position, weight = self._value(position, depth + 1)
            total += weight
            if total > _LARGEST_RECORD:
                raise ValueError(f"a record holds more than {_LARGEST_RECORD} values")
        return position, total

    def _key(self, position: int) -> int:
        """The end of the key at `position`."""
        if self._data[position] >> 5 == _POINTER:
            target, end = self._target(position)
            if target not in self._keys:
                self._text_key(target)
                self._keys.add(target)
            return end
        return self._text_key(position)

    def _text_key(self, position: int) -> int:
        if self._data[position] >> 5 != _TEXT:
            raise ValueError("the key of a map isn't a text")
        return self._value(position, 0)[0]

    def _target(self, position: int) -> tuple[int, int]:
        """Where the pointer at `position` leads, and where it ends."""
        control = self._data[position]
        length = (control >> 3 & 3) + 1
        end = position + 1 + length
        value = int.from_bytes(self._data[position + 1 : end], "big")
        if length < 4:
            value += (control & 7) << 8 * length
            value += (0, 2048, 526_336)[length - 1]
        return value, end

    def _text(self, position: int, size: int) -> int:
        end = position + size
        if end > len(self._data):
            raise ValueError("a text runs over the end")
        self._data[position:end].decode("utf-8")
        return end

    def _plain(self, kind: int, position: int, size: int) -> int:
        """The end of a value of a type that holds no others."""
        if kind == _BOOLEAN:
            end, fits = position, size <= 1
        elif kind in {_DOUBLE, _FLOAT}:
            end, fits = position + size, size == (8 if kind == _DOUBLE else 4)
        elif kind == _BYTES:
            end, fits = position + size, True
        else:
            end, fits = position + size, size <= _LONGEST.get(kind, -1)
        if not fits or end > len(self._data):
            raise ValueError("a value has a type or a size that doesn't exist")
        return end
