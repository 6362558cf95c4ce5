"""`tos-proxy serve`."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
import uvloop

from proxy.adapters.policy_folder import PolicyFolder
from proxy.adapters.settings_file import located, named_policies, read_settings
from proxy.adapters.telemetry.log import adopt_libraries, logger
from proxy.cli.console import SettingsFile, err, problems_told
from proxy.errors import ConfigError
from proxy.server import Server
from proxy.settings import Settings

HURRIED: Final = 1
"""Exit code when there was no time to drain."""

NOT_OFFERED = "175.45.176.1"
"""An address in Pyongyang, which no shipped policy serves."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("serve")(serve)


def serve(
    settings_file: SettingsFile = None,
    log_format: Annotated[Literal["json", "console"] | None, typer.Option(help="Overrides log.format.")] = None,
) -> None:
    """Start the proxy. Without upstreams the built-in demo endpoint answers."""
    with problems_told():
        settings = _settings(settings_file)
        form = log_format or ("console" if settings.log.format == "json" and sys.stderr.isatty() else settings.log.format)
        log = logger(form, settings.log.level)
        adopt_libraries(log)
        with located(settings_file):
            server = Server(settings, log)
            _use_every_descriptor()
            code = uvloop.run(_run(server))
    raise typer.Exit(code)


def _use_every_descriptor() -> None:
    """An exchange takes two; shells and container runtimes begin programs with 1024 and leave it to them to ask for the rest."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems bound it further
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _settings(file: Path | None) -> Settings:
    """The settings. Raises ConfigError with their problems and, since one start should tell them all, those of the policies."""
    try:
        return read_settings(file)
    except ConfigError as error:
        folder = named_policies(file)
        if folder is None:
            raise
        try:
            PolicyFolder(folder, time.time)
        except ConfigError as further:
            raise ConfigError(error.problems + further.problems) from error
        raise


async def _run(server: Server) -> int:
    """Serve until a signal. A second one ends what is open, a third one the process."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    steps = iter((asked.set, server.hurry))

    def stop() -> None:
        next(steps, partial(os._exit, HURRIED))()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, server.reload)
    await server.start()
    if sys.stderr.isatty() or server.demo:
        err.print(_welcome(server), markup=False)
    await asked.wait()
    await server.stop()
    return 0 if next(steps, None) is not None else HURRIED


def _welcome(server: Server) -> str:
    """Where it serves, and commands that work there as they stand: a real upstream's models and callers are not ours to know."""
    where = "the built-in demo endpoint" if server.demo else ", ".join(upstream.url for upstream in server.settings.upstreams)
    said = f"\ntos-proxy serves {server.traffic_url} in front of {where}, policies {server.parts.policies.current.revision}. Try:\n"
    if server.demo:
        curl = "curl -sk" if server.settings.listen.tls else "curl -s"
        call = f"{curl} {server.traffic_url}/v1/chat/completions -H 'authorization: Bearer demo' -H 'content-type: application/json'"
        asked = '{"model": "demo-small", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}'
        said += f"\n  an allowed call:\n    {call} -d '{asked}'\n"
        if server.parts.sources.trust.peer("127.0.0.1")[1]:
            place = "forwarded: for=" if server.settings.identity.forwarded_header == "forwarded" else "x-forwarded-for: "
            said += f"\n  the same from where the terms don't offer the service:\n    {call} -H '{place}{NOT_OFFERED}' -d '{asked}'\n"
    token = " -H 'authorization: Bearer '\"$ADMIN_TOKEN\"" if server.parts.admin_token.value else ""
    return said + f"\n  what was counted:\n    curl -s {server.admin_url}/metrics{token} | grep tosproxy_requests_total\n"
