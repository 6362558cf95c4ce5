"""The command line: every command, by group."""

from __future__ import annotations

import sys

import typer

from proxy.cli import records, serve, settings
from proxy.cli.policies import check, diff, explain, stock
from proxy.cli.traffic import bank, calibrate, drill, replay


def build() -> typer.Typer:
    """The application with all commands."""
    app = typer.Typer(
        name="tos-proxy",
        help="Enforce a model provider's terms of service in front of its endpoints.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for group in (serve, settings, check, explain, diff, stock, replay, drill, calibrate, bank, records):
        group.register(app)
    return app


def main() -> None:
    """Run the command named on the command line."""
    try:
        build()()
    except BrokenPipeError:
        sys.exit(0)
