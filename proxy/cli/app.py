"""The command line: every command and how problems are told. Exit codes: 0 good, 1 findings, 2 can't be used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from proxy.errors import ConfigError

app = typer.Typer(
    name="tos-proxy",
    help="Enforce a model provider's terms of service in front of its endpoints.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

FINDINGS = 1
UNUSABLE = 2


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


def main() -> None:
    """Run the command named on the command line."""
    from proxy.cli import policies, serve, settings

    for group in (serve, settings, policies):
        group.register(app)
    try:
        app()
    except BrokenPipeError:
        sys.exit(0)
