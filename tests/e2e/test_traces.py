"""Traces as a collector gets them: one span an exchange, between the caller's and the upstream's, with no word of what was said."""

from __future__ import annotations

import zlib
from contextlib import closing

import pytest

from tests.e2e.conftest import CHAT, status
from tests.e2e.origin import Origin

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the tracing extra is not installed")

CALLER = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REFUSING = {
    "a.yaml": "rules:\n  - {id: usage.none, source: test, when: request.model == 'not-this', then: {refuse: {code: refused, message: Refused.}}}\n"
}


def spans(collector: Origin) -> list[dict]:
    """Every span sent, its attributes by name."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    found = []
    for request in collector.requests:
        body = zlib.decompress(request.body, 31) if request.values(b"content-encoding") == [b"gzip"] else request.body
        sent = ExportTraceServiceRequest.FromString(body)
        for span in (span for resource in sent.resource_spans for scope in resource.scope_spans for span in scope.spans):
            attributes = {each.key: each.value.string_value or each.value.int_value for each in span.attributes}
            told = {"name": span.name, "trace": span.trace_id.hex(), "span": span.span_id.hex(), "parent": span.parent_span_id.hex()}
            found.append(told | {"attributes": attributes})
    return found


def test_a_span_stands_between_the_callers_and_the_upstreams_and_says_nothing_of_content(front):
    with closing(Origin()) as collector:
        stage = front(tracing={"endpoint": f"{collector.url}/v1/traces"}, policies=REFUSING)
        secret = b"do not tell"
        body = CHAT.replace(b"hi", secret)
        headers = (b"traceparent: " + CALLER, b"tracestate: a=1", b"authorization: Bearer do-not-tell")
        assert status(stage.post(body, headers)) == 200
        assert status(stage.post(body.replace(b'"m"', b'"not-this"'), headers)) == 403
        stage.proxy.stop()
        served, refused = sorted(spans(collector), key=lambda span: span["attributes"]["http.response.status_code"])
        assert not any(b"tell" in request.body for request in collector.requests)
    (upstream,) = stage.origin.requests
    assert upstream.values(b"traceparent") == [f"00-{served['trace']}-{served['span']}-01".encode()]
    assert upstream.values(b"tracestate") == [b"a=1"]
    assert (served["trace"], served["parent"]) == (CALLER[3:35].decode(), CALLER[36:52].decode())
    assert (served["name"], refused["name"]) == ("chat m", "chat not-this")
    assert refused["attributes"]["tosproxy.rule"] == "usage.none"
    assert refused["attributes"]["tosproxy.decision.id"]
    assert refused["attributes"]["gen_ai.provider.name"] == "openai"
