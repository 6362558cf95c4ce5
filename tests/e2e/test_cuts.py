"""Streams that policy or the end of the process cuts short: the client's SDK raises, and what was written is paid for."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import anthropic
import openai
import pytest

from tests.conftest import OPEN
from tests.e2e.sharing import json_answer, recorded

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
ASKED: Any = [{"role": "user", "content": "hi"}]
WORDS = "word " * 60
"""100 tokens by our count of three bytes each."""
CHAT = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": WORDS}}]}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": WORDS}}
START = {
    "type": "message_start",
    "message": {
        "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 1},
    },
}  # fmt: skip
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}


def _budget(count: str, burst: float) -> dict[str, str]:
    prices = "prices: {source: contract, date: 2026-01-01, default: {input: 0.001, output: 1000}}\n" if count == "usd" else ""
    return {
        **OPEN,
        "l.yaml": f"{prices}limits:\n"
        f"  - {{id: budget.b, per: [account.id], count: {count}, rate: 0.001/1h, burst: {burst}, message: Budget gone.}}\n",
    }


def _chunk(event: dict[str, Any]) -> bytes:
    data = b"event: " + event["type"].encode() + b"\n" if "type" in event else b""
    data += b"data: " + json.dumps(event).encode() + b"\n\n"
    return b"%x\r\n" % len(data) + data + b"\r\n"


class Talker:
    """Streams for ever, or `limit` events and then a proper end."""

    def __init__(self, limit: int = 100_000) -> None:
        self.limit = limit
        self.stopped = threading.Event()

    def __call__(self, connection: Any, request: bytes) -> bool:
        """Answer one request."""
        messages = b"/v1/messages" in request
        connection.sendall(HEAD + (_chunk(START) + _chunk(BLOCK) if messages else b""))
        try:
            for _ in range(self.limit):
                connection.sendall(_chunk(DELTA if messages else CHAT))
        except OSError:
            self.stopped.set()
            return False
        done = b"data: [DONE]\n\n"
        connection.sendall(b"%x\r\n" % len(done) + done + b"\r\n0\r\n\r\n")
        return True


def _openai(proxy) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{proxy.proxy.url}/v1", api_key="sk-1", max_retries=0)


@pytest.mark.parametrize(("count", "burst"), [("output_tokens", 5000), ("total_tokens", 5001), ("usd", 5.01)])
def test_a_stream_that_outruns_its_budget_is_cut_with_an_error_that_the_sdk_raises(front, count, burst):
    talker = Talker()
    proxy = front(talker, policies=_budget(count, burst))
    records = recorded(proxy.proxy)
    with _openai(proxy) as client:
        written = 0
        stream = iter(client.chat.completions.create(model="m", messages=ASKED, stream=True))
        with pytest.raises(openai.APIError, match="Budget gone"):  # noqa: PT012 - what was read until then counts
            while True:
                written += len(next(stream).choices[0].delta.content or "") // 3
        assert 3000 < written <= 15_000, "it outruns its budget by what arrives in one piece at most"
        assert talker.stopped.wait(5), "the model endpoint is told to stop"
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="m", messages=ASKED)
    assert [(record.outcome, record.rule, record.code) for record in records] == [
        ("cut", "budget.b", "budget_exhausted"),
        ("limited", "budget.b", records[1].code),
    ]
    assert records[0].usage.estimated
    assert records[0].usage.output_tokens >= written


def test_the_anthropic_sdk_raises_too(front):
    proxy = front(Talker(), policies=_budget("output_tokens", 3000))
    client = anthropic.Anthropic(base_url=proxy.proxy.url, api_key="sk-1", max_retries=0)
    with client, pytest.raises(anthropic.APIStatusError, match="Budget gone"):
        list(client.messages.create(model="m", max_tokens=1000, messages=ASKED, stream=True))


def test_a_stream_within_its_budget_pays_for_what_it_wrote_and_no_more(front):
    """2,400 tokens by our count where 1,024 were reserved, of 5,000: pieces reserved on the way are settled, not added."""
    proxy = front(Talker(24), policies=_budget("output_tokens", 5000))
    records = recorded(proxy.proxy)
    with _openai(proxy) as client:
        for _ in range(2):
            chunks = list(client.chat.completions.create(model="m", messages=ASKED, stream=True))
            assert len(chunks) == 24
        with pytest.raises(openai.APIError):
            list(client.chat.completions.create(model="m", messages=ASKED, stream=True))
    assert [record.outcome for record in records] == ["allowed", "allowed", "limited"]
    assert [record.usage.output_tokens for record in records[:2]] == [2400, 2400]


def test_a_limit_that_the_caller_gave_is_not_second_guessed(front):
    """Our count errs upwards: an answer within max_tokens by the model's own count isn't cut for it."""
    proxy = front(Talker(9), policies=_budget("output_tokens", 500))
    records = recorded(proxy.proxy)
    with _openai(proxy) as client:
        assert len(list(client.chat.completions.create(model="m", messages=ASKED, stream=True, max_tokens=500))) == 9
    assert [record.outcome for record in records] == ["allowed"]


@pytest.mark.parametrize("framing", ["transfer-encoding: chunked", "content-length: {}"])
def test_a_stream_that_cannot_be_stripped_any_further_is_cut_there_with_an_error(front, framing):
    strange = b"data: {no JSON}\n\n"
    readable = b"data: " + json.dumps(CHAT).encode() + b"\n\n"
    events = readable * 2 + strange + b"data: [DONE]\n\n"
    body = b"%x\r\n" % len(events) + events + b"\r\n0\r\n\r\n" if "chunked" in framing else events
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{framing.format(len(events))}\r\n\r\n".encode()
    stripping = {**OPEN, "s.yaml": "rules:\n  - {id: terms.strip, when: 'true', then: {strip: [reasoning]}}\n"}
    proxy = front(lambda connection, request: connection.sendall(head + body) is None, policies=stripping)
    records = recorded(proxy.proxy)
    with _openai(proxy) as client:
        chunks = iter(client.chat.completions.create(model="m", messages=ASKED, stream=True))
        assert [next(chunks).choices[0].delta.content for _ in range(2)] == [WORDS] * 2
        with pytest.raises(openai.APIError, match="can't be read any further"):
            next(chunks)
    assert [(record.outcome, record.rule, record.code) for record in records] == [("cut", "", "answer_unreadable")]
    assert records[0].response_bytes == 2 * len(readable)


def test_streams_that_are_open_when_the_process_ends_are_told(front):
    go_on = threading.Event()

    def script(connection: Any, request: bytes) -> bool:
        messages = b"/v1/messages" in request
        connection.sendall(HEAD + (_chunk(START) + _chunk(BLOCK) + _chunk(DELTA) if messages else _chunk(CHAT)))
        go_on.wait(10)
        return False

    proxy = front(script)
    records = recorded(proxy.proxy)

    def end() -> None:
        asyncio.run_coroutine_threadsafe(proxy.proxy.server.handler.end_open(2), proxy.proxy.loop)

    with _openai(proxy) as client:
        chunks = iter(client.chat.completions.create(model="m", messages=ASKED, stream=True))
        next(chunks)
        end()
        with pytest.raises(openai.APIError, match="being stopped"):
            next(chunks)
    with anthropic.Anthropic(base_url=proxy.proxy.url, api_key="sk-1", max_retries=0) as other:
        events = iter(other.messages.create(model="m", max_tokens=9, messages=ASKED, stream=True))
        next(events)
        end()
        with pytest.raises(anthropic.APIStatusError, match="being stopped"):
            list(events)
    go_on.set()
    assert [(record.outcome, record.rule, record.code) for record in records] == [("cut", "", "server_stopping")] * 2


@pytest.mark.parametrize(("begun", "cost"), [(b"", 0), (json_answer(b"w" * 300)[:-30], 90)], ids=["nothing came", "half a body came"])
def test_a_request_without_an_answer_yet_is_told_to_try_again_when_the_process_ends(front, begun, cost):
    asked = threading.Event()

    def script(connection: Any, request: bytes) -> bool:
        connection.sendall(begun)
        asked.set()
        connection.recv(1)
        return False

    proxy = front(script)
    records = recorded(proxy.proxy)

    def end() -> None:
        asked.wait(5)
        asyncio.run_coroutine_threadsafe(proxy.proxy.server.handler.end_open(2), proxy.proxy.loop)

    threading.Thread(target=end).start()
    with _openai(proxy) as client, pytest.raises(openai.InternalServerError) as stopped:
        client.chat.completions.create(model="m", messages=ASKED)
    assert stopped.value.status_code == 503
    assert stopped.value.response.headers["retry-after"] == "1"
    assert [record.outcome for record in records] == ["cut"]
    assert records[0].usage.output_tokens in {0, cost}, "the end may overtake what came"
