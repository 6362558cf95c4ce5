"""An upstream need not read a request to its end: what it answers before is relayed, and what it never answers is given up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import Front, status
from tests.e2e.origin import Origin

LARGE = b'{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,%b"}}]}]}' % (
    b"A" * 12_000_000
)
"""More than both sockets' buffers hold."""


class Impatient(Origin):
    """Reads the head of a request, then does as it is told with the connection, which stays open until the end."""

    def __init__(self, told: Callable[[socket.socket], object]) -> None:
        self.over = threading.Event()
        self._told = told
        super().__init__()

    def _converse(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            self._told(connection)
            self.over.wait(60)


@pytest.fixture
def impatient(serve) -> Iterator[Callable[..., Front]]:
    origins: list[Impatient] = []

    def start(told: Callable[[socket.socket], object], **upstream: object) -> Front:
        origins.append(Impatient(told))
        return Front(serve(upstreams=({"name": "origin", "url": origins[-1].url, **upstream},)), origins[-1])

    yield start
    for origin in origins:
        origin.over.set()
        origin.close()


def test_an_answer_to_a_request_that_is_still_being_sent_is_relayed(impatient):
    refusal = b'HTTP/1.1 413 Too Large\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"error":"big"}'
    answer = impatient(lambda connection: connection.sendall(refusal)).post(LARGE)
    assert status(answer) == 413
    assert answer.endswith(b'{"error":"big"}')


def test_an_upstream_that_reads_no_further_is_given_up_when_its_time_is_over(impatient):
    answer = impatient(lambda connection: None, read_s=0.5).post(LARGE)
    assert status(answer) == 504
    assert b'"code":"upstream_timeout"' in answer
