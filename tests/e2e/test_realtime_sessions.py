"""How realtime sessions open and end: headers, caps, closes on either side, and the official SDK."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import openai
import pytest
from websockets.sync.client import connect

from proxy.detection.detector import Detector
from tests.conftest import OPEN
from tests.e2e.realtime_model import POLICIES, ended, spoken, until, wait_for
from tests.e2e.sharing import recorded


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
        until(client, "session.created")
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


def test_a_session_takes_no_credential_along_beside_the_operators(serve, model, monkeypatch):
    monkeypatch.setenv("UPSTREAM_KEY", "operator-secret")
    proxy = serve(upstreams=({"name": "model", "url": model.url, "inject": ({"header": "api-key", "value_env": "UPSTREAM_KEY"},)},))
    with connect(
        proxy.url.replace("http", "ws") + "/v1/realtime?key=sk-browser&model=m",
        subprotocols=["realtime", "openai-insecure-api-key.sk-browser"],  # type: ignore[list-item]
    ) as client:
        until(client, "session.created")
    assert model.requests[0].path == "/v1/realtime?model=m"
    assert model.requests[0].headers.get_all("api-key") == ["operator-secret"]
    assert "sk-browser" not in str(model.requests[0].headers)


def test_a_message_above_the_cap_ends_the_session(talk, model):
    client, _ = talk(caps={"body_bytes": 20_000})
    client.send(json.dumps(spoken("a" * 30_000)))
    assert ended(client)[0] == 1009
    assert model.closed.wait(5)


def test_bytes_that_are_not_text_end_the_session(talk, model):
    client, _ = talk()
    client.send(b"\x00\x01")
    assert ended(client)[0] == 1003


def test_a_client_that_vanishes_closes_the_upstream(talk, model):
    client, records = talk()
    until(client, "session.created")
    client.socket.shutdown(socket.SHUT_RDWR)
    client.socket.close()
    assert model.closed.wait(5)
    wait_for(records)
    assert records[0].outcome in {"client_gone", "allowed"}


def test_the_upstreams_close_reaches_the_client(talk, model):
    client, _ = talk()
    client.send(json.dumps({"type": "conversation.item.delete", "spokenid": "x"}))
    assert ended(client)[:2] == (4000, "as told")


def test_an_address_may_name_one_model_by_an_alias_of_it(serve, model):
    proxy = serve({**OPEN, "m.yaml": "models: {aliases: {short: m}}\n"}, upstreams=({"name": "model", "url": model.url},))
    records = recorded(proxy)
    with connect(proxy.url.replace("http", "ws") + "/openai/realtime?api-version=2025-04-01-preview&deployment=short&model=m") as client:
        until(client, "session.created")
    wait_for(records)
    assert (records[0].model, records[0].dialect) == ("m", "azure")


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
        until(client, "session.created")
        asyncio.run_coroutine_threadsafe(proxy.server.handler.end_open(2), proxy.loop)
        code, _, last = ended(client)
    assert (code, last["error"]["code"]) == (1012, "server_stopping")
    assert model.closed.wait(5)
    wait_for(records)
    assert records[0].outcome == "cut"


def test_a_detector_that_fails_is_told_and_ends_no_session(serve, model, monkeypatch):
    proxy = serve(upstreams=({"name": "model", "url": model.url},))
    records = recorded(proxy)
    for name in ("started", "finished"):
        monkeypatch.setattr(Detector, name, lambda *_: 1 / 0)
    with connect(proxy.url.replace("http", "ws") + "/v1/realtime?model=m", additional_headers=[("authorization", "Bearer k")]) as client:
        client.send(json.dumps(spoken("hello")))
        client.send(json.dumps({"type": "response.create"}))
        until(client, "response.done")
    wait_for(records)
    assert (records[0].outcome, records[0].usage.output_tokens) == ("allowed", 200)
    assert {line["error"] for line in proxy.events if line["event"] == "fault"} == {"ZeroDivisionError"}
