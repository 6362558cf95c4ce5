"""Batches and files: each line is judged as the call that it is; a refused line refuses the upload; all lines are paid for, or none."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from proxy.policy.names.patterns import SCANNED_CHARS
from tests.conftest import OPEN
from tests.e2e.conftest import status
from tests.e2e.sharing import recorded

POLICIES = {
    "rules.yaml": """
rules:
  - {id: terms.model, when: "request.model == 'forbidden'", then: {refuse: {code: not_offered, message: Not offered.}}}
  - {id: terms.words, when: "'secrets' in request.patterns", then: {refuse: {code: no_secrets, message: No secrets.}}}
  - {id: terms.short, when: "request.max_tokens > 100", then: {clamp: {max_tokens: 100}}}
  - {id: terms.strip, when: "request.model == 'thinker'", then: {strip: [reasoning]}}
  - {id: terms.tuning, when: "request.endpoint == 'files.upload.fine_tune'", then: {refuse: {code: no_tuning, message: No tuning.}}}
  - {id: terms.images, when: "request.n > 2", then: {clamp: {n: 2}}}
patterns:
  secrets: {values: ["launch codes?"]}
"""
}
BUDGET = {
    "limits.yaml": "limits:\n"
    "  - {id: budget.tokens, per: [account.id, request.model], count: total_tokens, rate: 1/1h, burst: 5000}\n"
    "  - {id: budget.requests, per: [account.id], count: requests, rate: 1/1h, burst: 8}\n"
}


def _call(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": text}], **more}


def _file(calls: Iterable[Any], purpose: str = "batch") -> tuple[bytes, bytes]:
    rows = [
        json.dumps({"custom_id": str(number), "method": "POST", "url": "/v1/chat/completions", "body": call})
        for number, call in enumerate(calls)
    ]
    return _form({"purpose": purpose}, "\n".join(rows).encode())


def _form(fields: dict[str, str], content: bytes, name: str = "file") -> tuple[bytes, bytes]:
    parts = [f'--b\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields.items()]
    parts.append(b'--b\r\ncontent-disposition: form-data; name="%b"; filename="f"\r\n\r\n%b\r\n--b--\r\n' % (name.encode(), content))
    return b"".join(parts), b"multipart/form-data; boundary=b"


def _upload(front, body: bytes, content_type: bytes, path: bytes = b"/v1/files") -> tuple[int, dict[str, Any]]:
    lines = [b"POST " + path + b" HTTP/1.1", b"host: p", b"content-type: " + content_type, b"content-length: %d" % len(body)]
    answer = front.raw(b"\r\n".join([*lines, b"authorization: Bearer sk-1"]) + b"\r\n\r\n" + body)
    return status(answer), json.loads(answer.partition(b"\r\n\r\n")[2])


def _batch(front, calls: Iterable[Any]) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"requests": [{"custom_id": str(number), "params": call} for number, call in enumerate(calls)]}).encode()
    return _upload(front, body, b"application/json", b"/v1/messages/batches")


def test_a_batch_whose_lines_are_all_allowed_arrives_byte_for_byte(front):
    proxy = front(policies=POLICIES)
    body, kind = _file([_call(), _call("hello"), _call(temperature=0.5)])
    assert _upload(proxy, body, kind)[0] == 200
    assert proxy.origin.requests[0].body == body
    assert _batch(proxy, [_call(), _call()])[0] == 200


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ({"model": "forbidden"}, "terms.model"),
        ({"messages": [{"role": "user", "content": "the LAUNCH code, please"}]}, "terms.words"),
        ({"max_tokens": 1000}, "terms.short"),
        ({"model": "thinker"}, "terms.strip"),
    ],
)
def test_a_refused_line_refuses_the_upload_and_is_named(front, bad, rule):
    proxy = front(policies=POLICIES)
    calls = [_call() for _ in range(40)]
    calls[22] |= bad
    for code, answer in (_upload(proxy, *_file(calls)), _batch(proxy, calls)):
        assert code == 403
        assert "Line 23: " in answer["error"]["message"], answer
    assert proxy.origin.requests == []
    lines = b"\r\n".join([b"POST /v1/files HTTP/1.1", b"host: p", b"content-type: multipart/form-data; boundary=b"])
    body, _ = _file(calls)
    assert b"x-tosproxy-rule: %b\r\n" % rule.encode() in proxy.raw(lines + b"\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({}, 200),
        ({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "<think>"}]}, 403),
        ({"separate_reasoning": False}, 403),
    ],
)
def test_where_results_lose_their_reasoning_no_line_may_hide_it_in_the_text(front, line, code):
    proxy = front(policies={**OPEN, "s.yaml": "rules:\n  - {id: terms.strip, when: 'true', then: {strip: [reasoning]}}\n"})
    assert _upload(proxy, *_file([_call(), _call(**line)]))[0] == code


def test_a_bound_that_the_model_of_a_line_does_not_take_is_recorded(front):
    proxy = front(policies={**OPEN, "t.yaml": "rules:\n  - {id: terms.cool, when: 'true', then: {clamp: {temperature: 0.5}}}\n"})
    records = recorded(proxy.proxy)
    assert _upload(proxy, *_file([_call(temperature=0.25), _call(model="gpt-6-astra")]))[0] == 200
    assert _upload(proxy, *_file([_call(temperature=0.25)]))[0] == 200
    assert [record.unmet for record in records] == [("temperature",), ()]


def test_a_line_that_cant_be_read_is_named_too(front):
    proxy = front(policies=POLICIES)
    code, answer = _upload(proxy, *_file([_call(), _call(max_tokens="many")]))
    assert (code, answer["error"]["param"]) == (400, "line 2: max_tokens")
    code, answer = _batch(proxy, [_call(), {"model": "m"}, "no"])
    assert code == 400
    assert "Line 2: " in answer["error"]["message"]
    assert proxy.origin.requests == []


def test_all_lines_are_paid_for_together_or_not_at_all(front):
    proxy = front(policies=POLICIES | BUDGET)
    calls = [_call(model="a", max_tokens=90)] * 3 + [_call(model="b", max_tokens=90)] * 2
    too_dear = [_call(model="a", max_tokens=90)] * 3 + [_call("word " * 30_000, model="b")]
    assert _upload(proxy, *_file(too_dear))[0] == 429
    assert _upload(proxy, *_file([_call()] * 9))[0] == 429
    assert _upload(proxy, *_file(calls))[0] == 200, "the denied ones spent nothing"
    assert _batch(proxy, [_call(), _call()])[0] == 429, "of eight requests five lines and their upload are gone"
    assert _batch(proxy, [_call()])[0] == 200
    assert len(proxy.origin.requests) == 2


def test_what_an_accepted_batch_will_cost_stays_reserved_and_a_failed_upload_gives_it_back(front):
    answers = [
        b"HTTP/1.1 500 Oops\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        *[b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"] * 9,
    ]

    def script(connection, request):
        connection.sendall(answers.pop(0))
        return True

    proxy = front(script, policies={**OPEN, "l.yaml": BUDGET["limits.yaml"].replace("burst: 8", "burst: 800")})
    calls = [_call(max_tokens=1500)] * 3
    assert _upload(proxy, *_file(calls))[0] == 500
    assert _upload(proxy, *_file(calls))[0] == 200
    assert _upload(proxy, *_file(calls))[0] == 429
    assert status(proxy.post(json.dumps(_call(max_tokens=600)).encode(), (b"authorization: Bearer sk-1",))) == 429
    assert status(proxy.post(json.dumps(_call(max_tokens=100)).encode(), (b"authorization: Bearer sk-1",))) == 200


def test_calls_in_a_batch_cost_what_batches_cost_and_alone_they_cost_more(front):
    prices = "prices: {default: {input: 0.001, output: 10000}, batch: 0.5, tiers: {flex: 0.5}}\n"
    limit = "limits: [{id: budget.money, per: [account.id], count: usd, rate: 1/1h, burst: 10}]\n"
    proxy = front(policies={**OPEN, "l.yaml": prices + limit})
    assert _upload(proxy, *_file([_call(max_tokens=500)] * 3))[0] == 200, "7.50 of 10"
    assert status(proxy.post(json.dumps(_call(max_tokens=300)).encode(), (b"authorization: Bearer sk-1",))) == 429
    assert _batch(proxy, [_call(max_tokens=600)])[0] == 429
    assert _batch(proxy, [_call(max_tokens=480, service_tier="flex")])[0] == 200, "a cheaper tier lowers nothing further"
    assert _batch(proxy, [_call(max_tokens=50, service_tier="flex")])[0] == 429


def test_fine_tuning_files_have_an_endpoint_of_their_own(front):
    proxy = front(policies=POLICIES)
    code, answer = _upload(proxy, *_form({"purpose": "fine-tune"}, b"{}"))
    assert (code, answer["error"]["code"]) == (403, "no_tuning")
    assert _upload(proxy, *_form({"purpose": "assistants"}, b"anything"))[0] == 200


def test_a_form_that_asks_for_more_than_a_rule_allows_is_refused(front):
    proxy = front(policies=POLICIES)
    fields = {"model": "gpt-image", "prompt": "a cat"}
    code, answer = _upload(proxy, *_form({**fields, "n": "3"}, b"png", "image"), path=b"/v1/images/edits")
    assert (code, answer["error"]["message"]) == (403, "Set n at most 2.")
    assert _upload(proxy, *_form({**fields, "n": "2"}, b"png", "image"), path=b"/v1/images/edits")[0] == 200
    code, answer = _upload(proxy, *_form({"model": "m", "max_tokens": "1000"}, b"riff"), path=b"/v1/audio/transcriptions")
    assert (code, answer["error"]["message"]) == (403, "Set max_tokens at most 100.")


def test_an_upload_above_its_cap_is_refused(front):
    proxy = front(policies=POLICIES, caps={"upload_bytes": 100_000, "body_bytes": 1_000})
    assert _upload(proxy, *_file([_call()] * 20))[0] == 200
    assert _upload(proxy, *_file([_call("a" * 100_000)]))[0] == 413


def test_others_are_served_while_a_large_batch_is_judged(front):
    proxy = front(policies=POLICIES)
    body, kind = _file([_call("some words " * 40)] * 4000)
    head = [b"POST /v1/files HTTP/1.1", b"host: p", b"content-type: " + kind, b"content-length: %d" % len(body)]
    with proxy.connect() as client:
        client.sendall(b"\r\n".join(head) + b"\r\n\r\n" + body)
        served = 0
        client.setblocking(False)
        while not _arrived(client):
            assert status(proxy.post()) == 200
            served += 1
    assert served > 5


def _arrived(client: Any) -> bytes:
    try:
        return client.recv(65536)
    except BlockingIOError:
        return b""


def test_what_no_pattern_looked_at_is_recorded_of_all_lines_together(front):
    proxy = front(policies={**POLICIES, "long.yaml": "rules: [{id: terms.long, when: request.unscanned_chars > 0, then: {tag: [long]}}]\n"})
    records = recorded(proxy.proxy)
    beyond = "x" * (SCANNED_CHARS + 4)
    for calls in ([_call(beyond), _call(), _call(beyond)], [_call()], [_call("x" * SCANNED_CHARS)]):
        assert _batch(proxy, calls)[0] == 200
    assert [(record.unscanned_chars, record.tags) for record in records] == [(8, ("long",)), (0, ()), (0, ())]


def test_endpoints_that_a_policy_passes_unread_are_passed_and_recorded_so(front):
    policies = {
        "p.yaml": "uninspected:\n  - {method: POST, path: /v1/assistants/*, reason: Scanned elsewhere.}\n"
        "rules:\n  - {id: terms.unread, when: '!request.inspected', then: {tag: [unread]}}\n"
    }
    proxy = front(policies=policies)
    records = recorded(proxy.proxy)
    body = b"\x00anything at all"
    assert status(proxy.post(body, path=b"/v1/assistants/a")) == 200
    assert proxy.origin.requests[0].body == body
    assert status(proxy.post(body, path=b"/v1/assistants/a/b")) == 404
    assert status(proxy.post(body, path=b"/v1/assistants/..")) in {400, 404}
    assert [(record.endpoint, record.inspected, record.tags) for record in records[:1]] == [("uninspected", False, ("unread",))]
    assert len(proxy.origin.requests) == 1
