"""`tos-proxy health`. A container's health check starts it every few seconds, so it loads little."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Annotated

import typer

from proxy.adapters.settings_file import read_settings
from proxy.cli.console import SettingsFile, err, problems_told
from proxy.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("health")(health)


def health(
    settings_file: SettingsFile = None,
    ready: Annotated[bool, typer.Option("--ready", help="Ask whether it is ready to serve, not just alive.")] = False,
) -> None:
    """Ask the running proxy's admin listener how it is. Exit code 0 when it is well."""
    with problems_told():
        settings = read_settings(settings_file)
    url = _health_url(settings, "readyz" if ready else "healthz")
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 - the scheme is fixed below
            print(answer.read().decode())
    except (urllib.error.URLError, OSError) as error:
        err.print(f"{url}: {error}", markup=False)
        raise typer.Exit(1) from None


def _health_url(settings: Settings, page: str) -> str:
    host = "127.0.0.1" if settings.admin.host in {"0.0.0.0", "::"} else settings.admin.host  # noqa: S104 - it says where it was bound
    return f"http://[{host}]:{settings.admin.port}/{page}" if ":" in host else f"http://{host}:{settings.admin.port}/{page}"
