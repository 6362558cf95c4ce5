"""What two HTTP parsers could read differently never reaches the upstream; what does reach it is what was judged."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import CHAT, status


def test_every_byte_of_a_header_value_arrives_unchanged_or_is_refused(front):
    """A plain aiohttp proxy silently drops 128 of the 256."""
    proxy = front()
    for byte in range(256):
        value = b"a" + bytes([byte]) + b"b"
        before = len(proxy.origin.requests)
        code = status(proxy.post(headers=(b"x-probe: " + value,)))
        if code == 200:
            assert proxy.origin.requests[-1].values(b"x-probe") == [value]
        else:
            assert code in {400, 0} or byte in b"\r\n"
            assert len(proxy.origin.requests) == before or byte in b"\r\n"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"POST http://evil.example/v1/chat/completions HTTP/1.1\r\nhost: proxy", id="absolute target"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nhost: proxy", id="asterisk target"),
        pytest.param(b"CONNECT evil.example:443 HTTP/1.1\r\nhost: proxy", id="connect"),
        pytest.param(b"POST //evil.example/v1/chat/completions HTTP/1.1\r\nhost: proxy", id="double slash"),
        pytest.param(b"POST /\\evil.example HTTP/1.1\r\nhost: proxy", id="backslash"),
        pytest.param(b"POST /v1/chat/completions#f HTTP/1.1\r\nhost: proxy", id="fragment"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a/../b", id="host with a path"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nhost: b", id="two hosts"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\r\nhost:", id="empty host"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1", id="no host"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\nx_account: 1", id="underscore"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\ncontent-length: 010", id="leading zero"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\ntransfer-encoding: gzip, chunked", id="two codings"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\ntransfer-encoding: identity", id="identity coding"),
        pytest.param(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\ntransfer-encoding: chunked\r\ncontent-length: 5", id="both framings"
        ),
        pytest.param(b"POST /v1/chat/completions HTTP/1.0\r\nhost: proxy\r\ntransfer-encoding: chunked", id="chunked in 1.0"),
        pytest.param(b"GET /v1/models HTTP/2.0\r\nhost: proxy", id="version"),
        pytest.param(b"GET /v1/models", id="version 0.9"),
        pytest.param(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\nauthorization: Bearer a\r\nauthorization: Bearer b", id="two credentials"
        ),
        pytest.param(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\nauthorization: Bearer a\r\nx-api-key: b", id="two kinds of credential"
        ),
        pytest.param(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\ncontent-encoding: gzip\r\ncontent-encoding: br", id="two encodings"
        ),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\n x: folded", id="folding"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\r\nhost : proxy", id="blank before colon"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\nhost: proxy\n", id="bare line feeds"),
        pytest.param(b"POST /v1/../v1/chat/completions HTTP/1.1\r\nhost: proxy", id="dot segments"),
        pytest.param(b"POST /v1/chat%2fcompletions HTTP/1.1\r\nhost: proxy", id="encoded slash"),
        pytest.param(b"POST /v1/%2e%2e/v1/chat/completions HTTP/1.1\r\nhost: proxy", id="encoded dots"),
    ],
)
def test_an_ambiguous_head_is_refused_and_nothing_reaches_the_upstream(front, head):
    proxy = front()
    answer = proxy.raw(head + b"\r\n\r\n")
    assert status(answer) in {400, 404, 405, 505}
    assert b"connection: close" in answer.lower()
    assert proxy.origin.requests == []


def test_too_many_header_bytes_are_refused_before_the_upstream(front):
    proxy = front(caps={"header_bytes": 4096})
    headers = tuple(b"x-%d: " % number + b"a" * 90 for number in range(60))
    assert status(proxy.post(headers=headers)) in {400, 431}
    assert proxy.origin.requests == []


def test_hop_by_hop_nominated_and_overriding_headers_stop_here(front):
    proxy = front()
    sent = (
        b"connection: x-secret, keep-alive", b"x-secret: 1", b"keep-alive: 5", b"te: trailers", b"proxy-authorization: x",
        b"http2-settings: x", b"x-http-method-override: DELETE", b"x-original-url: /admin", b"x-forwarded-host: evil", b"x-kept: yes",
        b"x-forwarded-for: 9.9.9.9", b"forwarded: for=9.9.9.9",
    )  # fmt: skip
    assert status(proxy.post(headers=sent)) == 200
    request = proxy.origin.requests[0]
    names = {name for name, _ in request.headers}
    assert names & {b"x-secret", b"keep-alive", b"te", b"proxy-authorization", b"http2-settings", b"forwarded"} == set()
    assert names & {b"x-http-method-override", b"x-original-url", b"x-forwarded-host", b"connection"} == set()
    assert request.values(b"x-kept") == [b"yes"]
    assert request.values(b"x-forwarded-for") == [b"127.0.0.1"]


def test_the_request_sent_on_has_exactly_one_framing(front):
    proxy = front()
    with proxy.connect() as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            + b"".join(b"1;ext=1\r\n%c\r\n" % byte for byte in CHAT)
            + b"0\r\nx-trailer: 1\r\n\r\n"
        )
        assert status(client.recv(65536)) == 200
    request = proxy.origin.requests[0]
    assert request.body == CHAT
    assert request.values(b"content-length") == [b"%d" % len(CHAT)]
    assert request.values(b"transfer-encoding") == request.values(b"x-trailer") == []


def test_pipelined_requests_are_answered_in_order_and_each_is_judged(front):
    proxy = front()
    one = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(CHAT)
        + CHAT
    )
    with proxy.connect() as client:
        client.sendall(one * 3 + b"GET /nowhere HTTP/1.1\r\nhost: proxy\r\n\r\n")
        data = b""
        while received := client.recv(65536):
            data += received
    assert [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]] == [200, 200, 200, 404]
    assert len(proxy.origin.requests) == 3


def test_a_secret_of_the_operator_replaces_the_header_of_the_client(front, monkeypatch):
    monkeypatch.setenv("UPSTREAM_KEY", "operator-secret")
    proxy = front(upstream={"inject": ({"header": "Authorization", "value_env": "UPSTREAM_KEY", "prefix": "Bearer "},)})
    assert status(proxy.post(headers=(b"authorization: Bearer client-key",))) == 200
    assert proxy.origin.requests[0].values(b"authorization") == [b"Bearer operator-secret"]
