"""Whichever way an exchange ends, its place is given back and its estimate replaced by what it cost."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from proxy.adapters.traffic.downstream import Downstream
from proxy.audit.record import Record
from proxy.exchange.relay import Outgoing
from tests.conftest import OPEN
from tests.e2e.conftest import Front, read_answer, status
from tests.e2e.realtime_model import wait_for
from tests.e2e.sharing import EVENTS, chat_request, chunk, json_answer, recorded

BURST = 100_000
LIMITS = f"""limits:
  - {{id: limits.tokens, per: [account.id], count: total_tokens, rate: 1/1h, burst: {BURST}}}
  - {{id: limits.places, per: [account.id], count: concurrent, max: 1}}
rules:
  - {{id: terms.no, when: request.n > 2, then: {{refuse: {{code: too_many, message: Too many.}}}}}}
"""
PROMPT = {"model": "m", "max_tokens": 5000, "messages": [{"role": "user", "content": "hello " * 100}]}
WHOLE, STREAM = json.dumps(PROMPT).encode(), json.dumps({**PROMPT, "stream": True}).encode()
INPUT = 600 // 4 + 4
"""What we take the prompt for: four characters a token, and the frame of a message."""
ANSWER = b'{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}'
CONTENT = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"w" * 300 + b'"}}]}\n\n'
WRITTEN = 100
"""What we take that content for: three bytes a token."""
FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}\n\n'
DONE = b"data: [DONE]\n\n"


class Way(NamedTuple):
    """One way out: what is asked, what the upstream sends before it closes, and what that costs."""

    body: bytes
    sent: bytes
    outcome: str
    cost: int
    estimated: bool = False


WAYS = {
    "a whole answer": Way(WHOLE, json_answer(ANSWER), "allowed", 18),
    "a whole answer that tells no usage": Way(WHOLE, json_answer(b'{"choices":[]}'), "allowed", INPUT, estimated=True),
    "an error of the model": Way(WHOLE, json_answer(b'{"error":{}}', 500), "allowed", 0),
    "a stream": Way(STREAM, EVENTS + chunk(CONTENT) + chunk(FINISH) + chunk(USAGE) + chunk(DONE) + b"0\r\n\r\n", "allowed", 18),
    "a stream that tells no usage": Way(STREAM, EVENTS + chunk(CONTENT) + chunk(DONE) + b"0\r\n\r\n", "allowed", INPUT + WRITTEN, True),
    "a stream that breaks off": Way(STREAM, EVENTS + chunk(CONTENT), "upstream_error", INPUT + WRITTEN, estimated=True),
    "no answer": Way(WHOLE, b"", "upstream_error", 0),
    "half a head": Way(WHOLE, b"HTTP/1.1 200 OK\r\nconte", "upstream_error", 0),
    "no HTTP": Way(WHOLE, b"SMTP\r\n\r\n", "upstream_error", 0),
    "half a body": Way(WHOLE, json_answer(ANSWER)[:-5], "upstream_error", INPUT + -(-(len(ANSWER) - 5) // 3), estimated=True),
    "a refusal": Way(WHOLE.replace(b"{", b'{"n": 3,', 1), b"", "refused", 0),
}


def _left(proxy: Front) -> int:
    """Tokens that the caller may still spend. It also takes the only place, so it fails while another holds it."""
    answer = proxy.raw(b"GET /v1/models HTTP/1.1\r\nhost: p\r\nauthorization: Bearer k\r\n\r\n")
    head = answer.partition(b"\r\n\r\n")[0].decode().lower()
    assert status(answer) == 200, answer
    return next(int(line.partition(": ")[2]) for line in head.split("\r\n") if line.startswith("x-ratelimit-remaining-tokens: "))


def _front(front: Callable[..., Front], script: Any, **upstream: Any) -> tuple[Front, list[Record]]:
    proxy = front(lambda connection, request: script(connection, request) if b"POST" in request[:4] else _models(connection), policies={
        **OPEN, "l.yaml": LIMITS,
    }, upstream=upstream)  # fmt: skip
    return proxy, recorded(proxy.proxy)


def _models(connection: socket.socket) -> bool:
    connection.sendall(json_answer(b'{"data":[]}'))
    return True


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_each_way_out_gives_its_place_back_and_is_charged_what_it_cost(front, way):
    def script(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(way.sent)
        return False

    proxy, records = _front(front, script)
    for turn in (1, 2, 3):
        proxy.raw(chat_request(way.body))
        assert _left(proxy) == pytest.approx(BURST - way.cost * turn, abs=1)
    told = [record for record in records if record.method == "POST"]
    assert [record.outcome for record in told] == [way.outcome] * 3
    assert {record.usage.estimated for record in told} == {way.estimated}
    assert all(record.code == f"upstream_{record.upstream_error}" for record in told if way.outcome == "upstream_error")
    answered = int(way.sent[9:12]) if b"\r\n\r\n" in way.sent and way.sent.startswith(b"HTTP/") else 0
    assert {record.upstream_status for record in told} == {answered}
    assert all((0 < record.first_byte_s <= record.total_s) is bool(answered) for record in told)


@pytest.mark.parametrize(
    ("path", "dialect", "told", "usage"),
    [
        ("/model/amazon.titan-embed-text-v2/invoke", "bedrock", ("11", "7"), (11, 7)),
        ("/model/amazon.titan-embed-text-v2/invoke", "bedrock", ("123456789012345", "7"), (123_456_789_012_345, 7)),
        ("/model/amazon.titan-embed-text-v2/invoke", "bedrock", ("1234567890123456", "7"), None),
        ("/model/amazon.titan-embed-text-v2/invoke", "bedrock", ("11", "-7"), None),
        ("/v1/embeddings", "openai", ("11", "7"), None),
    ],
)
def test_tokens_that_bedrock_tells_in_headers_are_what_the_answer_costs(front, path, dialect, told, usage):
    given, output = told
    answer = json_answer(b'{"embedding":[0.5]}').replace(
        b"\r\n\r\n", f"\r\nx-amzn-bedrock-input-token-count: {given}\r\nx-amzn-bedrock-output-token-count: {output}\r\n\r\n".encode(), 1
    )

    def script(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(answer)
        return False

    proxy, records = _front(front, script)
    body = b'{"inputText":"hello"}' if dialect == "bedrock" else b'{"model":"m","input":"hello"}'
    proxy.raw(chat_request(body).replace(b"/v1/chat/completions", path.encode()))
    assert [record.dialect for record in records] == [dialect]
    assert (None if records[0].usage.estimated else records[0].usage[:2]) == usage
    if usage == (11, 7):
        assert _left(proxy) == pytest.approx(BURST - 18, abs=1)


@pytest.mark.parametrize(
    ("path", "body", "answer", "output"),
    [
        (
            "/v1/images/generations",
            b'{"model":"m","prompt":"a cat","n":2}',
            b'{"data":[{"b64_json":"aGk="},{"b64_json":"aGk="}]}',
            2 * 1024,
        ),
        ("/v1/audio/speech", b'{"model":"m","input":"hello","voice":"alloy"}', b'"sound"', 1024),
        ("/v1/embeddings", b'{"model":"m","input":"hello"}', b'{"data":[]}', 0),
    ],
)
def test_pictures_and_sound_that_tell_no_usage_cost_what_was_reserved_for_them(front, path, body, answer, output):
    def script(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(json_answer(answer))
        return False

    proxy, records = _front(front, script)
    proxy.raw(chat_request(body).replace(b"/v1/chat/completions", path.encode()))
    assert [(record.usage.output_tokens, record.usage.estimated) for record in records] == [(output, True)]
    assert _left(proxy) == pytest.approx(BURST - output - records[0].usage.input_tokens, abs=1)


@pytest.mark.parametrize(("written", "told"), [(9_000, 3_000), (9_000, 500), (2_000, 2_000), (900, 1_500)])
def test_output_reserved_while_a_stream_ran_is_replaced_by_what_the_model_counts(front, written, told):
    """Our own count errs upwards: of some languages it is three times the model's."""
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":%d}}\n\n' % told

    def script(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(EVENTS + chunk(CONTENT) * (written // WRITTEN) + chunk(FINISH) + chunk(usage) + chunk(DONE) + b"0\r\n\r\n")
        return False

    proxy, _ = _front(front, script)
    for turn in (1, 2):
        proxy.raw(chat_request(STREAM.replace(b'"max_tokens": 5000, ', b"")))
        assert _left(proxy) == pytest.approx(BURST - (11 + told) * turn, abs=1)


@pytest.mark.parametrize(
    ("body", "begun", "cost"),
    [
        pytest.param(WHOLE, b"", INPUT, id="before the answer"),
        pytest.param(STREAM, EVENTS + chunk(CONTENT), INPUT + WRITTEN, id="in the middle of a stream"),
    ],
)
def test_a_client_that_leaves_pays_for_what_was_sent_and_written(front, body, begun, cost):
    asked, gone = threading.Event(), threading.Event()

    def script(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(begun)
        asked.set()
        connection.settimeout(30)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        gone.set()
        return False

    proxy, records = _front(front, script)
    client = proxy.connect()
    client.sendall(chat_request(body))
    assert asked.wait(30)
    if begun:
        data = b""
        while b"w" * 300 not in data:
            data += client.recv(65536)
    client.close()
    assert gone.wait(30)
    assert _left(proxy) == pytest.approx(BURST - cost, abs=1)
    told = [(record.outcome, record.code, record.usage.estimated) for record in records if record.method == "POST"]
    assert told == [("client_gone", "", True)]


def test_a_client_that_leaves_before_its_request_was_sent_pays_nothing(serve):
    """The model endpoint takes the connection and never shakes hands."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = serve({**OPEN, "l.yaml": LIMITS}, upstreams=(
            {"name": "silent", "url": f"https://127.0.0.1:{silent.getsockname()[1]}", "models": ["m"]},
        ))  # fmt: skip
        records = recorded(proxy)
        with socket.create_connection(proxy.address) as client:
            client.sendall(chat_request(WHOLE))
            connection, _ = silent.accept()
        with connection:
            while connection.recv(65536):
                pass
        wait_for(records)
        assert [(record.outcome, record.usage.input_tokens) for record in records] == [("client_gone", 0)]


def test_what_is_sent_on_is_shown_to_the_detector_and_what_is_refused_is_not(front):
    proxy, _ = _front(front, lambda connection, request: connection.sendall(json_answer(ANSWER)) is None)
    detector = proxy.proxy.server.handler.world.decider.detector
    assert detector is not None
    for body, shown in ((WHOLE.replace(b"{", b'{"n": 3,', 1), 0), (WHOLE, 1)):
        proxy.raw(chat_request(body))
        assert detector.metrics()["observations"] == shown


def test_a_silent_upstream_costs_nothing(front):
    over = threading.Event()
    proxy, records = _front(front, lambda connection, request: over.wait(30) and False, read_s=0.3)
    with proxy.connect() as client:
        client.sendall(chat_request(WHOLE))
        assert status(read_answer(client)) == 504
    over.set()
    assert _left(proxy) == pytest.approx(BURST, abs=1)
    assert records[0].upstream_error == "timeout"


@pytest.mark.parametrize("begun", [False, True])
def test_a_fault_of_our_own_gives_everything_back_and_ends_no_answer_that_has_begun(front, monkeypatch, begun):
    async def relay(outgoing: Outgoing, down: Downstream, record: Record) -> None:
        if begun:
            await down.start(200, b"", None, http10=False)
            await down.write(b"half")
        raise ZeroDivisionError

    monkeypatch.setattr("proxy.handler.relay", relay)
    proxy, records = _front(front, lambda connection, request: False)
    answer = proxy.raw(chat_request(WHOLE))
    assert (status(answer), answer.count(b"HTTP/1.1"), answer.endswith(b"half\r\n")) == ((200, 1, True) if begun else (500, 1, False))
    monkeypatch.undo()
    assert _left(proxy) == pytest.approx(BURST, abs=1)
    assert (records[0].outcome, records[0].code) == ("error", "internal_error")
