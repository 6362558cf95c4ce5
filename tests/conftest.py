"""A running proxy for tests: the real server on loopback, in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvloop

from proxy.adapters.telemetry.log import logger
from proxy.server import Server
from proxy.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "policies"


@pytest.fixture(autouse=True, scope="module")
def _thawed() -> Iterator[None]:
    """A server or a command freezes what it read, since it lives as long as its process; here hundreds of them share one."""
    yield
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()


OPEN = {"open.yaml": "rules:\n  - id: open.none\n    when: request.n > 100000\n    then: {tag: [never]}\n"}
"""Policies that allow everything."""


class Running:
    """A proxy that serves until `stop`. `events` are the lines it logged, `records` the record of every exchange."""

    def __init__(self, settings: Settings) -> None:
        self._log = io.StringIO()
        self._failure: BaseException | None = None
        self._started = threading.Event()
        self._stop: Callable[[], object] = lambda: None
        self._settings = settings
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._started.wait(30)
        if self._failure is not None:
            raise self._failure

    def _serve(self) -> None:
        try:
            uvloop.run(self._main())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._failure = error
            self._started.set()

    async def _main(self) -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.server = Server(self._settings, logger("json", "debug", self._log))
        await self.server.start()
        self.loop = loop
        self._stop = partial(loop.call_soon_threadsafe, stopping.set)
        self._started.set()
        await stopping.wait()
        await self.server.stop()

    @property
    def url(self) -> str:
        """Where clients call."""
        return self.server.traffic_url

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the traffic listener."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    @property
    def admin(self) -> str:
        """Where metrics and health are."""
        return self.server.admin_url

    @property
    def events(self) -> list[dict[str, Any]]:
        """Lines logged so far."""
        return [json.loads(line) for line in self._log.getvalue().splitlines()]

    def stop(self) -> None:
        """Drain and end."""
        if not self._thread.is_alive():
            return
        self._stop()
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start proxies: `serve(policies, **settings)`, where policies are files by name or a folder."""
    running: list[Running] = []

    def start(policies: Mapping[str, str] | Path = OPEN, **settings: Any) -> Running:
        folder = policies if isinstance(policies, Path) else tmp_path / f"policies{len(running)}"
        if not isinstance(policies, Path):
            for name, text in policies.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)
        given: dict[str, Any] = {
            "policies": folder,
            "listen": {"port": 0},
            "admin": {"port": 0},
            "shutdown": {"drain_s": 0, "streams_s": 1},
            "log": {"records": "off"},
            "watch": False,
        }
        running.append(Running(Settings(**{**given, **settings})))
        return running[-1]

    yield start
    for proxy in running:
        proxy.stop()
