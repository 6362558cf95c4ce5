"""What two HTTP parsers could read differently never reaches the upstream; what does reach it is what was judged."""

from __future__ import annotations

import pytest

from tests.conftest import OPEN
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


PATH = b"/v1/chat/completions"
FRAMED = b"content-length: %d" % len(CHAT)
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT)


def _request(
    target: bytes = PATH, *lines: bytes, method: bytes = b"POST", version: bytes = b"HTTP/1.1", host: bytes = b"host: proxy"
) -> bytes:
    """A request that is served as it stands, so that only what is ambiguous in it can be the reason to refuse it."""
    framing = () if any(line.startswith((b"content-length", b"transfer-encoding")) for line in lines) else (FRAMED,)
    head = (method + b" " + target + b" " + version, *([host] if host else []), b"content-type: application/json", *lines, *framing)
    return b"\r\n".join(head) + b"\r\n\r\n" + (CHUNKED if any(b"chunked" in line for line in lines) else CHAT)


def test_the_plain_request_that_the_ambiguous_ones_are_made_from_is_served(front):
    proxy = front()
    assert status(proxy.raw(_request())) == 200
    assert status(proxy.raw(_request(PATH, b"transfer-encoding: chunked"))) == 200
    assert status(proxy.raw(_request(version=b"HTTP/1.0"))) == 200
    assert [request.body for request in proxy.origin.requests] == [CHAT] * 3


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(_request(b"http://evil.example" + PATH), id="absolute target"),
        pytest.param(_request(b"*", method=b"OPTIONS"), id="asterisk target"),
        pytest.param(_request(b"evil.example:443", method=b"CONNECT"), id="connect"),
        pytest.param(_request(b"//evil.example" + PATH), id="double slash"),
        pytest.param(_request(b"/" + PATH), id="empty first segment"),
        pytest.param(_request(b"/\\evil.example" + PATH), id="backslash"),
        pytest.param(_request(PATH + b"#f"), id="fragment"),
        pytest.param(_request(host=b"host: a/../b"), id="host with a path"),
        pytest.param(_request(PATH, b"host: b"), id="two hosts"),
        pytest.param(_request(host=b"host:"), id="empty host"),
        pytest.param(_request(host=b""), id="no host"),
        pytest.param(_request(PATH, b"x_api_key: 1"), id="a credential with underscores"),
        pytest.param(_request(PATH, b"if_range: 1"), id="a range with an underscore"),
        pytest.param(_request(PATH, b"transfer_encoding: chunked"), id="framing with an underscore"),
        pytest.param(_request(PATH, b"x-forwarded_for: 1"), id="an address with an underscore"),
        pytest.param(_request(PATH, b"x_original_url: 1"), id="an override with underscores"),
        pytest.param(_request(PATH, b"content-length: 0%d" % len(CHAT)), id="leading zero"),
        pytest.param(_request(PATH, b"content-length: +%d" % len(CHAT)), id="plus sign"),
        pytest.param(_request(PATH, FRAMED, FRAMED), id="two lengths"),
        pytest.param(_request(PATH, b"transfer-encoding: gzip, chunked"), id="two codings"),
        pytest.param(_request(PATH, b"transfer-encoding: identity", FRAMED), id="identity coding"),
        pytest.param(_request(PATH, b"transfer-encoding: chunked", FRAMED), id="both framings"),
        pytest.param(_request(PATH, b"transfer-encoding: chunked", version=b"HTTP/1.0"), id="chunked in 1.0"),
        pytest.param(_request(version=b"HTTP/2.0"), id="version"),
        pytest.param(b"GET /v1/models\r\n\r\n", id="version 0.9"),
        pytest.param(_request(PATH, b"authorization: Bearer a", b"authorization: Bearer b"), id="two credentials"),
        pytest.param(_request(PATH, b"authorization: Bearer a", b"x-api-key: b"), id="two kinds of credential"),
        pytest.param(_request(PATH, b"content-encoding: identity", b"content-encoding: identity"), id="two encodings"),
        pytest.param(_request(PATH, b"content-type: application/json"), id="two media types"),
        pytest.param(_request(PATH, b"x-a: b", b" folded"), id="folding"),
        pytest.param(_request(host=b"host : proxy"), id="blank before colon"),
        pytest.param(_request().replace(b"\r\n", b"\n"), id="bare line feeds"),
        pytest.param(_request(b"/v1/.." + PATH), id="dot segments"),
        pytest.param(_request(b"/v1/chat%2fcompletions"), id="encoded slash"),
        pytest.param(_request(b"/v1/%2e%2e" + PATH), id="encoded dots"),
        pytest.param(_request(PATH + b"/"), id="trailing slash"),
        pytest.param(_request(PATH + b";a=b"), id="path parameter"),
        pytest.param(_request(PATH.upper()), id="upper case"),
    ],
)
def test_an_ambiguous_head_is_refused_and_nothing_reaches_the_upstream(front, request_bytes):
    proxy = front()
    answer = proxy.raw(request_bytes)
    assert status(answer) in {400, 404, 405, 505}
    assert b"connection: close" in answer.lower()
    assert proxy.origin.requests == []


