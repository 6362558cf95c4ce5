r"""Strict JSON: a document is accepted only if Python, Node and Go readers see the same values in it.

Measured on Python 3.11, Node 20 and Go 1.27: all three take the last of two equal keys, and all read `m\u006fdel` as `model`.
Python alone accepts NaN, lone surrogates and a byte order mark. Go matches keys without regard to case, with Unicode folding:
that is checked where a reader reads an object (`reading.fields`), because elsewhere keys are the caller's own.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

import orjson

from proxy.errors import CallerError, Fault

MAX_NUMBER_CHARS: Final = 32
CONTAINERS_PER_KEY: Final = 4
"""Lists and objects in a document, for each key it may have: an empty list costs 60 bytes of memory for 3 of body."""

_CONTAINERS: Final = frozenset({dict, list})


class JsonLimits(NamedTuple):
    """What a document may hold at most."""

    depth: int = 64
    keys: int = 50_000
    """A long session of an agent has fifteen for each of its steps, a table that a tool gives back one for each cell."""


DEFAULT_LIMITS: Final = JsonLimits()


def malformed(message: str, code: str = "invalid_json", param: str | None = None) -> CallerError:
    """A body that is refused."""
    return CallerError(Fault.MALFORMED, message, code, param)


def read_json(raw: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> dict[str, Any]:
    """The JSON object in `raw`.

    A document that orjson writes back byte for byte as it came has no duplicate key, no odd number and no second reading: that is
    how the official SDKs send theirs. Any other goes through `check_pairs`. Raises CallerError MALFORMED.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise malformed(f"The body is not valid JSON: {_reason(error)}.") from None
    if type(document) is not dict:
        raise malformed("The body must be a JSON object.")
    # Every list and object takes a bracket, every key a colon: a document with few of them need not be walked through.
    if raw.count(b"[") + raw.count(b"{") > min(limits) or raw.count(b":") > limits.keys:
        check_size(document, limits)
    if orjson.dumps(document) != raw:
        check_pairs(raw)
    return document


def _reason(error: orjson.JSONDecodeError) -> str:
    return f"{error.msg.split(':')[0]} at line {error.lineno}, column {error.colno}"


def check_size(document: dict[str, Any], limits: JsonLimits) -> None:
    """Refuse what is nested too deeply or has too many keys. Walks level by level: nothing recurses."""
    level: list[Any] = [document]
    keys = depth = containers = 0
    while level:
        depth += 1
        containers += len(level)
        below: list[Any] = []
        for container in level:
            if type(container) is dict:
                keys += len(container)
                below += [value for value in container.values() if type(value) in _CONTAINERS]
            else:
                below += [value for value in container if type(value) in _CONTAINERS]
        level = below
        if depth > limits.depth:
            raise malformed(f"The body is nested deeper than {limits.depth} levels.", "json_too_deep")
        if containers > limits.keys * CONTAINERS_PER_KEY:
            raise malformed("The body has too many lists and objects.", "json_too_large")
    if keys > limits.keys:
        raise malformed(f"The body has more than {limits.keys} keys.", "json_too_large")


def check_pairs(raw: bytes) -> None:
    """Refuse duplicate keys, however they are escaped, and numbers that readers round differently.

    `raw` is known to be strict JSON of bounded depth, so the standard reader can neither fail nor recurse too far.
    """
    _DECODER.decode(raw.decode())


def _object(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise malformed("The body has the same key twice in one object.", "duplicate_key")


def _number(digits: str) -> None:
    if len(digits) > MAX_NUMBER_CHARS:
        raise malformed(f"The body has a number longer than {MAX_NUMBER_CHARS} characters.", "number_too_long")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=_number, parse_float=_number)
