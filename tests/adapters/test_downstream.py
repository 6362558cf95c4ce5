"""An answer as the client gets it, byte by byte, and a body under its caps. Over the wire: tests/e2e/test_streams.py and test_request_bodies.py."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader

from proxy.adapters.traffic.downstream import WRITE_BUFFER_BYTES, Downstream, read_body
from proxy.adapters.traffic.http1 import Head
from proxy.errors import CallerError, Fault


class Connection(BaseProtocol):
    """Our end of a client's connection, as aiohttp holds it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.lost = asyncio.Event()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


Steps = Callable[[Downstream, Connection], Awaitable[object]]


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Connection, socket.socket]]:
    """Both ends of a connection; ours is closed at the end."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    with theirs:
        transport, protocol = await loop.connect_accepted_socket(lambda: Connection(loop), ours)
        yield protocol, theirs
        transport.close()
        await protocol.lost.wait()


def answered(steps: Steps, *, method: str = "POST", keep_alive: bool = True) -> bytes:
    """What the client reads until the connection is closed, which it is after the steps."""

    async def run() -> bytes:
        async with connected() as (protocol, client):
            request: Any = SimpleNamespace(protocol=protocol, method=method, keep_alive=keep_alive)
            await steps(Downstream(request, stall_s=0.05), protocol)
            if protocol.transport is not None:
                protocol.transport.close()
            return await asyncio.to_thread(lambda: b"".join(iter(lambda: client.recv(65536), b"")))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "keep_alive", "said", "expected"),
    [
        pytest.param("POST", True, {}, b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 2\r\n\r\n{}", id="a whole answer"),
        pytest.param("POST", True, {"reason": "Fine"}, b"HTTP/1.1 200 Fine\r\na: b\r\ncontent-length: 2\r\n\r\n{}", id="the upstream's reason"),
        pytest.param("POST", True, {"status": 599}, b"HTTP/1.1 599 \r\na: b\r\ncontent-length: 2\r\n\r\n{}", id="a status without a phrase"),
        pytest.param("POST", True, {"http10": True}, b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n{}", id="HTTP/1.0"),
        pytest.param("POST", False, {}, b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}", id="the last answer"),
        pytest.param("HEAD", True, {}, b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 2\r\n\r\n", id="to HEAD"),
        pytest.param("HEAD", True, {"length": 9}, b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 9\r\n\r\n", id="to HEAD with the length of GET"),
        pytest.param("HEAD", True, {"length": 0}, b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 0\r\n\r\n", id="to HEAD with no length"),
        pytest.param("POST", True, {"status": 204}, b"HTTP/1.1 204 No Content\r\na: b\r\n\r\n", id="no content"),
        pytest.param("POST", True, {"status": 304}, b"HTTP/1.1 304 Not Modified\r\na: b\r\n\r\n", id="not modified"),
    ],
)  # fmt: skip
def test_a_whole_answer_has_its_framing_and_a_body_where_it_may(method, keep_alive, said, expected):
    async def steps(down: Downstream, _: Connection) -> None:
        await down.send(**{"status": 200, "headers": b"a: b\r\n", "body": b"{}", **said})
        assert (down.started, down.unbounded, down.keep_alive) == (True, False, keep_alive)

    assert answered(steps, method=method, keep_alive=keep_alive) == expected


@pytest.mark.parametrize(
    ("length", "http10", "expected", "lasting"),
    [
        pytest.param(None, False, b"transfer-encoding: chunked\r\n\r\n10\r\nfirst and second\r\n1\r\n!\r\n0\r\n\r\n", True, id="chunked"),
        pytest.param(17, False, b"content-length: 17\r\n\r\nfirst and second!", True, id="of a known length"),
        pytest.param(
            17, True, b"content-length: 17\r\nconnection: keep-alive\r\n\r\nfirst and second!", True, id="HTTP/1.0 of a known length"
        ),
        pytest.param(None, True, b"connection: close\r\n\r\nfirst and second!", False, id="HTTP/1.0 up to the end of the connection"),
    ],
)
def test_a_stream_is_framed_by_what_is_known_of_its_length(length, http10, expected, lasting):
    async def steps(down: Downstream, _: Connection) -> None:
        assert not down.started
        await down.start(200, b"a: b\r\n", length, http10=http10)
        assert (down.started, down.unbounded, down.keep_alive) == (True, length is None, lasting)
        for piece in (b"first and second", b"", b"!"):
            await down.write(piece)
        await down.finish()

    assert answered(steps) == b"HTTP/1.1 200 OK\r\na: b\r\n" + expected


def test_an_answer_is_the_last_on_its_connection_where_we_say_so():
    async def steps(down: Downstream, _: Connection) -> None:
        down.closing = True
        await down.send(200, b"", b"")
        assert not down.keep_alive

    assert answered(steps) == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def test_a_client_that_waits_is_told_to_go_on():
    async def steps(down: Downstream, _: Connection) -> None:
        down.send_continue()

    assert answered(steps) == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_nothing_can_be_said_to_a_client_that_left():
    async def steps(down: Downstream, protocol: Connection) -> None:
        assert not down.gone
        assert protocol.transport is not None
        protocol.transport.close()
        assert down.gone
        with pytest.raises(ConnectionResetError):
            await down.send(200, b"", b"")
        await protocol.lost.wait()
        assert down.gone
        for what in (down.start(200, b"", None, http10=False), down.write(b"x")):
            with pytest.raises(ConnectionResetError):
                await what
        down.send_continue()
        down.cut()

    assert answered(steps) == b""


def test_an_answer_that_is_cut_breaks_off_and_its_connection_is_not_used_again():
    async def steps(down: Downstream, _: Connection) -> None:
        await down.start(200, b"", None, http10=False)
        down.cut()
        assert (down.gone, down.keep_alive) == (True, False)

    assert b"0\r\n\r\n" not in answered(steps)


def test_a_stream_has_a_small_buffer_and_a_client_that_takes_nothing_is_given_up():
    async def steps(down: Downstream, protocol: Connection) -> None:
        await down.start(200, b"", None, http10=False)
        transport = protocol.transport
        assert transport is not None
        assert transport.get_write_buffer_limits()[1] == WRITE_BUFFER_BYTES
        with pytest.raises(ConnectionResetError):
            await down.write(b"x" * 1_000_000)
        transport.abort()

    answered(steps)


def read(given: list[bytes], length: int, *, ended: bool = True, deadline_s: float = 10, error: Exception | None = None) -> bytes:
    """The body made of these pieces under a cap of ten bytes; the last comes while it is waited for, unless all had `ended` before."""

    async def run() -> bytes:
        async with connected() as (protocol, _):
            content = StreamReader(protocol, 2**16, loop=protocol._loop)

            def end() -> None:
                if error is not None:
                    content.set_exception(error)
                elif deadline_s:
                    content.feed_data(given[-1])
                    content.feed_eof()

            for piece in given[:-1]:
                content.feed_data(piece)
            if ended:
                end()
            else:
                protocol._loop.call_soon(end)
            return await read_body(content, Head("POST", "/", "", [], "h", "", "", length, False, False, ""), 10, deadline_s)

    return asyncio.run(run())


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("length", [10, -1])
def test_a_body_is_read_up_to_its_cap(length, ended):
    assert read([b"12345", b"67890"], length, ended=ended) == b"1234567890"
    with pytest.raises(CallerError) as caught:
        read([b"12345", b"678901"], length, ended=ended)
    assert caught.value.fault is Fault.TOO_LARGE


def test_a_body_that_says_it_is_too_large_is_refused_unread_and_none_is_waited_for_where_none_is():
    with pytest.raises(CallerError) as caught:
        read([b"", b""], 11, ended=False)
    assert caught.value.fault is Fault.TOO_LARGE
    assert read([b"not of this request"], 0) == b""
    assert read([b""], -1) == b""


@pytest.mark.parametrize(
    ("how", "fault", "code"),
    [
        ({"deadline_s": 0}, Fault.TOO_SLOW, "request_timeout"),
        ({"error": web.RequestPayloadError("odd")}, Fault.MALFORMED, "invalid_framing"),
    ],
    ids=["too slow", "badly framed"],
)
def test_a_body_that_does_not_arrive_whole_is_the_callers_fault(how, fault, code):
    with pytest.raises(CallerError) as caught:
        read([b"1", b"2"], 2, ended=False, **how)
    assert (caught.value.fault, caught.value.code) == (fault, code)
