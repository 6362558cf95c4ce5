"""Heads of answers: what is an answer, what it may say, and what of it reaches the client."""

from __future__ import annotations

import gzip
import threading

import pytest

from tests.conftest import OPEN
from tests.e2e.conftest import CHAT, status
from tests.e2e.origin import OK
from tests.e2e.test_streams import request_of

THOUGHTFUL = b'{"choices":[{"message":{"role":"assistant","content":"yes","reasoning_content":"secret thought"},"finish_reason":"stop"}]}'


@pytest.mark.parametrize("interim", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"])
def test_an_interim_answer_is_not_the_answer_and_waiting_goes_on_no_longer_for_it(front, interim):
    over = threading.Event()

    def script(connection, request):
        connection.sendall(interim)
        if b"patient" in request:
            connection.sendall(OK)
            return True
        over.wait(30)
        return False

    proxy = front(script, upstream={"read_s": 0.5})
    assert status(proxy.post(CHAT.replace(b"hi", b"patient"))) == 200
    assert status(proxy.post()) == 504
    over.set()


@pytest.mark.parametrize("code", [b"101 Switching Protocols", b"099 Odd", b"600 Odd"])
def test_a_status_that_is_no_answer_never_reaches_the_client(front, code):
    proxy = front(lambda connection, request: connection.sendall(b"HTTP/1.1 " + code + b"\r\ncontent-length: 2\r\n\r\n{}") is None)
    answer = proxy.post()
    assert status(answer) == 502
    assert b'"code":"upstream_protocol"' in answer


def _told_within_a_limit(front, answer: bytes) -> bytes:
    """What a caller gets, in lower case, whose limit has four requests left after this one."""
    limits = "limits:\n  - {id: limits.requests, per: [account.id], count: requests, rate: 5/1h}\n"
    proxy = front(lambda connection, request: connection.sendall(answer) is None, policies={**OPEN, "l.yaml": limits})
    return proxy.post(headers=(b"authorization: Bearer k",)).lower()


def test_what_we_say_in_an_answers_head_is_not_contradicted_by_the_upstream(front):
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nX-Tosproxy-Decision: forged\r\nx-ratelimit-remaining-requests: 9999\r\n"
        b"x-request-id: req-1\r\ncontent-length: 2\r\n\r\n{}"
    )
    told = _told_within_a_limit(front, head)
    assert b"x-request-id: req-1\r\n" in told
    assert b"x-ratelimit-remaining-requests: 4\r\n" in told
    assert told.count(b"x-tosproxy-decision") == told.count(b"x-ratelimit-remaining-requests") == 1
    assert b"forged" not in told


def test_a_model_endpoint_that_is_out_of_budget_is_heard_about_its_own(front):
    """Clients wait as long as the headers say: ours have plenty left."""
    head = (
        b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 7\r\nx-ratelimit-remaining-requests: 0\r\n"
        b"x-ratelimit-reset-requests: 7s\r\ncontent-length: 2\r\n\r\n{}"
    )
    told = _told_within_a_limit(front, head)
    assert b"x-ratelimit-remaining-requests: 0\r\n" in told
    assert b"x-ratelimit-reset-requests: 7s\r\n" in told
    assert told.count(b"ratelimit") == 2
    assert told.count(b"x-tosproxy-decision: ") == told.count(b"x-tosproxy-policy: ") == 1


@pytest.mark.parametrize("lines", [
    pytest.param([b"x-%d: a" % number for number in range(200)], id="many headers"),
    pytest.param([b"content-security-policy: " + b"a" * 20_000], id="a long one"),
])  # fmt: skip
def test_a_rich_head_of_an_answer_reaches_the_client_whole(front, lines):
    head = b"\r\n".join([b"HTTP/1.1 200 OK", b"content-type: application/json", *lines, b"content-length: 2", b"", b"{}"])
    proxy = front(lambda connection, request: connection.sendall(head) is None)
    answer = proxy.post()
    assert status(answer) == 200
    assert all(line + b"\r\n" in answer for line in lines)


def test_answers_without_a_body_have_none(front):
    def script(connection, request):
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        return True

    proxy = front(script)
    with proxy.connect() as client:
        client.sendall(request_of(CHAT) * 2)
        data = b""
        while data.count(b"HTTP/1.1 204") < 2:
            data += client.recv(65536)
    assert b"content-length" not in data.lower()
    assert b"transfer-encoding" not in data.lower()


