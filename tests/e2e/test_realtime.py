"""Realtime sessions through the proxy, with a real WebSocket on either side."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import openai
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve

from proxy.audit.record import Record
from tests.conftest import OPEN
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


def _item(text: str) -> dict[str, Any]:
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


def _until(client: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(client.recv(5))
        if event["type"] == kind:
            return event


def _end(client: ClientConnection) -> tuple[int, str, dict[str, Any]]:
    """Close code and reason, and the last event before them."""
    last: dict[str, Any] = {}
    try:
        while True:
            last = json.loads(client.recv(5))
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason, last) if closed.rcvd else (0, "", last)


def test_a_conversation_passes_and_its_usage_is_recorded(talk, model):
    client, records = talk()
    _until(client, "session.created")
    client.send(json.dumps({"type": "session.update", "session": {"instructions": "Be kind."}}))
    client.send(json.dumps(_item("hi")))
    client.send(json.dumps({"type": "response.create"}))
    assert _until(client, "response.done")["response"]["usage"] == USAGE
    client.close()
    assert model.closed.wait(5)
    assert model.close_code == 1000
    assert [event["type"] for event in model.events] == ["session.update", "conversation.item.create", "response.create"]
    _wait_for(records)
    record = records[0]
    assert (record.outcome, record.status, record.endpoint, record.model, record.upstream) == ("allowed", 101, "realtime", "m", "model")
    assert (record.usage.input_tokens, record.usage.output_tokens, record.usage.estimated) == (100, 200, False)


def _wait_for(records: list[Any]) -> None:
    for _ in range(200):
        if records:
            return
        threading.Event().wait(0.02)
    raise AssertionError("no record")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update", "session": {"instructions": "Tell the launch code."}},
        _item("the launch codes"),
        {"type": "response.create", "response": {"instructions": "launch code"}},
        {"type": "session.update", "session": {"model": "forbidden"}},
    ],
)
def test_a_refused_event_ends_the_session_with_a_policy_code_and_an_error_event(talk, model, event):
    client, records = talk()
    client.send(json.dumps(event))
    code, reason, last = _end(client)
    assert code == 4403
    assert reason == last["error"]["message"]
    assert last["type"] == "error"
    assert model.closed.wait(5)
    assert model.events == []
    _wait_for(records)
    assert (records[0].outcome, records[0].rule) in {("refused", "terms.words"), ("refused", "terms.model")}


def test_a_refused_session_never_opens(talk, model):
    with pytest.raises(InvalidStatus) as refused:
        talk(name="forbidden")
    assert refused.value.response.status_code == 403
    assert refused.value.response.headers["x-tosproxy-rule"] == "terms.model"
    assert b"Not offered." in refused.value.response.body
    assert model.requests == []


@pytest.mark.parametrize(
    "message",
    [
        '{"type":"response.cancel","type":"response.create"}',
        '{"type":"unheard.of"}',
        "not json",
        "[]",
        '{"type":"session.update","session":[]}',
    ],
)
def test_an_event_with_two_readings_or_none_ends_the_session(talk, model, message):
    client, _ = talk()
    client.send(message)
    code, _, last = _end(client)
    assert (code, last["type"]) == (1008, "error")
    assert model.closed.wait(5)
    assert model.events == []


def test_parameters_are_lowered_and_a_session_is_bounded_before_it_is_told_anything(talk, model):
    client, _ = talk(name="clamped")
    client.send(json.dumps({"type": "response.create", "response": {"max_output_tokens": 4000}}))
    _until(client, "response.done")
    assert model.events[0] == {"type": "session.update", "session": {"type": "realtime", "max_output_tokens": 64}}
    assert model.events[1]["response"]["max_output_tokens"] == 64


def test_parts_of_the_answer_are_stripped(talk, model):
    client, _ = talk(name="thinker")
    client.send(json.dumps({"type": "response.create"}))
    delta = _until(client, "response.output_text.delta")
    assert delta["delta"] == "Hello"
    assert not delta.get("logprobs")


def _budget(count: str, burst: int) -> dict[str, str]:
    return {**OPEN, "l.yaml": f"limits:\n  - {{id: budget.{count}, per: [account.id], count: {count}, rate: 1/1h, burst: {burst}}}\n"}


def test_each_response_is_reserved_and_settled_and_a_spent_budget_denies_the_next(talk, model):
    client, records = talk(_budget("total_tokens", 1200))
    for _ in range(2):
        client.send(json.dumps({"type": "response.create", "response": {"max_output_tokens": 500}}))
    assert _until(client, "response.done")["response"]["usage"] == USAGE
    assert _until(client, "response.done")["response"]["usage"] == USAGE
    client.send(json.dumps({"type": "response.create", "response": {"max_output_tokens": 800}}))
    assert _until(client, "error")["error"]["code"] == "rate_limit_exceeded"
    client.send(json.dumps({"type": "response.create", "response": {"max_output_tokens": 400}}))
    assert _until(client, "response.done"), "a denial ends nothing"
    client.close()
    _wait_for(records)
    assert records[0].usage.total_tokens == 900


def test_responses_that_the_server_begins_by_itself_are_paid_for_too(talk, model):
    client, records = talk(_budget("requests", 3))
    for _ in range(2):
        client.send(json.dumps({"type": "input_audio_buffer.commit"}))
        _until(client, "response.done")
    client.send(json.dumps({"type": "input_audio_buffer.commit"}))
    assert _end(client)[0] == 4429
    assert model.closed.wait(5)
    _wait_for(records)
    assert (records[0].outcome, records[0].rule, records[0].usage.total_tokens) == ("limited", "budget.requests", 600)


def test_usage_that_the_server_leaves_out_is_estimated(talk, model):
    model.usage = None
    client, records = talk()
    client.send(json.dumps({"type": "response.create", "response": {"max_output_tokens": 70}}))
    _until(client, "response.done")
    client.close()
    _wait_for(records)
    assert records[0].usage.output_tokens == 70
    assert records[0].usage.estimated


def test_a_session_holds_a_place_until_it_ends(talk, model):
    limit = {**OPEN, "l.yaml": "limits:\n  - {id: budget.open, per: [account.id], count: concurrent, max: 1}\n"}
    client, _ = talk(limit, account="one")
    with pytest.raises(InvalidStatus) as denied:
        talk(limit, account="one")
    assert denied.value.response.status_code == 429
    client.close()
    assert model.closed.wait(5)
    assert any(_opens(talk, limit) for _ in range(100)), "the place was never given back"


def _opens(talk: Any, limit: Any) -> bool:
    try:
        talk(limit, account="one")[0].close()
    except InvalidStatus:
        threading.Event().wait(0.02)
        return False
    return True


def test_headers_secrets_and_subprotocols_are_handled_like_anywhere_else(serve, model, monkeypatch):
    monkeypatch.setenv("UPSTREAM_KEY", "operator-secret")
    inject = ({"header": "x-operator", "value_env": "UPSTREAM_KEY"},)
    proxy = serve(upstreams=({"name": "model", "url": model.url, "inject": inject},))
    with connect(
        proxy.url.replace("http", "ws") + "/v1/realtime?model=m",
        subprotocols=["realtime", "openai-insecure-api-key.sk-browser", "openai-beta.realtime-v1"],  # type: ignore[list-item]
        additional_headers=[("x-operator", "client"), ("x-forwarded-for", "9.9.9.9"), ("x-kept", "yes"), ("cookie", "a=b")],
    ) as client:
        assert client.subprotocol == "realtime"
        _until(client, "session.created")
        headers = model.requests[0].headers
        assert client.response is not None
        assert client.response.headers["x-tosproxy-decision"]
        assert "aiohttp" not in client.response.headers["server"]
    assert headers.get_all("x-operator") == ["operator-secret"]
    assert headers.get_all("authorization") == ["Bearer sk-browser"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-kept"] == "yes"
    assert "sk-browser" not in headers["sec-websocket-protocol"]
    assert "sec-websocket-extensions" not in headers


def test_a_message_above_the_cap_ends_the_session(talk, model):
    client, _ = talk(caps={"body_bytes": 20_000})
    client.send(json.dumps(_item("a" * 30_000)))
    assert _end(client)[0] == 1009
    assert model.closed.wait(5)


def test_bytes_that_are_not_text_end_the_session(talk, model):
    client, _ = talk()
    client.send(b"\x00\x01")
    assert _end(client)[0] == 1003


def test_a_client_that_vanishes_closes_the_upstream(talk, model):
    client, records = talk()
    _until(client, "session.created")
    client.socket.shutdown(socket.SHUT_RDWR)
    client.socket.close()
    assert model.closed.wait(5)
    _wait_for(records)
    assert records[0].outcome in {"client_gone", "allowed"}


def test_the_upstreams_close_reaches_the_client(talk, model):
    client, _ = talk()
    client.send(json.dumps({"type": "conversation.item.delete", "item_id": "x"}))
    assert _end(client)[:2] == (4000, "as told")


def test_an_upstream_that_takes_no_session_is_a_502(front):
    proxy = front()
    lines = b"GET /v1/realtime?model=m HTTP/1.1\r\nhost: p\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    answer = proxy.raw(lines + b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"refused the session with status 200" in answer


ELSEWHERE = (
    (b"GET /v1/models", b"", b"unexpected_upgrade"),
    (b"POST /v1/chat/completions", b"", b"unexpected_upgrade"),
    (b"GET /v1/realtime?model=a&model=b", b"", b"invalid_query"),
    (b"GET /v1/realtime?call_id=rtc_1", b"", b"invalid_query"),
    (b"GET /openai/realtime?deployment=a&model=b", b"", b"invalid_query"),
    (b"GET /v1/realtime?model=m", b"content-length: 1\r\n", b"upgrade_required"),
)


def test_upgrades_elsewhere_and_ambiguous_sessions_are_refused(front):
    proxy = front()
    for target, more, code in ELSEWHERE:
        head = target + b" HTTP/1.1\r\nhost: p\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        answer = proxy.raw(head + more + b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert code in answer
    plain = proxy.raw(b"GET /v1/realtime?model=m HTTP/1.1\r\nhost: p\r\n\r\n")
    assert plain.startswith(b"HTTP/1.1 400 ")
    assert b"upgrade_required" in plain
    assert proxy.origin.requests == []


@pytest.mark.filterwarnings("ignore:connect:DeprecationWarning")  # the SDK connects as websockets 17 would rather not
def test_the_official_sdk_talks_and_is_refused(proxies, model):
    proxy = proxies.get(POLICIES, upstreams=({"name": "model", "url": model.url},))
    with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-1") as client, client.realtime.connect(model="m") as session:
        session.conversation.item.create(item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]})
        session.response.create()
        kinds = []
        for event in session:
            kinds.append(event.type)
            if event.type == "response.done":
                break
        assert kinds == ["session.created", "response.created", "response.output_text.delta", "response.done"]
        session.response.create(response={"instructions": "the launch code"})
        refused: Any = next(iter(session))
        assert (refused.type, refused.error.code) == ("error", "no_secrets")


def test_sessions_are_told_when_the_process_ends(serve, model):
    proxy = serve(upstreams=({"name": "model", "url": model.url},))
    records = recorded(proxy)
    with connect(proxy.url.replace("http", "ws") + "/v1/realtime?model=m") as client:
        _until(client, "session.created")
        asyncio.run_coroutine_threadsafe(proxy.server.handler.end_open(2), proxy.loop)
        code, _, last = _end(client)
    assert (code, last["error"]["code"]) == (1012, "server_stopping")
    assert model.closed.wait(5)
    _wait_for(records)
    assert records[0].outcome == "cut"
