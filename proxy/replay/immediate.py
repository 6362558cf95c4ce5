"""A coroutine that never really waits, run to its end: a decider whose limits are in memory needs no event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def immediately(work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns. Raises RuntimeError if it has to wait for something."""
    try:
        work.send(None)
    except StopIteration as ended:
        value: Result = ended.value
        return value
    work.close()
    raise RuntimeError("the limit store waits: use one that is in memory")
