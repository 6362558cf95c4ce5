"""Connections that begin with a PROXY protocol header: it is taken off before TLS or HTTP see a byte.

Listed peers must send one, nobody else may: what they sent would be read as HTTP, and refused. The header is peeked at and exactly
its bytes are consumed, so that whatever follows is still in the socket for the real protocol.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from proxy.identity.networks import Networks, canonical, parse_network
from proxy.identity.proxy_protocol import ProxyProtocolError, parse_header
from proxy.settings import Listen

LONGEST_HEADER_BYTES: Final = 4112
PAUSE_S: Final = 0.1
"""Before accepting again when the system is out of file descriptors."""


class PrefacedServer:
    """Accepts connections for `factory`, which is given the address that a header names, "" without one."""

    def __init__(self, factory: Callable[[str], asyncio.Protocol], settings: Listen, wait_s: float, context: ssl.SSLContext | None) -> None:
        """`wait_s` bounds the time until a header is complete, and a TLS handshake with it."""
        self._factory = factory
        self._settings = settings
        self._listed = Networks([parse_network(network) for network in settings.proxy_protocol_from])
        self._wait_s = wait_s
        self.context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self.refused = 0
        """Connections closed because their header was missing, broken or late."""
        self.crowded = 0
        """Connections closed because too many others were waiting for theirs."""

    def open(self) -> tuple[str, int]:
        """Bind and accept. Raises OSError when that fails."""
        settings = self._settings
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        self._socket = socket.create_server((settings.host, settings.port), family=family, backlog=settings.backlog)
        self._socket.setblocking(False)
        self._accepting = self._spawn(self._accept())
        host, port = self._socket.getsockname()[:2]
        return host, port

    def close(self) -> None:
        """Accept no more."""
        self._accepting.cancel()
        self._socket.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(self._socket)
            except OSError:
                await asyncio.sleep(PAUSE_S)
                continue
            if len(self._tasks) > self._settings.max_connections:
                self.crowded += 1
                connection.close()
                continue
            self._spawn(self._greet(connection, canonical(address[0])))

    async def _greet(self, connection: socket.socket, peer: str) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                named = await _read_header(connection) if self._listed.contains(peer) else ""
                await asyncio.get_running_loop().connect_accepted_socket(lambda: self._factory(named), connection, ssl=self.context)
        except (OSError, TimeoutError, ProxyProtocolError):
            self.refused += 1
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise


async def _read_header(connection: socket.socket) -> str:
    """The address that the header names, "" when it names none. Raises ProxyProtocolError or OSError."""
    seen = b""
    while True:
        await _readable(connection)
        with suppress(BlockingIOError):
            peeked = connection.recv(LONGEST_HEADER_BYTES, socket.MSG_PEEK)
            if not peeked:
                raise ConnectionResetError
            source = parse_header(seen + peeked)
            if source is not None:
                connection.recv(source.length - len(seen))
                return source.ip
            seen += connection.recv(len(peeked))  # all of it belongs to a header that goes on


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(connection, _tell, ready)
    try:
        await ready
    finally:
        loop.remove_reader(connection)


def _tell(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
