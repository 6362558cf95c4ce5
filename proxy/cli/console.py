"""What every command shares: where it prints, and how problems of files are told. Exit codes: 0 good, 1 findings, 2 unusable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console

from proxy.errors import ConfigError

out: Final = Console(highlight=False, soft_wrap=True)
err: Final = Console(stderr=True, highlight=False, soft_wrap=True)

FINDINGS: Final = 1
UNUSABLE: Final = 2


@contextmanager
def problems_told() -> Iterator[None]:
    """Print every problem of unusable files and leave with exit code 2."""
    try:
        yield
    except ConfigError as error:
        for problem in error.problems:
            err.print(str(problem), markup=False)
        err.print(f"{len(error.problems)} problem{'s' if len(error.problems) > 1 else ''}", style="bold red")
        raise typer.Exit(UNUSABLE) from None
