"""Every way out leaves one record; metrics agree with the records; no secret or prompt is in either."""

from __future__ import annotations

import http.client
import itertools
import json
import re
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import OPEN, SHIPPED, Running
from tests.e2e.conftest import read_answer, status
from tests.e2e.sharing import recorded

CANARIES = ("sk-canary-credential", "canary words of a prompt", "198.51.100.77", "canary-end-user", "canary-query-key")
BODY = json.dumps({"model": "demo", "messages": [{"role": "user", "content": CANARIES[1]}], "user": CANARIES[3]}).encode()
LIMIT = "limits:\n  - {id: limits.one, per: [request.model], count: requests, rate: 1/1h, when: request.model == 'rare'}\n"


def _records(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["body"] for line in lines if line["kind"] == "record"]


def _exposition(proxy: Running) -> str:
    return _page(proxy, "/metrics")


def _page(proxy: Running, path: str) -> str:
    with closing(http.client.HTTPConnection(proxy.admin.removeprefix("http://"), timeout=10)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def _outcomes(proxy: Running) -> dict[str, float]:
    found: dict[str, float] = {}
    for outcome, value in re.findall(r'tosproxy_requests_total\{.*?outcome="(\w+)".*?\} ([\d.]+)', _exposition(proxy)):
        found[outcome] = found.get(outcome, 0.0) + float(value)
    return found


def _post(body: bytes, *headers: bytes, target: bytes = b"/v1/chat/completions") -> bytes:
    lines = [b"POST " + target + b" HTTP/1.1", b"host: p", b"content-type: application/json", b"content-length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_each_way_out_leaves_one_record_and_is_counted_once(front, tmp_path):
    log = tmp_path / "records.jsonl"
    from_model = itertools.chain(
        [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"], itertools.repeat(b"")
    )

    def script(connection, request):
        answer = next(from_model)
        connection.sendall(answer)
        return bool(answer)

    proxy = front(
        script,
        policies={
            **OPEN,
            "l.yaml": LIMIT,
            "r.yaml": "rules:\n  - {id: terms.no, when: request.n > 2, then: {refuse: {code: too_many, message: Too many.}}}\n",
        },
        log={"records": "file", "file": log},
    )
    rare = BODY.replace(b'"demo"', b'"rare"')
    sent = [
        (_post(rare), 200, "allowed"),
        (_post(rare), 429, "limited"),
        (_post(BODY.replace(b"{", b'{"n": 3,', 1)), 403, "refused"),
        (_post(b"{"), 400, "rejected"),
        (_post(BODY), 502, "upstream_error"),
        (b"GET /v1/models\r\n\r\n", 400, "rejected"),
        (_post(BODY, target=b"/nowhere"), 404, "rejected"),
    ]
    answers = [proxy.raw(data) for data, _, _ in sent]
    assert [status(answer) for answer in answers] == [code for _, code, _ in sent]
    counted = _outcomes(proxy.proxy)
    proxy.proxy.stop()
    records = _records(log)
    told = [record["outcome"] for record in records]
    assert told == [outcome for _, _, outcome in sent]
    assert [record["status"] for record in records] == [code for _, code, _ in sent]
    for record, answer in zip(records, answers, strict=True):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert record["response_bytes"] == len(body)
        assert f"x-tosproxy-policy: {record['revision']}".encode() in head.split(b"\r\n")
    assert counted == {outcome: float(told.count(outcome)) for outcome in told}


@pytest.mark.parametrize("records", ["file", "stdout"])
def test_no_secret_or_prompt_reaches_records_logs_metrics_or_admin_pages(serve, tmp_path, capfdbinary, records):
    log = tmp_path / "records.jsonl"
    proxy = serve(SHIPPED, log={"records": records, "facts": True, **({"file": log} if records == "file" else {})})
    heads = (
        b"authorization: Bearer " + CANARIES[0].encode(), b"x-forwarded-for: " + CANARIES[2].encode(), b"cookie: session=" + CANARIES[0].encode(),
        b"x-custom: " + CANARIES[0].encode(),
    )  # fmt: skip
    broken = [
        BODY,
        BODY[:-5],
        b'{"model": ["' + CANARIES[1].encode() + b'"]}',
        BODY.replace(b'"demo"', b'"demo-error"'),
        BODY.replace(b'"demo"', b'"demo-hangup"'),
    ]
    for body in broken:
        with socket.create_connection(proxy.address, timeout=10) as client:
            client.sendall(_post(body, *heads, target=b"/v1/chat/completions?key=" + CANARIES[4].encode()))
            read_answer(client)
    pages = _exposition(proxy)
    for page in ("policy", "risk", "readyz"):
        pages += _page(proxy, f"/{page}")
    proxy.stop()
    written = log.read_text() if records == "file" else capfdbinary.readouterr().out.decode()
    assert written.count('"outcome"') >= len(broken)
    everything = written + pages + json.dumps(proxy.events)
    assert [canary for canary in CANARIES if canary in everything] == []


def test_a_bound_that_the_model_does_not_take_is_recorded_and_counted_and_the_request_goes_as_it_came(front):
    rule = "rules:\n  - {id: terms.cool, when: request.n == 1, then: {clamp: {temperature: 0.5, max_tokens: 5000}}}\n"
    sent: list[bytes] = []

    def script(connection, request):
        sent.append(request)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}")
        return True

    proxy = front(script, policies={**OPEN, "t.yaml": rule})
    records = recorded(proxy.proxy)
    for model in ("gpt-6-astra", "gpt-4o"):
        asked = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 9}).encode()
        assert status(proxy.raw(_post(asked))) == 200
    assert [(record.clamped, record.unmet) for record in records] == [((), ("temperature",)), (("temperature",), ())]
    assert [b'"temperature":0.5' in request for request in sent] == [False, True]
    assert 'tosproxy_clamps_unmet_total{parameter="temperature"} 1.0' in _exposition(proxy.proxy)
