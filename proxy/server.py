"""The composition root: wires every object by hand, starts them, stops them in order."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from secrets import token_hex
from traceback import walk_tb
from typing import Any, Final

import structlog
from aiohttp import web

from proxy import VERSION, replies
from proxy.adapters.admin import admin_app
from proxy.adapters.building import Outward, build_parts, demo_settings, limit_store
from proxy.adapters.demo.app import demo_app
from proxy.adapters.following import Certified, Following
from proxy.adapters.prometheus import Metrics, Sample
from proxy.adapters.redis_store import RedisStore
from proxy.adapters.telemetry import samples
from proxy.adapters.traffic.forwarded import edge_claims
from proxy.adapters.traffic.listener import Listener
from proxy.adapters.traffic.upstream import Upstream
from proxy.adapters.warnings import warnings
from proxy.audit.record import Record
from proxy.decide import Decider
from proxy.detection.detector import Detector
from proxy.dialects.routes import dialect_for_errors
from proxy.errors import SETTINGS, CallerError, ConfigError, Fault, Problem
from proxy.handler import Handler, World
from proxy.identity.movement import Movements
from proxy.settings import Admin, Listen, Settings
from proxy.settings import Upstream as UpstreamSettings

END_S: Final = 1.0
"""How long exchanges may take to tell their clients that they are ended."""
GC_THRESHOLDS: Final = (50_000, 20, 50)
"""The default thresholds double the 99th percentile of latency at load (measured: 11.6 ms against 5.1 ms)."""


class Server:
    """The running proxy. `start`, then `stop`; between them `traffic_url` and `admin_url` say where it listens."""

    def __init__(self, settings: Settings, log: structlog.typing.FilteringBoundLogger) -> None:
        """Read every file that the settings name. Raises ConfigError with all problems of all of them at once."""
        self.demo = not settings.upstreams
        self.settings = demo_settings(settings) if self.demo else settings
        self.log = log
        self.parts = build_parts(self.settings, log)
        self.metrics = Metrics(VERSION)
        self.traffic_url = self.admin_url = ""
        epoch = time.time() - time.monotonic()
        self.clock: Callable[[], float] = lambda: epoch + time.monotonic()
        """Wall time at the start plus what has passed since: a clock that is set back must not block whoever spent a budget."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._runners: list[web.AppRunner] = []
        self._sweep_s = 0.0
        self._hurried = asyncio.Event()
        self._following: Following | None = None

    async def start(self) -> None:
        """Bind both listeners and begin to serve. Raises ConfigError when an address can't be bound."""
        settings, parts = self.settings, self.parts
        self.upstreams = [Upstream(*each) for each in parts.upstreams or (Outward(await self._start_demo(), [], None),)]
        if parts.detector is not None:
            parts.detector.sweep(self.clock())  # the first search loads what later ones reuse: 0.1 s that no request should wait for
        self.store = limit_store(settings, parts.digest_key, self.log)
        self.handler = Handler(self._world())
        self.listener = Listener(self.handler, self._refuse_bytes, settings.listen, settings.caps, parts.certificates)
        self._export()
        try:
            await self._bind()
        except ConfigError:
            for upstream in self.upstreams:
                await upstream.close()
            raise
        self._follow()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        self.log.info("serving", traffic=self.traffic_url, admin=self.admin_url, policies=parts.policies.current.revision, demo=self.demo)

    async def _bind(self) -> None:
        listen, admin = self.settings.listen, self.settings.admin
        with _told("listen", listen):
            host, port = await self.listener.open()
        self.traffic_url = _url("https" if listen.tls else "http", host, port)
        with _told("admin", admin):
            self.admin_url = await self._serve(self._admin(), admin.host, admin.port)

    def _world(self) -> World:
        parts = self.parts
        numbers, prefix = count(1), f"{token_hex(5)}-"
        return World(
            rules=lambda: parts.policies.current,
            sources=parts.sources,
            decider=Decider(self.store, parts.detector, Movements()),
            upstreams=self.upstreams,
            caps=self.settings.caps,
            clock=self.clock,
            next_id=lambda: f"{prefix}{next(numbers):x}",
            digest=self._digest,
            written=self._written,
            fault=self._fault,
            capture=self.parts.capture,
            tracer=self.parts.tracer,
            tls_fingerprint_header=self.settings.identity.tls_fingerprint_header.lower(),
            claims=edge_claims(self.settings),
            facts=self.settings.log.facts,
        )

    async def stop(self) -> None:
        """Drain: not ready, still serving; then no new connections; then open exchanges finish or are cut; then all is flushed."""
        wait = self.settings.shutdown
        self.handler.draining = True
        self.log.info("draining", open=self.handler.open, seconds=wait.drain_s)
        await self._unless_hurried(asyncio.sleep(wait.drain_s))
        self.listener.stop_accepting()
        self.listener.close_idle()
        await self._unless_hurried(self.handler.emptied(wait.streams_s))
        cut = self.handler.open
        await self.handler.end_open(END_S)
        await self.listener.shutdown(timeout=0.5)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for upstream in self.upstreams:
            await upstream.close()
        await self.store.close()
        for runner in self._runners:
            await runner.cleanup()
        for part in (self.parts.records, self.parts.capture, self.parts.tracer):
            if part is not None:
                await asyncio.to_thread(part.close)
        self.log.info("stopped", cut=cut)

    def hurry(self) -> None:
        """Stop without waiting any longer: what is open is ended with an error that its client can read, and all is flushed."""
        self.log.info("hurrying", open=self.handler.open)
        self._hurried.set()

    async def _unless_hurried(self, work: Coroutine[Any, Any, Any]) -> None:
        """Wait for `work`, or until there is no time for it."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(work), loop.create_task(self._hurried.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def reload(self) -> None:
        """Look at every file again now (SIGHUP)."""
        if self._following is not None:
            self._spawn(self._following.look())

    def _export(self) -> None:
        """Every part tells its state when Prometheus asks."""
        parts, metrics = self.parts, self.metrics
        metrics.add_source(partial(samples.policy_samples, parts.policies))
        metrics.add_source(partial(samples.geo_samples, parts.geo))
        metrics.add_source(partial(samples.store_samples, self.store))
        metrics.add_source(partial(samples.account_samples, parts.accounts, parts.tokens, parts.joined))
        metrics.add_source(self._own_samples)
        metrics.add_source(partial(samples.connection_samples, self.listener))
        if parts.records is not None:
            metrics.add_source(partial(samples.record_samples, parts.records))
        if parts.detector is not None:
            metrics.add_source(partial(samples.detector_samples, parts.detector))
        rules = parts.policies.current
        metrics.know("rule", [entry.id for entry in rules.rules] + [entry.id for entry in rules.limits])
        metrics.know("upstream", [upstream.name for upstream in self.upstreams])

    def _own_samples(self) -> Iterator[Sample]:
        yield Sample("tosproxy_ready", float(not self.reasons()))
        yield Sample("tosproxy_open_requests", float(self.handler.open))
        yield Sample("tosproxy_detection_observe_seconds_total", self.handler.observe_s)
        yield Sample("tosproxy_detection_sweep_seconds", self._sweep_s)

    def reasons(self) -> list[str]:
        """Why no traffic should be sent here; empty when it should."""
        return ["draining"] if self.handler.draining else []

    def _admin(self) -> web.Application:
        parts = self.parts
        note = parts.records.note if parts.records is not None else lambda event, said: self.log.info(event, **said)
        return admin_app(
            metrics=self.metrics, policies=parts.policies, reasons=self.reasons,
            warnings=lambda: warnings(parts, self.settings, self.store, self.clock()), risk=parts.detector, note=note,
            logged=self._digest, token=lambda: parts.admin_token.value, clock=self.clock,
        )  # fmt: skip

    def _follow(self) -> None:
        """Follow every file that may change, each in a task of its own, and whatever else is looked after."""
        certified: dict[str, Certified] = {"certificates": self.listener} | {
            f"certificates of {upstream.name}": upstream for upstream in self.upstreams
        }
        self._following = following = Following(self.parts, certified, self.log)
        following.look_at_days()
        self._spawn(self.metrics.watch_lag())
        if isinstance(self.store, RedisStore):
            self._spawn(self.store.greet())
        if self.parts.detector is not None:
            self._spawn(self._sweep(self.parts.detector))
        if self.settings.watch:
            for work in following.watching():
                self._spawn(work)

    async def _sweep(self, detector: Detector) -> None:
        """Search for campaigns for ever."""
        while True:
            await asyncio.sleep(self.settings.detection.sweep_s)
            began = time.perf_counter()
            try:
                detector.sweep(self.clock())
            except Exception as error:  # noqa: BLE001 - a search that fails must not be the last one
                self._fault("sweep", error)
            self._sweep_s = time.perf_counter() - began

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault("background", error)

    def _fault(self, decision: str, error: BaseException) -> None:
        """A fault of our own: what and where, without the values that were handled."""
        frames = [f"{frame.f_code.co_filename.rpartition('/')[2]}:{line}" for frame, line in walk_tb(error.__traceback__)]
        self.log.error("fault", decision=decision, error=type(error).__name__, at=frames[-4:])

    def _digest(self, text: str) -> str:
        return text if self.settings.log.addresses else self.parts.digests.of(text, self.clock())

    def _written(self, record: Record) -> None:
        self.metrics.observe(record)
        if self.parts.records is not None:
            self.parts.records.write(record)
        if self.parts.capture is not None:
            self.parts.capture.ended(record)
        if self.parts.tracer is not None:
            self.parts.tracer.ended(record)

    def _refuse_bytes(self, error: Exception | None) -> tuple[int, bytes, bytes]:
        """Bytes that aren't HTTP are answered and recorded like any other exchange."""
        del error  # its text quotes what the caller sent
        record = Record(self.handler.world.next_id(), self.clock(), self.parts.policies.current.revision)
        reply = replies.rejected(
            dialect_for_errors("/"), CallerError(Fault.MALFORMED, "the request is not valid HTTP/1.1", "malformed_http"), record.id
        )
        record.outcome, record.status, record.code = "rejected", reply.status, reply.code
        self.handler.world.written(record)
        return reply.status, reply.headers, reply.body

    async def _start_demo(self) -> UpstreamSettings:
        url = await self._serve(demo_app(), "127.0.0.1", 0)
        return UpstreamSettings(name="demo", url=url)

    async def _serve(self, app: web.Application, host: str, port: int) -> str:
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0]
        return _url("http", bound[0], bound[1])


@contextmanager
def _told(setting: str, given: Listen | Admin) -> Iterator[None]:
    """Say which listener can't have its address, and which setting to change."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or "no such address"
        name, fix = "host", "write an address of this machine"
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            name, fix = "port", "take another port, or end what listens there"
        what = f"can't listen on {given.host} port {given.port}: {reason}"
        raise ConfigError([Problem(SETTINGS, 0, 0, f"{setting}.{name}", what, fix)]) from error


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
