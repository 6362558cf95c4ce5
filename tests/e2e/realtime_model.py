"""A realtime model on loopback that does as it is told, and the fixtures to talk to it through the proxy."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve

from proxy.audit.record import Record
from tests.e2e.sharing import Proxies, recorded

POLICIES = {
    "rules.yaml": """
rules:
  - {id: terms.model, when: "request.model == 'forbidden'", then: {refuse: {code: not_offered, message: Not offered.}}}
  - {id: terms.words, when: "'secrets' in request.patterns", then: {refuse: {code: no_secrets, message: No secrets.}}}
  - {id: terms.short, when: "request.endpoint == 'realtime' && request.model == 'clamped'", then: {clamp: {max_tokens: 64}}}
  - {id: terms.strip, when: "request.model == 'thinker'", then: {strip: [logprobs]}}
patterns:
  secrets: {values: ["launch codes?"]}
"""
}
USAGE = {"total_tokens": 300, "input_tokens": 100, "output_tokens": 200}


def spoken(text: str) -> dict[str, Any]:
    return {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]},
    }


def _realtime(_: ServerConnection, offered: Any) -> Any:
    return "realtime" if "realtime" in offered else None


class Model:
    """A realtime model endpoint: writes down events, answers response.create, and does what a test tells it to."""

    def __init__(self) -> None:
        self.forget()
        self._server: Server = serve(self._talk, "127.0.0.1", 0, select_subprotocol=_realtime, max_size=None)
        self.url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forget(self) -> None:
        """Begin anew."""
        self.events: list[dict[str, Any]] = []
        self.requests: list[Any] = []
        self.closed = threading.Event()
        self.close_code = 0
        self.usage: dict[str, Any] | None = USAGE

    def _talk(self, connection: ServerConnection) -> None:
        self.requests.append(connection.request)
        events, closed = self.events, self.closed
        try:
            connection.send(json.dumps({"type": "session.created", "session": {}}))
            for number, message in enumerate(connection):
                event = json.loads(message)
                events.append(event)
                if event["type"] in {"response.create", "input_audio_buffer.commit"}:
                    self._respond(connection, number)
                elif event["type"] == "conversation.item.delete":
                    connection.close(4000, "as told")
        except ConnectionClosed:
            pass
        self.close_code = connection.close_code or 0
        closed.set()

    def _respond(self, connection: ServerConnection, number: int) -> None:
        name = f"resp_{number}"
        connection.send(json.dumps({"type": "response.created", "response": {"id": name}}))
        connection.send(
            json.dumps({"type": "response.output_text.delta", "response_id": name, "delta": "Hello", "logprobs": [{"token": "Hello"}]})
        )
        connection.send(json.dumps({"type": "response.done", "response": {"id": name, "status": "completed", "usage": self.usage}}))

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Model]:
    """The model endpoint of all tests here."""
    found = Model()
    yield found
    found.stop()


@pytest.fixture
def model(endpoint: Model) -> Model:
    """The model endpoint as if nobody had called it yet."""
    endpoint.forget()
    return endpoint


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    """Proxies shared by the tests here."""
    found = Proxies(tmp_path_factory.mktemp("realtime"))
    yield found
    found.stop()


@pytest.fixture
def talk(proxies: Proxies, model: Model) -> Iterator[Callable[..., tuple[ClientConnection, list[Record]]]]:
    """Open a session: `talk(policies, name="m")` gives the client's side and the records from then on."""
    opened = ExitStack()
    accounts = count(1)

    def start(policies: Any = POLICIES, name: str = "m", account: str = "", **settings: Any) -> tuple[ClientConnection, list[Record]]:
        proxy = proxies.get(policies, upstreams=({"name": "model", "url": model.url},), **settings)
        records = recorded(proxy)
        call = connect(
            proxy.url.replace("http://", "ws://") + f"/v1/realtime?model={name}", max_size=None, close_timeout=2,
            additional_headers=[("authorization", f"Bearer sk-{account or next(accounts)}")],
        )  # fmt: skip
        return opened.enter_context(call), records

    with opened:
        yield start


def until(client: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(client.recv(5))
        if event["type"] == kind:
            return event


def ended(client: ClientConnection) -> tuple[int, str, dict[str, Any]]:
    """Close code and reason, and the last event before them."""
    last: dict[str, Any] = {}
    try:
        while True:
            last = json.loads(client.recv(5))
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason, last) if closed.rcvd else (0, "", last)


def wait_for(records: list[Any]) -> None:
    for _ in range(200):
        if records:
            return
        threading.Event().wait(0.02)
    raise AssertionError("no record")
