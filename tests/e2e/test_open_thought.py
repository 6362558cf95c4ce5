"""Thoughts that begin before an answer does are stripped: where an operator says that a chat template opens them, and where a caller does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import OPEN

STRIPPING = {**OPEN, "s.yaml": "rules:\n  - {id: terms.strip, source: x, when: 'true', then: {strip: [reasoning]}}\n"}
SAID = "so </think> it is"


def _chat(text):
    return {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]}


def _completion(text):
    return {"choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}


def _response(text):
    return {"output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}], "status": "completed"}


TALK: Any = [{"role": "user", "content": "hi"}]
CASES: dict[str, tuple[str, dict[str, Any], Any, str]] = {
    "a model that the upstream names": ("/v1/chat/completions", {"model": "r1-small", "messages": TALK}, _chat, " it is"),
    "another model": ("/v1/chat/completions", {"model": "other", "messages": TALK}, _chat, SAID),
    "a response of a model that is named": ("/v1/responses", {"model": "r1-small", "input": "hi"}, _response, " it is"),
    "a response of another model": ("/v1/responses", {"model": "other", "input": "hi"}, _response, SAID),
    "a raw prompt": ("/v1/completions", {"model": "r1-small", "prompt": "hi"}, _completion, SAID),
    "a raw prompt that opens the thought": (
        "/v1/completions",
        {"model": "other", "prompt": "hi <think>", "echo": True},
        _completion,
        " it is",
    ),
    "an answer that the caller begins": (
        "/v1/chat/completions",
        {"model": "other", "messages": [*TALK, {"role": "assistant", "content": "<think>"}], "separate_reasoning": False},
        _chat,
        " it is",
    ),
}


@pytest.mark.parametrize("how", CASES)
def test_an_answer_that_begins_inside_a_thought_loses_it(front, how):
    path, asked, answer, kept = CASES[how]

    def script(connection, request):
        body = json.dumps(answer(SAID)).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        return False

    proxy = front(script, policies=STRIPPING, upstream={"opens_thought": ("r1-*",)})
    body = json.dumps(asked).encode()
    raw = proxy.raw(
        b"POST %s HTTP/1.1\r\nhost: p\r\nauthorization: Bearer k\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n" % (path.encode(), len(body)) + body
    )
    assert json.loads(raw.partition(b"\r\n\r\n")[2]) == answer(kept)
    assert not {"echo", "separate_reasoning"} & json.loads(proxy.origin.requests[0].body).keys()