def test_redirects_and_cookies_are_the_clients_own_business(front):
    def script(connection, request):
        connection.sendall(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")
        return True

    proxy = front(script)
    assert status(proxy.post()) == 302
    assert status(proxy.post()) == 302
    assert all(request.values(b"cookie") == [] for request in proxy.origin.requests)


@pytest.mark.parametrize("reason", ["Schön".encode(), b"\xfc", "日本".encode(), b"O\x01K"], ids=repr)
def test_a_reason_that_is_no_plain_ascii_is_replaced_and_the_answer_relayed(front, reason):
    proxy = front(lambda connection, request: connection.sendall(OK.replace(b"200 OK", b"200 " + reason)) is None)
    answer = proxy.post()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"{}")


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"chunked, gzip", b"gzip", b"identity"])
def test_an_answer_in_a_transfer_coding_that_nobody_asked_for_is_no_answer(front, coding):
    """Its body would be read, stripped and relayed as what it isn't."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: " + coding
    proxy = front(lambda connection, request: connection.sendall(head + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n") is not None)
    answer = proxy.post()
    assert status(answer) == 502
    assert b'"code":"upstream_protocol"' in answer


@pytest.mark.parametrize(("stripped_bytes", "code"), [(len(THOUGHTFUL), 200), (len(THOUGHTFUL) - 1, 502)])
def test_an_answer_is_held_to_be_stripped_up_to_the_size_that_the_operator_set(front, stripped_bytes, code):
    stripping = {**OPEN, "s.yaml": "rules:\n  - {id: terms.strip, when: 'true', then: {strip: [reasoning]}}\n"}
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(THOUGHTFUL)
    proxy = front(
        lambda connection, request: connection.sendall(head + THOUGHTFUL) is None,
        policies=stripping,
        caps={"stripped_bytes": stripped_bytes},
    )
    answer = proxy.post()
    assert status(answer) == code
    assert b"secret thought" not in answer


@pytest.mark.parametrize(
    ("coding", "strips", "came", "code"),
    [("gzip", False, 200, 200), ("gzip", True, 200, 502), ("gzip", True, 429, 429), (" Identity", True, 200, 200)],
)
def test_an_encoded_answer_is_passed_on_as_it_came_unless_parts_of_it_must_go(front, coding, strips, came, code):
    body = gzip.compress(THOUGHTFUL) if coding == "gzip" else THOUGHTFUL
    head = b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n"
    policies = {**OPEN, "s.yaml": "rules:\n  - {id: terms.strip, when: 'true', then: {strip: [reasoning]}}\n"} if strips else OPEN
    proxy = front(
        lambda connection, request: connection.sendall(head % (came, coding.encode(), len(body)) + body) is None, policies=policies
    )
    answer = proxy.post()
    assert status(answer) == code
    assert answer.endswith(body) is (not strips or code == 429)
    assert (b"The model endpoint encoded an answer that policy must read." in answer) is (code == 502)
    assert (b'"code":"upstream_protocol"' in answer) is (code == 502)
    assert b"secret thought" not in answer


@pytest.mark.parametrize("strips", [False, True])
def test_what_describes_the_bytes_of_an_answer_goes_only_with_those_bytes(front, strips):
    told = (b"etag: ", b"content-md5: ", b"digest: ", b"content-digest: ", b"repr-digest: ", b"accept-ranges: ")
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % len(THOUGHTFUL)
        + b"x\r\n".join(told)
        + b"x\r\n\r\n"
    )
    policies = {**OPEN, "s.yaml": "rules:\n  - {id: terms.strip, when: 'true', then: {strip: [reasoning]}}\n"} if strips else OPEN
    answer = front(lambda connection, request: connection.sendall(head + THOUGHTFUL) is None, policies=policies).post()
    assert status(answer) == 200
    assert [line for line in told if line in answer.lower()] == ([] if strips else list(told))


@pytest.mark.parametrize(
    ("version", "told", "says"),
    [
        (b"1.1", b"content-length: 17\r\n", b"content-length: 17\r\n"),
        (b"1.1", b"transfer-encoding: chunked\r\n", b"content-length: 0\r\n"),
        (b"1.0", b"content-length: 17\r\n", b"content-length: 17\r\nconnection: keep-alive\r\n"),
    ],
)
def test_an_answer_to_head_tells_the_length_of_a_body_that_it_has_not(front, version, told, says):
    head = b"HTTP/1.1 200 Fine\r\ncontent-type: text/plain\r\n" + told + b"\r\n"
    passing = {**OPEN, "u.yaml": "uninspected: [{method: HEAD, path: /health, reason: told by nobody}]\n"}
    connections = set()

    def script(connection, request):
        connections.add(connection)
        connection.sendall(head)
        return True

    proxy = front(script, policies=passing)
    with proxy.connect() as client:
        client.sendall(b"HEAD /health HTTP/" + version + b"\r\nhost: p\r\nconnection: keep-alive\r\n\r\n")
        data = client.recv(65536)
        assert data.startswith(b"HTTP/1.1 200 Fine\r\n")
        assert data.endswith(says + b"\r\n")
        client.sendall(b"HEAD /health HTTP/1.1\r\nhost: p\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 Fine\r\n")
    assert (len(proxy.origin.requests), len(connections)) == (2, 1)
