"""Remembering within bounds: callers choose some of the texts, so neither their number nor their length may grow memory."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from proxy.policy.facts import Facts

LONGEST_TEXT: Final = 128

V = TypeVar("V")


def remember(seen: dict[Any, V], key: Any, value: V, entries: int) -> None:
    """Keep the value unless its key holds a long text; start over when there are too many."""
    if not is_short(key):
        return
    if len(seen) >= entries:
        seen.clear()
    seen[key] = value


def is_short(key: Any) -> bool:
    """No long text is in it."""
    for part in key if isinstance(key, tuple) else (key,):  # noqa: SIM110 - all() with a generator takes three times as long
        if isinstance(part, str) and len(part) > LONGEST_TEXT:
            return False
    return True


def values_of(names: Sequence[str]) -> Callable[[Facts], Any]:
    """Reads these facts at once, as a key."""
    return operator.itemgetter(*names) if names else _no_value


def _no_value(_: Facts) -> None:
    return None
