"""The command line: every command, by group. Only the module of the command that is asked for is loaded."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from typing import Annotated, Final

import typer

from proxy import VERSION

_MODULES: Final = {
    "serve": "serve",
    "health": "health",
    "settings": "settings",
    "check": "policies.check",
    "test": "policies.check",
    "explain": "policies.explain",
    "diff": "policies.diff",
    "presets": "policies.stock",
    "waivers": "policies.stock",
    "reference": "policies.stock",
    "replay": "traffic.replay",
    "drill": "traffic.drill",
    "calibrate": "traffic.calibrate",
    "bank": "traffic.bank",
    "audit": "records",
    "metrics": "records",
}
"""Command or group of commands -> where it is, in the order of the help."""


def build(asked: str = "") -> typer.Typer:
    """The application, with all commands, or with those of the module that holds the one that is `asked` for."""
    app = typer.Typer(
        name="tos-proxy",
        help="Enforce a model provider's terms of service in front of its endpoints.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    modules = [_MODULES[asked]] if asked in _MODULES else dict.fromkeys(_MODULES.values())
    for module in modules:
        import_module(f"proxy.cli.{module}").register(app)
    _join_lines(app)
    return app


def _join_lines(app: typer.Typer) -> None:
    """Help is as wide as the terminal, not as the source: a line break inside a paragraph would stay one."""
    for command in app.registered_commands:
        paragraphs = (inspect.getdoc(command.callback) or "").split("\n\n")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _join_lines(group.typer_instance)


def _told(asked: bool) -> None:
    if asked:
        print(VERSION)
        raise typer.Exit


def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_told)] = False,
) -> None:
    """Enforce a model provider's terms of service in front of its endpoints."""


def main() -> None:
    """Run the command named on the command line."""
    try:
        build(*sys.argv[1:2])()
    except BrokenPipeError:
        sys.exit(0)
