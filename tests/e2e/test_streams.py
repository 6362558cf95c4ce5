"""Streams pass as they come, wait for slow readers, stop when the client leaves, and are never ended cleanly when cut short."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.e2e.conftest import CHAT, read_answer, status
from tests.e2e.origin import OK
from tests.e2e.sharing import recorded

STREAM = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def request_of(body: bytes) -> bytes:
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    )


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n" % len(data) + data + b"\r\n"


def test_each_event_is_passed_on_before_the_next_one_exists(front):
    go_on = threading.Semaphore(0)

    def script(connection, request):
        connection.sendall(HEAD)
        for number in range(5):
            connection.sendall(_chunk(b'data: {"n":%d}\n\n' % number))
            assert go_on.acquire(timeout=30)
        connection.sendall(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        return True

    proxy = front(script)
    with proxy.connect() as client:
        client.sendall(request_of(STREAM))
        data = b""
        for number in range(5):
            while b'"n":%d}\n\n' % number not in data:
                data += client.recv(65536)
            go_on.release()
        while not data.endswith(b"0\r\n\r\n"):
            data += client.recv(65536)
    assert data.count(b"data: ") == 6


def test_a_client_that_leaves_stops_the_upstream(front):
    started, stopped = threading.Event(), threading.Event()

    def script(connection, request):
        connection.sendall(HEAD + _chunk(b"data: {}\n\n"))
        started.set()
        connection.settimeout(10)
        if connection.recv(1) == b"":
            stopped.set()
        return False

    proxy = front(script)
    client = proxy.connect()
    client.sendall(request_of(STREAM))
    client.recv(65536)
    assert started.wait(30)
    client.close()
    assert stopped.wait(30)


def test_a_client_that_leaves_in_the_middle_of_an_answer_leaves_one_record(front):
    def script(connection, request):
        connection.sendall(HEAD)
        connection.settimeout(30)
        with suppress(BrokenPipeError, ConnectionResetError):
            while True:
                connection.sendall(_chunk(b"data: a\n\n"))
        return False

    proxy = front(script)
    records = recorded(proxy.proxy)
    for _ in range(20):
        with proxy.connect() as client:
            client.sendall(request_of(STREAM))
            client.recv(65536)
    proxy.proxy.stop()
    assert [record.outcome for record in records] == ["client_gone"] * 20


def test_a_client_that_leaves_before_the_answer_stops_the_upstream(front):
    asked, stopped = threading.Event(), threading.Event()

    def script(connection, request):
        asked.set()
        connection.settimeout(10)
        try:
            if connection.recv(1) == b"":
                stopped.set()
        except ConnectionResetError:
            stopped.set()
        return False

    proxy = front(script)
    client = proxy.connect()
    client.sendall(request_of(CHAT))
    assert asked.wait(30)
    client.close()
    assert stopped.wait(30)


def test_an_answer_that_breaks_off_is_broken_off_to_the_client_too(front):
    def script(connection, request):
        connection.sendall(HEAD + _chunk(b"data: {}\n\n"))
        return False

    proxy = front(script)
    with proxy.connect() as client:
        client.sendall(request_of(STREAM))
        data = read_answer(client)
    assert status(data) == 200
    assert not data.endswith(b"0\r\n\r\n")


def test_an_upstream_that_answers_nothing_is_a_502_in_the_words_of_the_api(front):
    proxy = front(lambda connection, request: False)
    answer = proxy.post()
    assert status(answer) == 502
    assert b'"code":"upstream_reset"' in answer


def test_an_upstream_that_is_not_there_is_a_502(serve):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    proxy = serve(upstreams=({"name": "gone", "url": f"http://127.0.0.1:{port}"},))
    with socket.create_connection(proxy.address) as client:
        client.sendall(request_of(CHAT))
        assert status(read_answer(client)) == 502


def test_a_slow_reader_holds_back_the_upstream_instead_of_filling_memory(front):
    sent = [0]
    blocked = threading.Event()

    def script(connection, request):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)
        connection.sendall(HEAD)
        connection.settimeout(0.5)
        piece = _chunk(b"data: " + b"a" * 4000 + b"\n\n")
        try:
            for _ in range(20_000):
                connection.sendall(piece)
                sent[0] += len(piece)
        except TimeoutError:
            blocked.set()
        return False

    proxy = front(script)
    with proxy.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        client.sendall(request_of(STREAM))
        assert blocked.wait(20)
        assert sent[0] < 4_000_000  # of 80 MB; what sockets and two small buffers hold


def test_a_client_that_takes_nothing_is_given_up_and_the_upstream_stopped(front):
    stopped = threading.Event()

    def script(connection, request):
        connection.sendall(HEAD)
        connection.settimeout(30)
        piece = _chunk(b"data: " + b"a" * 4000 + b"\n\n")
        try:
            while True:
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            stopped.set()
        return False

    proxy = front(script, caps={"stall_s": 0.2})
    records = recorded(proxy.proxy)
    with proxy.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        client.sendall(request_of(STREAM))
        assert stopped.wait(30)
    proxy.proxy.stop()
    assert [record.outcome for record in records] == ["client_gone"]


def test_exchanges_above_the_cap_are_told_to_come_again_and_served_when_there_is_room(front):
    asked, go_on = threading.Event(), threading.Event()

    def script(connection, request):
        asked.set()
        assert go_on.wait(30)
        connection.sendall(OK)
        return True

    proxy = front(script, caps={"in_flight": 1})
    with proxy.connect() as first:
        first.sendall(request_of(CHAT))
        assert asked.wait(30)
        turned_away = proxy.post()
        assert status(turned_away) == 503
        assert b"retry-after: " in turned_away.lower()
        go_on.set()
        assert status(read_answer(first)) == 200
    assert status(proxy.post()) == 200
    assert len(proxy.origin.requests) == 2


def test_an_idle_connection_closed_by_the_upstream_costs_no_request_and_none_is_sent_twice(front):
    """The race that costs a plain proxy one request in seven: the upstream closes just as the next request is sent."""
    served = []

    def script(connection, request):
        served.append(request)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        return len(served) % 2 == 1  # every second answer is followed by a close without notice

    proxy = front(script)
    with proxy.connect() as client:
        for number in range(200):
            body = CHAT.replace(b"hi", b"hi %d" % number)
            client.sendall(request_of(body))
            assert status(read_answer(client)) == 200
    assert len({request.partition(b"\r\n\r\n")[2] for request in served}) == len(served) == 200


def test_a_post_on_a_reused_connection_that_ends_without_an_answer_is_sent_once_more(front):
    asked = []

    def script(connection, request):
        asked.append(connection)
        if len(asked) == 2:
            return False  # the upstream let go of an idle connection while the request was on its way
        connection.sendall(OK)
        return True

    proxy = front(script)
    assert [status(proxy.post()), status(proxy.post())] == [200, 200]
    assert [asked[1] is asked[0], asked[2] is asked[0]] == [True, False]


def test_a_post_on_a_fresh_connection_is_never_sent_again(front):
    proxy = front(lambda connection, request: False)
    assert status(proxy.post()) == 502
    assert len(proxy.origin.requests) == 1


def test_a_post_is_not_sent_again_once_an_answer_has_begun(front):
    asked = []

    def script(connection, request):
        asked.append(connection)
        connection.sendall(OK if len(asked) == 1 else b"HTTP/1.1 200 OK\r\ncontent-ty")
        return len(asked) == 1

    proxy = front(script)
    assert [status(proxy.post()), status(proxy.post())] == [200, 502]
    assert len(asked) == 2
    assert asked[1] is asked[0]
