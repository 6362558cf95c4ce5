"""Files that change while the proxy runs: policies, databases, accounts, keys, certificates, secrets. A broken version changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

import structlog

from proxy.adapters.building import Parts
from proxy.adapters.geo import DatabaseStatus
from proxy.errors import ConfigError

LOOK_EVERY_S: Final = 5.0


class Certified(Protocol):
    """Whatever listens or calls with certificates from files."""

    async def refresh_certificates(self) -> bool:
        """Use new files for new connections; says whether there were any. Raises ConfigError once for each broken version."""


class Followed(Protocol):
    """Something read from files, that says when they change."""

    @property
    def status(self) -> Any:
        """What is in force, and what is wrong with the files."""

    def refresh(self) -> bool:
        """Read the files again if they changed; says whether what is in force did."""

    async def watch(self, report: Callable[[Any], None], look_every_s: float) -> None:
        """Follow them until cancelled."""


class Following:
    """`watching` follows every file in a task of its own, `look` looks at all of them once."""

    def __init__(
        self,
        parts: Parts,
        certified: Mapping[str, Certified],
        log: structlog.typing.FilteringBoundLogger,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """`certified`: who holds certificates, by the words of the log."""
        self._parts = parts
        self._certified = certified
        self._log = log
        self._look_every_s = look_every_s
        self._expired: frozenset[str] = frozenset()

    async def look(self) -> None:
        """Look at every file again now."""
        await self._look_at_certificates()
        await asyncio.to_thread(self._refresh)

    def watching(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What runs for ever, to be made tasks of."""
        parts, every_s = self._parts, self._look_every_s
        yield self._ever("certificates and secrets", self._look_now_and_then)
        yield self._ever("region databases", lambda: parts.geo.watch(every_s, self._databases))
        yield self._follow("policies", parts.policies)
        if parts.accounts is not None:
            yield self._follow("accounts", parts.accounts)
        if parts.tokens is not None:
            yield self._follow("token keys", parts.tokens)

    def _follow(self, what: str, part: Followed) -> Coroutine[Any, Any, None]:
        async def look() -> None:
            before = part.status
            await asyncio.to_thread(part.refresh)
            if part.status != before:
                self._reloaded(what, part.status)

        return self._ever(what, lambda: part.watch(lambda status: self._reloaded(what, status), self._look_every_s), look)

    async def _ever(self, what: str, watch: Callable[[], Awaitable[None]], look: Callable[[], Awaitable[None]] | None = None) -> None:
        """Watch, whatever happens: where the system has no watches left, or the folder is away, look now and then until it can be watched."""
        told = ""
        while True:
            try:
                return await watch()
            except Exception as error:  # noqa: BLE001 - a task that ends would leave old terms in force for good
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            if reason != told:
                self._log.error("can't be watched, looked at now and then instead", what=what, reason=reason)
                told = reason
            await asyncio.sleep(self._look_every_s)
            if look is not None:
                await look()

    async def _look_now_and_then(self) -> None:
        """Certificates and mounted secrets are replaced without an event."""
        while True:
            await asyncio.sleep(self._look_every_s)
            await self._look_at_certificates()
            self.look_at_days()
            for what in await asyncio.to_thread(self._refresh_secrets):
                self._log.info("reloaded", what=what)

    async def _look_at_certificates(self) -> None:
        for what, holder in self._certified.items():
            try:
                if await holder.refresh_certificates():
                    self._log.info("reloaded", what=what)
            except ConfigError as error:
                self._turned_down(what, error.problems)

    def _refresh_secrets(self) -> list[str]:
        """Read secrets again; whose are new."""
        new = ["admin token"] if self._parts.admin_token.refresh() else []
        named = [(upstream.settings.name, secret) for upstream in self._parts.upstreams for _, secret in upstream.secrets]
        return new + [f"secret of {name}" for name, secret in named if secret.refresh()]

    def _refresh(self) -> None:
        parts = self._parts
        for part in (parts.policies, parts.geo, parts.accounts, parts.tokens):
            if part is not None:
                part.refresh()
        self._refresh_secrets()

    def look_at_days(self) -> None:
        """Rules and waivers end without anybody touching a file: say so when they do, and at the start."""
        expired = self._parts.policies.status.expired
        if ended := sorted(set(expired) - self._expired):
            self._log.warning("expired", ended=ended, meaning="they do nothing any more")
        self._expired = frozenset(expired)

    def _databases(self, told: Iterable[DatabaseStatus]) -> None:
        problems = [database.problem for database in told if database.problem]
        if problems:
            self._turned_down("region databases", problems)
        else:
            self._log.info("reloaded", what="region databases")

    def _reloaded(self, what: str, status: Any) -> None:
        problems = getattr(status, "problems", ())
        if problems:
            self._turned_down(what, problems)
        else:
            self._log.info("reloaded", what=what, revision=getattr(status, "revision", ""))

    def _turned_down(self, what: str, problems: Any) -> None:
        self._log.error("not reloaded, the last good version stays in force", what=what, problems=[str(problem) for problem in problems])
