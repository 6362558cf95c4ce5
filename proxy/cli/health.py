"""`tos-proxy health`. A container's health check starts it every few seconds, so it loads little."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Annotated, Final

import typer

from proxy.adapters.settings_file import read_settings
from proxy.cli.console import SettingsFile, err, problems_told
from proxy.settings import Settings

WAIT_S: Final = 3.0
LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - it says where it was bound
"""Where a listener bound to every address is asked; one bound to :: takes IPv6 alone."""


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
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy of the environment can't reach this machine's loopback
    try:
        with direct.open(url, timeout=WAIT_S) as answer:
            print(answer.read().decode())
    except urllib.error.HTTPError as error:  # not ready: its reasons are what one wants to know
        print(error.read().decode())
        raise typer.Exit(1) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        err.print(f"{url}: {getattr(reason, 'strerror', None) or reason}; is the proxy running, with these settings?", markup=False)
        raise typer.Exit(1) from None


def _health_url(settings: Settings, page: str) -> str:
    host = LOOPBACK.get(settings.admin.host, settings.admin.host)
    return f"http://[{host}]:{settings.admin.port}/{page}" if ":" in host else f"http://{host}:{settings.admin.port}/{page}"
