"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final, TypeVar

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from proxy.adapters.recording import TraceFile
from proxy.cli.console import err

_EVERY: Final = 256
Item = TypeVar("Item")


def following(items: Iterable[Item], file: TraceFile, what: str) -> Iterator[Item]:
    """The items, with a bar that shows how much of the file they were made of."""
    if not err.is_terminal:
        yield from items
        return
    with bar(what, float(file.size_bytes)) as show:
        for count, item in enumerate(items):
            if count % _EVERY == 0:
                show(float(file.read_bytes), count)
            yield item


@contextmanager
def bar(what: str, total: float) -> Iterator[Callable[[float, int], None]]:
    """Gives what moves the bar: how far of `total`, and how many exchanges so far."""
    if not err.is_terminal:
        yield lambda _done, _count: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(what, total=max(total, 1.0), told="")
        began = perf_counter()

        def show(done: float, count: int) -> None:
            rate = count / max(perf_counter() - began, 1e-9)
            progress.update(task, completed=min(done, total), told=f"{count:,} exchanges, {rate:,.0f}/s")

        yield show
