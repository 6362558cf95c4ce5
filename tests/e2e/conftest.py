"""What end-to-end tests share: a byte-recording origin, a raw client, a proxy in front of it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Running
from tests.e2e.origin import Origin, Script, answer_ok
from tests.e2e.realtime_model import endpoint, model, proxies, talk  # noqa: F401 - fixtures of the realtime tests

CHAT = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


class Front:
    """A proxy with an origin behind it."""

    def __init__(self, proxy: Running, origin: Origin) -> None:
        self.proxy, self.origin = proxy, origin

    def connect(self) -> socket.socket:
        """A raw connection to the proxy."""
        return socket.create_connection(self.proxy.address, timeout=10)

    def raw(self, data: bytes) -> bytes:
        """Send bytes and read until the proxy closes or a whole answer is there."""
        with self.connect() as client:
            client.sendall(data)
            return read_answer(client)

    def post(self, body: bytes = CHAT, headers: tuple[bytes, ...] = (), path: bytes = b"/v1/chat/completions") -> bytes:
        """One POST with these extra header lines."""
        lines = [
            b"POST " + path + b" HTTP/1.1",
            b"host: proxy",
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            *headers,
        ]
        return self.raw(b"\r\n".join(lines) + b"\r\n\r\n" + body)


def read_answer(client: socket.socket) -> bytes:
    """One answer, as far as it comes."""
    data = b""
    while True:
        head, found, body = data.partition(b"\r\n\r\n")
        if found:
            lower = head.lower()
            if b"content-length: " in lower:
                length = int(lower.split(b"content-length: ")[1].split(b"\r\n")[0])
                if len(body) >= length:
                    return data
            elif body.endswith(b"0\r\n\r\n"):
                return data
        try:
            received = client.recv(65536)
        except (TimeoutError, ConnectionResetError):
            return data
        if not received:
            return data
        data += received


def status(answer: bytes) -> int:
    """The status code; 0 when there was no answer."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.fixture
def front(serve: Callable[..., Running]) -> Iterator[Callable[..., Front]]:
    """Start a proxy with an origin: `front(script, **settings)`."""
    origins: list[Origin] = []

    def start(script: Script = answer_ok, *, upstream: dict[str, Any] | None = None, **settings: Any) -> Front:
        origin = Origin(script)
        origins.append(origin)
        proxy = serve(upstreams=({"name": "origin", "url": origin.url, **(upstream or {})},), **settings)
        return Front(proxy, origin)

    yield start
    for origin in origins:
        origin.close()
    assert [fault for origin in origins for fault in origin.faults] == []
