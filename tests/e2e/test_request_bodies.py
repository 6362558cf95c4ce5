"""Bodies are read under caps, decoded once, and sent on as the bytes that were judged."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import random
import zlib
from argparse import Namespace
from typing import Any

import brotli
import pytest
import zstandard
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader

from proxy.adapters.traffic.http1 import Head
from proxy.dialects.routes import find_route
from proxy.exchange import asking
from proxy.settings import Caps
from tests.dialects.rows.every import ROWS
from tests.e2e.conftest import CHAT, read_answer, status


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
        ("identity", bytes),
    ],
)
def test_the_upstream_gets_the_decoded_bytes_without_the_coding(front, coding, encode):
    proxy = front()
    assert status(proxy.post(encode(CHAT), (b"content-encoding: " + coding.encode(),))) == 200
    request = proxy.origin.requests[0]
    assert request.body == CHAT
    assert request.values(b"content-encoding") == []


@pytest.mark.parametrize("coding", [b"gzip, gzip", b"x-gzip", b"identity, gzip", b"compress", b"gzip,", b"unknown"])
def test_a_coding_we_do_not_decode_is_refused(front, coding):
    proxy = front()
    assert status(proxy.post(gzip.compress(gzip.compress(CHAT)), (b"content-encoding: " + coding,))) == 415
    assert proxy.origin.requests == []


def test_a_bomb_is_refused_at_the_cap(front):
    proxy = front(caps={"decoded_bytes": 1_000_000})
    bomb = gzip.compress(b'{"model":"' + b"a" * 50_000_000 + b'"}')
    assert status(proxy.post(bomb, (b"content-encoding: gzip",))) == 413
    assert proxy.origin.requests == []


@pytest.mark.parametrize(("body", "coding"), [(CHAT.ljust(2_000_000), ""), (gzip.compress(CHAT.ljust(2_000_000), mtime=0), "gzip")])
def test_others_are_served_while_a_large_body_is_read(body, coding):
    """It has arrived: nothing but the reading itself lets the loop turn."""

    async def scenario() -> int:
        loop = asyncio.get_running_loop()
        content = StreamReader(BaseProtocol(loop), 1 << 24, loop=loop)
        content.feed_data(body)
        content.feed_eof()
        head = Head("POST", "/v1/chat/completions", "", [], "p", "application/json", coding, len(body), False, False, "")
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            loop.call_soon(turn)

        turn()
        asked = await asking.read(Namespace(content=content), None, head, find_route("POST", head.path), {}, Caps())  # type: ignore[arg-type]  # all that is read of them
        assert asked.call.model == "m"
        return turns

    assert asyncio.run(scenario()) > 1


def test_a_body_above_the_cap_is_refused_before_it_is_read(front):
    proxy = front(caps={"body_bytes": 10_000})
    with proxy.connect() as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n"
        )
        answer = read_answer(client)
    assert status(answer) == 413
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_too_large"


def test_a_chunked_body_above_the_cap_is_refused_while_it_is_read(front):
    proxy = front(caps={"body_bytes": 10_000})
    with proxy.connect() as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        client.sendall((b"1000\r\n" + b"a" * 4096 + b"\r\n") * 4)
        assert status(read_answer(client)) == 413


def test_a_body_that_stalls_is_given_up(front):
    proxy = front(caps={"body_s": 0.2})
    with proxy.connect() as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
        assert status(read_answer(client)) == 408


@pytest.mark.parametrize("begun", [b"", b"POST /v1/chat/comp", b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\nx-"])
def test_a_head_that_never_ends_is_given_up(front, begun):
    proxy = front(caps={"header_s": 0.3})
    with proxy.connect() as client:
        client.settimeout(30)
        client.sendall(begun)
        assert client.recv(65536) == b""
    assert proxy.origin.requests == []


def test_a_client_that_expects_is_told_to_go_on_only_once_its_head_is_accepted(front):
    proxy = front()
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\ncontent-type: application/json\r\ncontent-length: %d\r\nexpect: 100-continue\r\n"
        % len(CHAT)
    )
    with proxy.connect() as client:
        client.sendall(head + b"\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sendall(CHAT)
        assert status(read_answer(client)) == 200
    with proxy.connect() as client:
        client.sendall(head.replace(b"content-length: %d" % len(CHAT), b"transfer-encoding: chunked") + b"\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT))
        assert status(read_answer(client)) == 200
    assert proxy.origin.requests[0].values(b"expect") == []
    with proxy.connect() as client:
        client.sendall(head + b"x_api_key: 1\r\n\r\n")
        assert status(read_answer(client)) == 400
    with proxy.connect() as client:
        client.sendall(head.replace(b"100-continue", b"200-ok") + b"\r\n")
        assert status(read_answer(client)) == 417


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","model":"b","messages":[]}', b'{"model":"a","MODEL":"b","messages":[]}', b'{"model":"m","messages":[],"temperature":NaN}',
        b'\xef\xbb\xbf{"model":"m","messages":[]}', '{"model":"m","messages":[]}'.encode("utf-16"), b"[" * 100_000, b'{"model":"m","messages":[]} x',
        b'{"model":["m"],"messages":[]}', b'{"model":"m","messages":"hi"}', b"", b"null", b'{"model":"\\ud800","messages":[]}',
    ],
)  # fmt: skip
def test_a_body_with_two_readings_is_refused_in_the_words_of_the_api(front, body):
    proxy = front()
    answer = proxy.post(body)
    assert status(answer) == 400
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"
    assert proxy.origin.requests == []


def test_reasoning_that_must_go_may_not_be_asked_for_inside_the_text(front):
    proxy = front(policies={"p.yaml": "rules:\n  - {id: terms.strip, when: request.n == 1, then: {strip: [reasoning]}}\n"})
    for body in (CHAT[:-1] + b',"reasoning_format":"none"}', CHAT):
        assert status(proxy.post(body)) == 200
    assert [request.body for request in proxy.origin.requests] == [CHAT, CHAT]


ENDPOINTS = sorted((key, row) for key, row in ROWS.items() if key[1] != "models.show")
RANDOM_BODIES = 10_000
PIPELINED = 50


def _body(rng: random.Random, least: dict[str, Any]) -> bytes:
    """A body that its endpoint takes, with words and fields that nobody reads, written in one of many ways."""

    def value(depth: int = 0) -> Any:
        kind = rng.randrange(7 if depth < 3 else 5)
        if kind < 2:
            return "".join(chr(rng.randrange(0x20, 0xD7FF)) for _ in range(rng.randrange(20)))
        if kind < 5:
            return [None, True, rng.uniform(-1e9, 1e9), rng.getrandbits(60), 1e-300][rng.randrange(5)]
        inside = [value(depth + 1) for _ in range(rng.randrange(4))]
        return inside if kind == 5 else {f"k{at}": one for at, one in enumerate(inside)}

    document = {**least, **{f"x_{at}": value() for at in range(rng.randrange(4))}}
    pairs = list(document.items())
    rng.shuffle(pairs)
    separators = rng.choice([(",", ":"), (", ", ": "), (" ,\n", " :\t")])
    return json.dumps(dict(pairs), ensure_ascii=rng.random() < 0.5, separators=separators).encode()


def test_ten_thousand_bodies_of_every_endpoint_pass_byte_for_byte(front):
    rng = random.Random(20_261_128)
    proxy = front()
    sent: list[bytes] = []
    with proxy.connect() as client, client.makefile("rb") as answers:
        while len(sent) < RANDOM_BODIES:
            batch = [(row, _body(rng, row.least)) for _, row in rng.choices(ENDPOINTS, k=PIPELINED)]
            lines = b"POST %b HTTP/1.1\r\nhost: p\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            client.sendall(b"".join(lines % (row.path.encode(), len(body), body) for row, body in batch))
            sent += [body for _, body in batch]
            for row, body in batch:
                status_line = answers.readline()
                assert status_line.startswith(b"HTTP/1.1 200"), (row.path, body, status_line)
                while (line := answers.readline()) != b"\r\n":
                    assert line
                assert answers.read(2) == b"{}"
    assert [request.body for request in proxy.origin.requests] == sent


def test_bodies_and_answers_pass_byte_for_byte_when_no_policy_changes_them(front):
    rng = random.Random(7)
    answers = []

    def echo(connection, request):
        body = b'{"echo":' + json.dumps("".join(chr(rng.randrange(0x20, 0x2FF)) for _ in range(rng.randrange(2000)))).encode() + b"}"
        answers.append(body)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        return True

    proxy = front(echo)
    with proxy.connect() as client:
        for _ in range(300):
            text = "".join(chr(rng.randrange(0x20, 0xD7FF)) for _ in range(rng.randrange(300)))
            body = json.dumps(
                {"model": "m", "messages": [{"role": "user", "content": text}], "x": rng.random()}, ensure_ascii=rng.random() < 0.5
            ).encode()
            client.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
                + body
            )
            answer = read_answer(client)
            assert status(answer) == 200
            assert hashlib.sha256(proxy.origin.requests[-1].body).digest() == hashlib.sha256(body).digest()
            assert answer.partition(b"\r\n\r\n")[2] == answers[-1]
