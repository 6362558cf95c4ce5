"""Proxies that several tests of a module share, the records that a running proxy writes, and messages as they stand on the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proxy.audit.record import Record
from proxy.settings import Settings
from tests.conftest import OPEN, Running

EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
"""Head of a stream of events."""


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


def json_answer(body: bytes, code: int = 200) -> bytes:
    """An answer as it stands on the wire."""
    return b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (code, len(body)) + body


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n" % len(data) + data + b"\r\n"


def chat_request(body: bytes) -> bytes:
    """A chat completion with this body, as it stands on the wire."""
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\nauthorization: Bearer k\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n" % len(body) + body
    )
