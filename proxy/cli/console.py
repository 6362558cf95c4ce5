"""What every command shares: where it prints, and how problems of files are told. Exit codes: 0 good, 1 findings, 2 unusable."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from proxy.errors import ConfigError, Problem

out: Final = Console(highlight=False, soft_wrap=True, emoji=False)  # "file.yaml:100:5" is a place, no picture
err: Final = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

FINDINGS: Final = 1
UNUSABLE: Final = 2
_PAGE_CHARS: Final = 160

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", "-s", help="Settings file (YAML). Defaults and TOSPROXY_* variables count without it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def problems_told() -> Iterator[None]:
    """Print every problem of unusable files and leave with exit code 2."""
    try:
        yield
    except ConfigError as error:
        for problem in error.problems:
            err.print(printable(str(problem)), markup=False)
        err.print(some(len(error.problems), "problem"), style="bold red")
        raise typer.Exit(UNUSABLE) from None


def unusable(file: str, what: str, fix: str = "", path: str = "") -> ConfigError:
    """One problem of a file or an argument as a whole."""
    return ConfigError([Problem(file, 0, 0, path, what, fix)])


def tell(text: str = "", *, style: str = "") -> None:
    """Print one line or several. What comes from files can't draw on the terminal."""
    out.print(printable(text), markup=False, style=style)


def warn_of_gaps(trace: Path, exchanges: int, outlined: int) -> None:
    """Say on standard error that recorded traffic holds nothing, or no texts: whoever reads "0 of 0" would take it for an answer."""
    if not exchanges:
        err.print(printable(f"{trace}: no exchange in it; a running proxy records each one caps.body_s after it began"), markup=False)
    if outlined:
        what = (
            f"{outlined:,} of {exchanges:,} exchanges were recorded without their texts: no pattern and no shared text can be found in them"
        )
        err.print(printable(f"{trace}: {what}; capture.bodies: true records texts"), markup=False)


def tell_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def some(number: int, thing: str) -> str:
    """So many of a thing."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """The text with whatever steers a terminal written out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode("ascii") for char in text)


def table(titles: Iterable[str], rows: Iterable[Iterable[object]], *, right: Iterable[str] = ()) -> None:
    """Print rows below titles; the columns named in `right` hold numbers."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    numbers = set(right)
    for title in titles:
        shown.add_column(title, justify="right" if title in numbers else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(_cell(value) for value in row))
    show(shown)


def show(drawn: RenderableType) -> None:
    """Print what is drawn: as wide as the terminal; wide, for whoever reads it later, where there is none."""
    Console(highlight=False, emoji=False, width=None if out.is_terminal else _PAGE_CHARS).print(drawn)


def _cell(value: object) -> str:
    return printable(str(value)).replace("[", "\\[")
