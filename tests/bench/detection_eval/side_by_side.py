"""Parts of a run in processes of their own. They inherit what was prepared, a settled detector above all, and send back only what is asked of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from typing import Any

_work: list[Callable[[], Any]] = []


def side_by_side(work: Sequence[Callable[[], Any]], processes: int) -> Iterator[Any]:
    """The results in the order of `work`, whichever is done first. A part's error ends the run."""
    _work[:] = work
    gc.freeze()  # a collection in one of the processes would copy every page it marks
    with get_context("fork").Pool(processes, maxtasksperchild=1) as pool:
        yield from pool.imap(_done, range(len(work)))


def _done(place: int) -> Any:
    return _work[place]()
