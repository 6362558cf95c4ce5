"""Proxies that several tests of a module share, and the records that a running proxy writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proxy.audit.record import Record
from proxy.settings import Settings
from tests.conftest import OPEN, Running


def recorded(proxy: Running) -> list[Record]:
    """A list that grows by the record of each exchange from now on."""
    handler = proxy.server.handler
    world = handler.world
    kept: list[Record] = []

    def written(record: Record) -> None:
        kept.append(record)
        world.written(record)

    handler.world = world._replace(written=written)
    return kept


class Proxies:
    """Starts a proxy for each combination of policies and settings once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Running] = {}

    def get(self, policies: Mapping[str, str] | Path = OPEN, **settings: Any) -> Running:
        """The proxy for these, started when it is first asked for."""
        key = json.dumps([policies, settings], default=str)
        if key not in self._running:
            self._running[key] = self._start(policies, settings)
        return self._running[key]

    def _start(self, policies: Mapping[str, str] | Path, settings: dict[str, Any]) -> Running:
        folder = policies if isinstance(policies, Path) else self._folder / f"policies{len(self._running)}"
        if not isinstance(policies, Path):
            folder.mkdir()
            for name, text in policies.items():
                (folder / name).write_text(text)
        given: dict[str, Any] = {
            "policies": folder, "listen": {"port": 0}, "admin": {"port": 0}, "shutdown": {"drain_s": 0, "streams_s": 1},
            "log": {"records": "off"}, "watch": False,
        }  # fmt: skip
        return Running(Settings(**{**given, **settings}))

    def stop(self) -> None:
        """Stop them all."""
        for proxy in self._running.values():
            proxy.stop()
