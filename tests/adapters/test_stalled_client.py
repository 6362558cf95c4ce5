"""What a client's connection holds of a stream that it doesn't take."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios

from proxy.adapters.traffic.downstream import tighten

MUCH = b"a" * 4_000_000


def _tightened() -> tuple[int, int, int]:
    """Bytes in the kernel for a client that reads nothing, and the bound on them before and after."""

    async def run() -> tuple[int, int, int]:
        loop = asyncio.get_running_loop()
        served = loop.create_future()

        class Serving(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                served.set_result(transport)

        server = await loop.create_server(Serving, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()):
            transport = await served
            raw = transport.get_extra_info("socket")
            before = raw.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            tighten(transport)
            after = raw.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            transport.write(MUCH)
            held = struct.unpack("i", fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
            transport.abort()
        server.close()
        return held, before, after

    return asyncio.run(run())


def test_a_stream_waits_for_a_client_that_takes_nothing_and_never_for_one_that_is_only_far_away():
    held, before, after = _tightened()
    assert held < 300_000
    assert after >= before  # a smaller one would bound the speed to itself in each round trip
