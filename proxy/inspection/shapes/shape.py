"""Shape: the two things known of every API's answers, how to read an event and how to strip one."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple, Protocol

from proxy.inspection.tally import Tally

Json = dict[str, Any]
"""A parsed body or event. It is a stranger's: the inspector turns KeyError, TypeError and AttributeError into `broken`."""


class Fate(Enum):
    """What becomes of an event."""

    KEEP = "keep"
    """Nothing in it had to go: forward its own bytes."""
    CHANGED = "changed"
    """Parts were removed in place: forward it re-serialised."""
    DROP = "drop"
    """Nothing is left of it."""


class Stripper(Protocol):
    """Removes parts from the events of one answer, in order, or from its one body."""

    def body(self, answer: Json) -> bool:
        """Strip a whole answer in place; true if anything was removed."""

    def event(self, event: Json) -> Fate:
        """Strip one event of a stream in place."""


class Shape(NamedTuple):
    """One API's answers."""

    read: Callable[[Json, Tally], None]
    """Write the usage, text and finish reason of a body or an event into the tally."""
    stripper: Callable[[frozenset[str]], Stripper]
    """Make a stripper for any of `reasoning`, `logprobs`, and `usage`: what a stream reports though the client didn't ask."""


def drop(holder: Json, keys: frozenset[str]) -> bool:
    """Remove `keys` from `holder`; true if any was there. A null tells nothing and stays, so that most events stay untouched."""
    found = False
    if holder.keys().isdisjoint(keys):
        return found
    for key in keys:
        if holder.get(key) is not None:
            del holder[key]
            found = True
    return found
