"""Files that change while the proxy runs: policies, databases, accounts, keys, certificates, secrets. A broken version changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping
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


class Following:
    """`watching` follows every file in a task of its own, `look` looks at all of them once."""

    def __init__(self, parts: Parts, certified: Mapping[str, Certified], log: structlog.typing.FilteringBoundLogger) -> None:
        """`certified`: who holds certificates, by the words of the log."""
        self._parts = parts
        self._certified = certified
        self._log = log
        self._expired: frozenset[str] = frozenset()

    async def look(self) -> None:
        """Look at every file again now."""
        await self._look_at_certificates()
        await asyncio.to_thread(self._refresh)

    def watching(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What runs for ever, to be made tasks of."""
        parts = self._parts
        yield self._look_now_and_then()
        yield parts.policies.watch(lambda status: self._reloaded("policies", status))
        yield parts.geo.watch(LOOK_EVERY_S, self._databases)
        if parts.accounts is not None:
            yield parts.accounts.watch(lambda status: self._reloaded("accounts", status))
        if parts.tokens is not None:
            yield parts.tokens.watch(lambda status: self._reloaded("token keys", status))

    async def _look_now_and_then(self) -> None:
        """Certificates and mounted secrets are replaced without an event."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
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
