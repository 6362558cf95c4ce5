"""One Lua script on a Redis or Valkey server, within a budget of time, behind a breaker. Requests never wait for a server that is lost.

redis-py's defaults wait seconds for a dead server: here a call has one try and one deadline. After a few failures in a row the link is
lost and nobody calls; a background probe writes to the server until it answers, reconciles, and only then is the link used again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import uniform
from typing import Final

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.maint_notifications import MaintNotificationsConfig

from proxy.errors import SETTINGS, ConfigError, Problem, StoreError

SCRIPT: Final = Path(__file__).with_name("script.lua").read_text("utf-8")
_SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

_FAILURES_TO_LOSE: Final = 3
"""Failures in a row, each begun after the one before had failed: all that is in flight when a server pauses for a moment fails together."""
_LATE_S: Final = 0.005
"""When our own loop comes later than this to look at the time, it was busy with something else, and that time doesn't count."""
_PROBE_EVERY_S: Final = (0.25, 0.75)
"""Between two probes; spread so that replicas don't come back as a herd."""
_PROBE_BUDGET_S: Final = 0.5
"""Off the request path there is time to open a connection."""
_CONNECTIONS: Final = 64


def check_url(url: str) -> None:
    """Raises ConfigError for what names no server, or asks for what doesn't exist. It quotes nothing: a password is in it."""
    try:
        make: Callable[[], object] = BlockingConnectionPool.from_url(url).make_connection
        make()  # it doesn't connect
    except (ValueError, TypeError, RedisError):
        what = "isn't the URL of a server, or has an option that doesn't exist"
        fix = "write redis://[user:password@]host:port/number, rediss:// or unix://, and in a password %2F for /, %3F for ? and %23 for #"
        raise ConfigError([Problem(SETTINGS, 0, 0, "state.url", what, fix)]) from None


class RedisLink:
    """Runs the script. `lost` says that calling is pointless for now; `failures` counts the calls that failed."""

    def __init__(
        self, url: str, *, budget_s: float, probe: Callable[[], Awaitable[None]], log: structlog.typing.FilteringBoundLogger | None
    ) -> None:
        """`probe` must raise StoreError unless the server takes writes; it runs while the link is lost, and ends the loss."""
        self._budget_s = budget_s
        self._probe = probe
        self._log = log
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=budget_s,
            socket_timeout=None,
            socket_connect_timeout=_PROBE_BUDGET_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        self._redis: Redis = Redis(connection_pool=self._pool)
        self._in_a_row = 0
        self._failed_at = 0.0
        self._calls: set[asyncio.Task[list[bytes]]] = set()
        self._prober: asyncio.Task[None] | None = None
        self.lost = False
        self.failures = 0

    def begin(self, keys: Sequence[str], words: Sequence[str]) -> asyncio.Task[list[bytes]]:
        """`run` on its own, so that it goes on when its caller leaves."""
        task = asyncio.get_running_loop().create_task(self.run(keys, words))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return task

    async def idle(self) -> None:
        """Wait for what was begun."""
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def run(self, keys: Sequence[str], words: Sequence[str], *, on_request: bool = True) -> list[bytes]:
        """The script's reply. Raises StoreError when it isn't here in time, whatever the reason."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        budget_s = self._budget_s if on_request else _PROBE_BUDGET_S
        try:
            async with asyncio.timeout(None) as limit:
                timer = loop.call_at(began + budget_s, _due, limit, began + budget_s, budget_s)
                try:
                    reply = await self._call(keys, " ".join(words))
                finally:
                    timer.cancel()
        except Exception as error:
            self._failed(error, began)
            raise StoreError(f"the limit store didn't answer: {type(error).__name__}") from error
        self._in_a_row = 0
        return reply

    async def greet(self) -> None:
        """Ask the server for a sign of life before any request needs it: one that gives none is lost at once, and said to be.

        A wrong address or password would otherwise show only after some requests, long after the proxy was found to be well.
        """
        execute: Callable[..., Awaitable[object]] = self._redis.execute_command
        try:
            async with asyncio.timeout(_PROBE_BUDGET_S):
                await execute("PING")
        except Exception as error:  # noqa: BLE001  whatever it is, no request had better wait for it
            self.failures += 1
            self._lose(error)

    async def close(self) -> None:
        """Stop probing and release the connections."""
        if self._prober is not None:
            self._prober.cancel()
        await self._redis.aclose()
        await self._pool.aclose()

    async def _call(self, keys: Sequence[str], line: str) -> list[bytes]:
        execute: Callable[..., Awaitable[list[bytes]]] = self._redis.execute_command
        try:
            return await execute("EVALSHA", _SHA, len(keys), *keys, line)
        except NoScriptError:
            return await execute("EVAL", SCRIPT, len(keys), *keys, line)

    def _failed(self, error: Exception, began: float) -> None:
        self.failures += 1
        if began < self._failed_at:
            return
        self._failed_at = asyncio.get_running_loop().time()
        self._in_a_row += 1
        if self._in_a_row >= _FAILURES_TO_LOSE:
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        if self.lost:
            return
        self.lost = True
        if self._log is not None:
            self._log.warning("limit_store_lost", reason=type(error).__name__)
        self._prober = asyncio.get_running_loop().create_task(self._regain(), name="limit-store-probe")

    async def _regain(self) -> None:
        while self.lost:
            await asyncio.sleep(uniform(*_PROBE_EVERY_S))
            try:
                await self._pool.disconnect(inuse_connections=False)
                await self._probe()
            except StoreError:
                continue
            except Exception as error:  # noqa: BLE001  a probe that ends would leave the link lost for good
                if self._log is not None:
                    self._log.warning("limit_store_probe_failed", reason=repr(error))
                continue
            self.lost = False
            self._in_a_row = 0
            if self._log is not None:
                self._log.info("limit_store_regained")


def _due(limit: asyncio.Timeout, due: float, budget_s: float) -> None:
    now = asyncio.get_running_loop().time()
    late_s = now - due
    limit.reschedule(now + min(late_s, budget_s) if late_s > _LATE_S else now)
