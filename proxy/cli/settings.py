"""`tos-proxy settings`: what an operator can set, with defaults and meanings."""

from __future__ import annotations

import typer

from proxy.adapters.settings_file import fields
from proxy.cli.console import AsJson, tell, tell_json


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("settings")(settings)


def settings(as_json_: AsJson = False) -> None:
    """Print every setting with its type, default and meaning.

    A setting a.b can be written in the settings file or as the variable TOSPROXY_A__B.
    """
    if as_json_:
        tell_json([dict(zip(("setting", "type", "default", "meaning"), row, strict=True)) for row in fields()])
        return
    for name, kind, default, meaning in fields():  # no table: names are there to be copied whole, at any width
        tell(f"{name}: {kind}{f', {default}' if default else ''}", style="bold")
        tell(f"    {meaning}")
