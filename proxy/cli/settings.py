"""`tos-proxy settings`: what an operator can set, with defaults and meanings."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from proxy.adapters.settings_file import fields
from proxy.cli.console import out


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("settings")(settings)


def settings(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print every setting with its type, default and meaning.

    A setting a.b can be written in the settings file or as the variable TOSPROXY_A__B.
    """
    rows = list(fields())
    if as_json:
        out.print_json(json.dumps([dict(zip(("setting", "type", "default", "meaning"), row, strict=True)) for row in rows]))
        return
    table = Table("setting", "type", "default", "meaning")
    for row in rows:
        table.add_row(*row)
    out.print(table)
