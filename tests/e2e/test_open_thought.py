"""Thoughts that begin before an answer does are stripped where an operator says that a model's chat template opens them."""

from __future__ import annotations

import json

import pytest

from tests.conftest import OPEN

STRIPPING = {**OPEN, "s.yaml": "rules:\n  - {id: terms.strip, source: x, when: 'true', then: {strip: [reasoning]}}\n"}


@pytest.mark.parametrize(("model", "kept"), [("r1-small", " it is"), ("other", "so </think> it is")])
def test_only_models_that_an_upstream_names_begin_so(front, model, kept):
    def script(connection, request):
        body = json.dumps({"choices": [{"index": 0, "message": {"content": "so </think> it is"}, "finish_reason": "stop"}]}).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        return False

    proxy = front(script, policies=STRIPPING, upstream={"opens_thought": ("r1-*",)})
    asked = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
    answer = proxy.raw(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\nauthorization: Bearer k\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n" % len(asked) + asked
    )
    text = json.loads(answer.partition(b"\r\n\r\n")[2])["choices"][0]["message"]["content"]
    assert text == kept