def test_a_name_with_an_underscore_that_says_nothing_to_this_proxy_goes_on_as_it_came(front):
    proxy = front()
    assert status(proxy.post(headers=(b"session_id: 0199-a", b"Conversation_ID: 0199-b"))) == 200  # as Codex sends them
    request = proxy.origin.requests[0]
    assert request.values(b"session_id") == [b"0199-a"]
    assert request.values(b"conversation_id") == [b"0199-b"]


@pytest.mark.parametrize(
    "header", [b"x_amzn-bedrock-service-tier: flex", b"x_account: 1", b"x-account_tier: 1", b"x_team_key: 1", b"true_client-ip: 1"]
)
def test_a_name_with_an_underscore_for_a_header_that_the_settings_speak_of_is_refused(front, header, monkeypatch):
    monkeypatch.setenv("TEAM_KEY", "secret")
    identity = {"trusted_proxies": ["127.0.0.0/8"], "account_header": "X-Account", "account_headers": {"tier": "x-account-tier"}}
    proxy = front(upstream={"inject": [{"header": "x-team-key", "value_env": "TEAM_KEY"}]}, identity=identity)
    assert status(proxy.post(headers=(header,))) == 400
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


@pytest.mark.parametrize("name", ["X-Goog-Api-Key", "api-key", "Authorization"])
def test_with_a_credential_of_the_operator_goes_none_of_the_client(front, monkeypatch, name):
    """Google refuses two; and a token for this proxy is nobody else's to see."""
    monkeypatch.setenv("UPSTREAM_KEY", "operator-secret")
    proxy = front(upstream={"inject": ({"header": name, "value_env": "UPSTREAM_KEY"},)})
    for sent, path in ((b"authorization: Bearer mine", PATH), (b"x-api-key: mine", PATH), (b"x-kept: 1", PATH + b"?a=1;%6bey=mine&b=2")):
        assert status(proxy.post(headers=(sent,), path=path)) == 200
        request = proxy.origin.requests[-1]
        assert request.values(name.lower().encode()) == [b"operator-secret"]
        assert b"mine" not in request.head
    assert request.line.split()[1] == PATH + b"?a=1&b=2"


def test_a_credential_of_the_client_stays_where_the_operator_adds_another_header(front, monkeypatch):
    monkeypatch.setenv("UPSTREAM_KEY", "operator-secret")
    proxy = front(upstream={"inject": ({"header": "x-team", "value_env": "UPSTREAM_KEY"},)})
    assert status(proxy.post(headers=(b"authorization: Bearer mine",), path=PATH + b"?a=1&key=mine")) == 200
    assert proxy.origin.requests[0].values(b"authorization") == [b"Bearer mine"]
    assert proxy.origin.requests[0].line.split()[1] == PATH + b"?a=1&key=mine"


def test_no_part_is_asked_for_of_an_answer_that_must_be_stripped(front):
    """The right bytes of a line are a document of their own, in which what had to go isn't recognised."""
    rules = "rules:\n  - {id: r.strip, when: client.country == '', then: {strip: [reasoning]}}\n"
    for policies, sent in (({"r.yaml": rules}, []), (OPEN, [b"bytes=74-135"])):
        proxy = front(policies=policies)
        request = b"GET /v1/messages/batches/b/results HTTP/1.1\r\nhost: p\r\nrange: bytes=74-135\r\nif-range: x\r\n\r\n"
        assert status(proxy.raw(request)) == 200
        assert proxy.origin.requests[0].values(b"range") == sent


GEMINI = b"/v1beta/models/gemini-2.5-pro:generateContent"
CONTENTS = b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'


@pytest.mark.parametrize(
    "query",
    [
        b"fields=candidates.content.parts.text", b"$fields=candidates", b"%24%66ields=candidates", b"a=1;fields=x", b"$ct=application/x-protobuf",
        b"$httpMethod=GET", b"callback=f", b"alt=proto", b"alt=json&$alt=media",
    ],
)  # fmt: skip
def test_a_query_cannot_change_how_the_body_is_read_nor_hide_what_of_the_answer_must_be_seen(front, query):
    """A mask that leaves the text but not the mark of a thought would pass every thought as text, and its cost uncounted."""
    proxy = front()
    answer = proxy.post(CONTENTS, path=GEMINI + b"?" + query)
    assert status(answer) == 400
    assert b"invalid_query" in answer
    assert status(proxy.post(CONTENTS, path=GEMINI, headers=(b"x-goog-fieldmask: candidates",))) == 400
    assert proxy.origin.requests == []


def test_what_a_query_usually_says_goes_on_as_it_came(front):
    proxy = front()
    for query in (
        b"alt=sse&key=k",
        b"%24alt=json&prettyPrint=false",
        b"beta=true",
        b"api-version=2025-04-01",
        b"alt=SSE",
        b"%24alt=json%3Benum-encoding%3Dint",
    ):
        assert status(proxy.post(CONTENTS, path=GEMINI + b"?" + query)) == 200
        assert proxy.origin.requests[-1].line.split()[1] == GEMINI + b"?" + query
