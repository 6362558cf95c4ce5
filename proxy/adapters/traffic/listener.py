"""The traffic listener: accepts connections, hands requests to the handler, and drains without refusing anybody.

aiohttp closes its listener at once on shutdown; here the order is: not ready, still serving with Connection: close, then
no new connections, then open exchanges finish up to a limit, then the rest is cut.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy.adapters.traffic.certificates import Certificates
from proxy.adapters.traffic.downstream import Downstream
from proxy.adapters.traffic.preface import PrefacedServer
from proxy.settings import Caps, Listen

Handle = Callable[[web.BaseRequest], Awaitable[Downstream]]
Refuse = Callable[[Exception | None], tuple[int, bytes, bytes]]

LINGER_S: Final = 2.0
READ_BUFFER_BYTES: Final = 64 * 1024


class ClientWire(RequestHandler):
    """One client connection. What aiohttp's parser refuses is worded by us and logged as a count, not a traceback."""

    named: str = ""
    """The client that a PROXY protocol header named."""
    client: str = ""
    """Address at the other end, or the one named for it; "" for a Unix socket."""
    secure: bool = False
    """It came over TLS."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who is at the other end, once for all requests."""
        peer = transport.get_extra_info("peername")
        self.client = self.named or (peer[0] if isinstance(peer, tuple) else "")
        self.secure = transport.get_extra_info("sslcontext") is not None
        super().connection_made(transport)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to bytes that aren't HTTP, or to a fault of our own."""
        del request, status, message
        assert isinstance(self._manager, Listener)  # noqa: S101 - connections are made by a Listener only
        code, headers, body = self._manager.refuse(exc if isinstance(exc, Exception) else None)
        self.force_close_after_write(code, headers, body)
        return web.Response(status=code)

    def force_close_after_write(self, code: int, headers: bytes, body: bytes) -> None:
        """Write one last answer and close."""
        transport = self.transport
        if transport is not None:
            reason = web.Response(status=code).reason or ""
            transport.write(
                b"HTTP/1.1 %d %b\r\n%bcontent-length: %d\r\nconnection: close\r\n\r\n%b" % (code, reason.encode(), headers, len(body), body)
            )
        self.force_close()


class Listener(web.Server):
    """Server and socket in one. `refuse` words the answer to unparsable bytes (CallerError or None) and counts it."""

    def __init__(self, handle: Handle, refuse: Refuse, settings: Listen, caps: Caps, certificates: Certificates | None = None) -> None:
        quiet = logging.getLogger("proxy.listener")
        quiet.disabled = True
        options: dict[str, Any] = {
            "access_log": None,
            "logger": quiet,
            "keepalive_timeout": caps.header_s,
            "lingering_time": LINGER_S,
            "auto_decompress": False,
            "read_bufsize": READ_BUFFER_BYTES,
            "max_field_size": caps.header_bytes,
            "max_line_size": caps.header_bytes,
        }
        super().__init__(handle, handler_cancellation=True, **options)  # type: ignore[arg-type]  # Downstream answers what aiohttp asks of a response
        self.refuse = refuse
        self._refused = 0
        self._settings = settings
        self._servers: list[asyncio.Server] = []
        self._prefaced: PrefacedServer | None = None
        self._header_s = caps.header_s
        self._certificates = certificates

    def __call__(self, named: str = "") -> RequestHandler:
        """A connection was accepted; `named` is the client that a PROXY protocol header names."""
        wire = ClientWire(self, loop=self._loop, **self._kwargs)
        wire.named = named
        return wire

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Count the connection, or close it when there are too many."""
        if len(self._connections) >= self._settings.max_connections:
            self._refused += 1
            transport.abort()
        super().connection_made(handler, transport)

    async def open(self) -> tuple[str, int]:
        """Bind and listen. Gives the address bound. Raises OSError when that fails."""
        if self._settings.proxy_protocol_from:
            self._prefaced = PrefacedServer(self, self._settings, self._header_s, self._tls)
            return self._prefaced.open()
        server = await self._listen(host=self._settings.host, port=self._settings.port)
        self._servers = [server]
        host, port = server.sockets[0].getsockname()[:2]
        return host, port

    async def _listen(self, **where: Any) -> asyncio.Server:
        if self._tls is not None:
            where |= {"ssl": self._tls, "ssl_handshake_timeout": self._header_s}
        server: asyncio.Server = await asyncio.get_running_loop().create_server(self, backlog=self._settings.backlog, **where)
        return server

    @property
    def _tls(self) -> ssl.SSLContext | None:
        return self._certificates.context if self._certificates is not None else None

    async def refresh_certificates(self) -> bool:
        """Use new certificate files for new connections; says whether there were any. Raises what `Certificates.refresh` raises.

        A context remembers the sessions of clients whom its authorities let in, so nothing of it is kept: the same sockets are
        listened on with the new one, and nobody is refused meanwhile.
        """
        if self._certificates is None or not self._certificates.refresh():
            return False
        if self._prefaced is not None:
            self._prefaced.context = self._tls
        before = self._servers
        same = [socket.socket(fileno=os.dup(each.fileno())) for server in before for each in server.sockets]
        self._servers = [await self._listen(sock=each) for each in same]
        for server in before:
            server.close()
        return True

    def stop_accepting(self) -> None:
        """Close the listening socket; open connections go on."""
        for server in self._servers:
            server.close()
        self._servers = []
        if self._prefaced is not None:
            self._prefaced.close()

    def close_idle(self) -> None:
        """Close connections that carry no request now."""
        for connection in self.connections:
            if not connection._request_in_progress and not connection._messages:
                connection.force_close()
            else:
                connection.close()

    @property
    def refused_connections(self) -> dict[str, int]:
        """Connections closed unserved, by reason: limit, preface."""
        crowded, broken = (self._prefaced.crowded, self._prefaced.refused) if self._prefaced is not None else (0, 0)
        return {"limit": self._refused + crowded, "preface": broken}

    @property
    def open_connections(self) -> int:
        """Client connections open now."""
        return len(self._connections)
