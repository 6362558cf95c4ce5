"""Connections to the model endpoint that are kept between requests: what has gone bad in the meantime costs nobody an answer."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from tests.e2e.conftest import CHAT, status
from tests.e2e.origin import OK
from tests.e2e.sharing import recorded

FIRST = CHAT.replace(b"hi", b"first")
KEPT = 4


@pytest.mark.parametrize(
    "late",
    [OK.replace(b"{}", b"[]"), OK[:20], b"HTTP/1.1 408 Request Time-out\r\ncontent-length: 0\r\n\r\n"],
    ids=["a second answer", "half an answer", "a complaint about the silence"],
)
def test_what_comes_after_the_end_of_an_answer_is_nobodys_answer(front, late):
    over, closed = threading.Event(), threading.Event()

    def script(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(OK)
        if b"first" in request:
            assert over.wait(10)
            connection.sendall(late)
            connection.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
            closed.set()
        return True

    proxy = front(script, upstream={"idle_s": 60})
    assert proxy.post(FIRST).endswith(b"{}")
    over.set()
    assert closed.wait(10), "a connection that says what nobody asked for is closed"
    answer = proxy.post()
    assert status(answer) == 200
    assert answer.endswith(b"{}")


def test_a_retry_is_made_on_a_connection_that_is_sound_however_many_are_not(front):
    """As after the model endpoint behind an address was replaced: every kept connection is reset by the first request on it."""
    served: set[socket.socket] = set()
    together = threading.Barrier(KEPT)

    def script(connection: socket.socket, request: bytes) -> bool:
        if connection in served:
            return False
        served.add(connection)
        if b"first" in request:
            together.wait(10)
        connection.sendall(OK)
        return True

    proxy = front(script, upstream={"idle_s": 60})
    records = recorded(proxy.proxy)
    callers = [threading.Thread(target=proxy.post, args=(FIRST,)) for _ in range(KEPT)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert status(proxy.post()) == 200
    assert [record.upstream_retries for record in records] == [0] * KEPT + [1]
    assert len(proxy.origin.requests) == KEPT + 2
