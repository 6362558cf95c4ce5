"""One row for each endpoint that takes a document: the least it needs, and where each field of a ModelCall is found in it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from proxy.errors import CallerError, Fault

Path = tuple[str | int, ...]


class Probe(NamedTuple):
    """Setting `value` at `path` makes the call's field `expected`."""

    path: Path
    value: Any
    expected: Any


class Row(NamedTuple):
    path: str
    """An address of the endpoint."""
    least: dict[str, Any]
    probes: dict[str, tuple[Probe, ...]]
    """Field of ModelCall to its probes. A field without an entry can't be carried by the endpoint."""
    words: tuple[tuple[Path, Any], ...]
    """Everywhere a text can stand: a path and a value to put there with CANARY in it."""
    path_model: str = ""


def fault_of(action: Callable[[], object]) -> Fault | None:
    """Why the action refuses; None if it doesn't."""
    try:
        action()
    except CallerError as error:
        return error.fault
    return None


CANARY = "the quick brown canary"


def put(document: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of the document with `value` at `path`; objects and lists on the way are made. An index beyond the end appends."""
    made: dict[str, Any] = copy.deepcopy(document)
    place: Any = made
    for key, following in zip(path, (*path[1:], None), strict=True):
        empty: Any = [] if isinstance(following, int) else {}
        step = value if following is None else empty
        if isinstance(place, list):
            assert isinstance(key, int)
            while len(place) <= key:
                place.append(copy.deepcopy(step))
            if following is None or not isinstance(place[key], type(step)):
                place[key] = step
        elif following is None or not isinstance(place.get(key), type(step)):
            place[key] = step
        place = place[key]
    return made
