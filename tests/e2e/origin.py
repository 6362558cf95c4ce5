"""An upstream that writes down every byte it gets and answers as it is told."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"

Script = Callable[[socket.socket, bytes], bool]
"""Answers one request (head and body) on its connection; says whether the connection stays open."""


class Request:
    """One request as it arrived."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.head, self.body = head, body
        self.line, *lines = head.split(b"\r\n")
        self.headers = [(name.lower(), value.strip(b" ")) for name, _, value in (line.partition(b":") for line in lines)]

    def values(self, name: bytes) -> list[bytes]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]


def answer_ok(connection: socket.socket, request: bytes) -> bool:
    """An empty JSON object."""
    connection.sendall(OK)
    return True


class Origin:
    """Listens on loopback. Requests are framed by Content-Length alone, which is all that the proxy sends."""

    def __init__(self, script: Script = answer_ok) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.faults: list[Exception] = []
        """What went wrong in scripts."""
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._running = True
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _accept(self) -> None:
        while self._running:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        buffer = b""
        with connection:
            try:
                while True:
                    while b"\r\n\r\n" not in buffer:
                        received = connection.recv(65536)
                        if not received:
                            return
                        buffer += received
                    head, _, buffer = buffer.partition(b"\r\n\r\n")
                    found = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
                    length = int(found[1]) if found else 0
                    while len(buffer) < length:
                        received = connection.recv(65536)
                        if not received:
                            return
                        buffer += received
                    body, buffer = buffer[:length], buffer[length:]
                    self.requests.append(Request(head, body))
                    if not self.script(connection, head + b"\r\n\r\n" + body):
                        return
            except OSError:
                return
            except Exception as error:  # noqa: BLE001 - told to the test that owns the script, when it ends
                self.faults.append(error)

    def close(self) -> None:
        """Stop listening."""
        self._running = False
        self._socket.close()
