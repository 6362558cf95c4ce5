"""A condition's syntax tree, read from the form in which CEL serialises a checked expression.

CEL parses and checks types; we only look at the result: which facts it reads, which comparisons it makes. The bytes are
`cel.expr.CheckedExpr` (cel-spec, proto/cel/expr/checked.proto and syntax.proto) inside a `google.protobuf.Any`. They come from
the compiler in this process, never from outside. Field numbers below are those of the specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

_ANY_VALUE: Final = 2
_CHECKED_EXPR, _CHECKED_SOURCE, _SOURCE_POSITIONS = 4, 5, 4
_EXPR_ID, _CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _LOOP = 2, 3, 4, 5, 6, 7, 8, 9
_OPS: Final[Mapping[int, str]] = {_SELECT: "select", _CALL: "call", _LIST: "list", _LOOP: "loop"}
_CHILDREN: Final[Mapping[int, tuple[int, ...]]] = {_SELECT: (1,), _CALL: (1, 3), _LIST: (1,), _STRUCT: (2,), _LOOP: (2, 4, 5, 6, 7)}
"""Which fields of each kind of node hold expressions; a struct's hold entries, whose fields 3 and 4 do."""
_VARINT, _FIXED64, _BYTES = 0, 1, 2


class Node(NamedTuple):
    """One node. `op` is const, fact, select, call, list, loop (exists, all and the like) or other.

    For a call, `name` is the function and `args` begins with the target of a method call.
    """

    op: str
    name: str = ""
    args: tuple[Node, ...] = ()
    value: Any = None
    offset: int = -1
    """Position in the condition's text, in characters; of an operator where the operator stands. -1 when unknown."""


def read_checked(serialised: bytes) -> Node:
    """The syntax tree of a serialised checked expression."""
    positions: dict[int, int] = {}
    expression = b""
    for number, value in _fields(_only(serialised, _ANY_VALUE)):
        if number == _CHECKED_EXPR:
            expression = value
        elif number == _CHECKED_SOURCE:
            for inner, entry in _fields(value):
                if inner == _SOURCE_POSITIONS:
                    pair = dict(_fields(entry))
                    positions[pair.get(1, 0)] = pair.get(2, 0)
    return _node(expression, positions)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in node.args:
        yield from walk(child)


def _node(data: bytes, positions: Mapping[int, int]) -> Node:
    identity = 0
    kind, body = 0, b""
    for number, value in _fields(data):
        if number == _EXPR_ID:
            identity = value
        else:
            kind, body = number, value
    offset = positions.get(identity, -1)
    if kind == _CONST:
        return Node("const", value=_constant(body), offset=offset)
    if kind == _IDENT:
        return Node("fact", _text(body, 1), offset=offset)
    children = [child for number, child in _fields(body) if number in _CHILDREN.get(kind, ())]
    if kind == _STRUCT:
        children = [part for entry in children for number, part in _fields(entry) if number in {3, 4}]
    arguments = tuple(_node(child, positions) for child in children)
    name = _text(body, 2) if kind in {_SELECT, _CALL} else ""
    return Node(_OPS.get(kind, "other"), name, arguments, offset=offset)


def _constant(body: bytes) -> Any:
    for number, value in _fields(body):
        if number == 2:
            return bool(value)
        if number == 3:
            return value - (1 << 64) if value >= 1 << 63 else value
        if number == 5:
            return struct.unpack("<d", value)[0]
        if number == 6:
            return value.decode("utf-8")
        if number in {4, 7}:
            return value
    return None


def _text(data: bytes, number: int) -> str:
    return bytes(_only(data, number)).decode("utf-8")


def _only(data: bytes, number: int) -> bytes:
    return next((value for key, value in _fields(data) if key == number), b"")


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and raw values of one protobuf message."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        else:
            length = 8 if kind == _FIXED64 else 4
        yield tag >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
