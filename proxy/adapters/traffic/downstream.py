"""The way back to the client: its body is read under caps, answers are written straight to its connection.

An answer goes out as one buffer where it can; a stream is written piece by piece, waiting whenever the client reads slower.
"""

from __future__ import annotations

import asyncio
import socket
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from proxy.adapters.traffic.http1 import Head
from proxy.errors import CallerError, Fault

WRITE_BUFFER_BYTES: Final = 16 * 1024
UNSENT_BYTES: Final = 32 * 1024
"""What the kernel takes of a stream before the client took what came before. A bound on what is under way instead (SO_SNDBUF) would bound
the speed too: to one such buffer a round trip, and on loopback, whose packets are larger than it, to one a delayed acknowledgement."""
BODILESS: Final = frozenset({204, 304})
PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class Downstream:
    """One client exchange. After `send`, or after `start` ... `finish`, it is what aiohttp is handed as the response.

    Writing to a client that left raises ConnectionResetError, and so does one that takes nothing for `stall_s` seconds.
    """

    __slots__ = ("_bodiless", "_chunked", "_protocol", "_stall_s", "closing", "keep_alive", "started", "unbounded")

    def __init__(self, request: web.BaseRequest, stall_s: float) -> None:
        self._stall_s = stall_s
        self._protocol: RequestHandler = request.protocol
        self._chunked = False
        self._bodiless = request.method == "HEAD"
        self.started = False
        """Bytes of an answer have left: it can only be finished or cut, not replaced."""
        self.unbounded = False
        """A streamed answer whose length was not told: more may be added to it."""
        self.closing = False
        self.keep_alive = request.keep_alive

    @property
    def gone(self) -> bool:
        """The client left."""
        transport = self._protocol.transport
        return transport is None or transport.is_closing()

    async def prepare(self, request: web.BaseRequest) -> None:
        """Called by aiohttp after the handler: everything is written already."""

    async def write_eof(self) -> None:
        """Called by aiohttp after the handler."""

    def _status_line(self, status: int, reason: str) -> bytes:
        said = reason if reason and reason.isascii() and reason.isprintable() else PHRASES.get(status, "")
        return f"HTTP/1.1 {status} {said}\r\n".encode("ascii")

    def _connection(self, *, http10: bool) -> bytes:
        if self.closing or not self.keep_alive:
            self.keep_alive = False
            return b"connection: close\r\n"
        return b"connection: keep-alive\r\n" if http10 else b""

    async def send(
        self, status: int, headers: bytes, body: bytes, *, http10: bool = False, reason: str = "", length: int | None = None
    ) -> None:
        """A whole answer as one buffer. `length` overrides Content-Length for an answer to HEAD."""
        self.started = True
        bodiless = self._bodiless or status in BODILESS
        framing = b"" if status in BODILESS else b"content-length: %d\r\n" % (len(body) if length is None else length)
        head = self._status_line(status, reason) + headers + framing + self._connection(http10=http10) + b"\r\n"
        await self._write(head if bodiless else head + body)

    async def start(self, status: int, headers: bytes, length: int | None, *, http10: bool, reason: str = "") -> None:
        """Begin a streamed answer; `length` is None where it isn't known, then the body is chunked or, for HTTP/1.0, ends with the connection."""
        transport = self._protocol.transport
        if transport is None:
            raise ConnectionResetError
        self.started = True
        tighten(transport)
        if length is None and http10:
            self.closing = True
        self.unbounded = length is None
        self._chunked = length is None and not http10
        framing = b"transfer-encoding: chunked\r\n" if self._chunked else b"" if length is None else b"content-length: %d\r\n" % length
        await self._write(self._status_line(status, reason) + headers + framing + self._connection(http10=http10) + b"\r\n")

    async def write(self, piece: bytes) -> None:
        """One piece of a streamed answer."""
        if piece:
            await self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)

    async def finish(self) -> None:
        """The regular end of a streamed answer."""
        if self._chunked:
            await self._write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Break the connection off, so that the client can't take a truncated answer for a whole one."""
        self.keep_alive = False
        if self._protocol.transport is not None:
            self._protocol.transport.abort()

    async def _write(self, data: bytes) -> None:
        protocol = self._protocol
        transport = protocol.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        transport.write(data)
        if protocol._paused:
            await self._drain(protocol)

    async def _drain(self, protocol: RequestHandler) -> None:
        """Wait for a slower client, but not for one that would hold its place among the open exchanges for ever."""
        try:
            async with asyncio.timeout(self._stall_s):
                await protocol._drain_helper()
        except TimeoutError:
            raise ConnectionResetError from None

    def send_continue(self) -> None:
        """Tell a client that waits for it to send its body (RFC 9110, 10.1.1)."""
        if self._protocol.transport is not None:
            self._protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def tighten(transport: asyncio.Transport) -> None:
    """Small buffers for a stream: a client that doesn't read holds 0.13 MiB instead of 1.3 MiB."""
    if transport.get_write_buffer_limits()[1] == WRITE_BUFFER_BYTES:
        return
    transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.family != socket.AF_UNIX:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


async def read_body(content: StreamReader, head: Head, cap_bytes: int, deadline_s: float) -> bytes:
    """The request's body. Raises CallerError when it is larger than `cap_bytes` or takes longer than `deadline_s`."""
    if head.length == 0:
        return b""
    if head.length > cap_bytes:
        raise CallerError(Fault.TOO_LARGE, f"the request body is larger than {cap_bytes} bytes")
    if content.is_eof():
        body = content.read_nowait()
        if len(body) > cap_bytes:
            raise CallerError(Fault.TOO_LARGE, f"the request body is larger than {cap_bytes} bytes")
        return body
    try:
        async with asyncio.timeout(deadline_s):
            return await _read_on(content, cap_bytes)
    except TimeoutError as error:
        raise CallerError(Fault.TOO_SLOW, f"the request body did not arrive within {deadline_s:g} seconds") from error
    except web.RequestPayloadError as error:
        raise CallerError(Fault.MALFORMED, "the request body is not framed correctly", "invalid_framing") from error


async def _read_on(content: StreamReader, cap_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await content.readany():
        size += len(piece)
        if size > cap_bytes:
            raise CallerError(Fault.TOO_LARGE, f"the request body is larger than {cap_bytes} bytes")
        pieces.append(piece)
    return b"".join(pieces)
