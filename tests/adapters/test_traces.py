from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from proxy.adapters.telemetry.traces import _OPERATIONS, Tracer, attributes_of
from proxy.adapters.telemetry.traces import NAMES as CONVENTIONS
from proxy.audit.record import Record
from proxy.dialects.call import Usage
from proxy.dialects.routes import ENDPOINTS
from proxy.settings import Tracing

NAMES = CONVENTIONS["v1.37"]
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


def traced(exporter, traceparent="", percent=100.0, convention="v1.37", **fields):
    tracer = Tracer(exporter, percent, "1.0", convention)
    _, told = tracer.began("d-1", [("traceparent", traceparent)])
    record = Record(
        "d-1", 1000.0, "sha256:abc", endpoint="chat.completions", dialect="openai", model="demo", outcome="allowed", status=200, total_s=0.5
    )
    for name, value in fields.items():
        setattr(record, name, value)
    tracer.ended(record)
    tracer.close()
    return told, exporter.get_finished_spans()


def test_a_span_goes_on_with_the_callers_trace_and_is_the_parent_told_upstream(exporter):
    told, [span] = traced(exporter, CALLER, usage=Usage(3, 5))
    assert f"{span.context.trace_id:032x}" == CALLER[3:35]
    assert f"{span.parent.span_id:016x}" == CALLER[36:52]
    assert told == f"00-{CALLER[3:35]}-{span.context.span_id:016x}-01"
    assert span.attributes[NAMES["input_tokens"]] == 3
    assert span.name == "chat demo"
    assert (span.start_time, span.end_time) == (1_000_000_000_000, 1_000_500_000_000)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_what_a_cache_gave_and_took_is_told_where_there_is_any(exporter, convention):
    _, [span] = traced(exporter, convention=convention, usage=Usage(9, 5, 4, cache_write_tokens=2))
    cache = {name: said for name, said in span.attributes.items() if ".cache_" in name}
    assert cache == {"gen_ai.usage.cache_read.input_tokens": 4, "gen_ai.usage.cache_creation.input_tokens": 2}
    assert not any(".cache_" in name for name in attributes_of(Record("d", 0.0, "r", usage=Usage(9, 5)), CONVENTIONS[convention]))


def test_a_trace_begins_here_when_the_caller_sent_none(exporter):
    told, [span] = traced(exporter)
    assert span.parent is None
    assert f"{span.context.trace_id:032x}" == told[3:35]


def test_the_callers_decision_not_to_sample_is_kept(exporter):
    told, spans = traced(exporter, CALLER[:-2] + "00")
    assert spans == ()
    assert told.endswith("-00")


def test_a_refusal_names_its_rule_and_a_fault_is_an_error(exporter):
    _, [span] = traced(exporter, outcome="upstream_error", upstream_error="reset", rule="regions.x", status=502)
    assert span.attributes[NAMES["rule"]] == "regions.x"
    assert span.attributes[NAMES["error"]] == "reset"
    assert not span.status.is_ok


@given(st.text(alphabet="0123456789abcdefABCDEF-x", max_size=60))
def test_no_header_makes_an_invalid_context(text):
    trace = Tracer(InMemorySpanExporter(), 0.0, "1", "v1.37").begin(text)
    assert len(trace.traceparent) == 55
    assert int(trace.trace_id, 16)
    assert int(trace.span_id, 16)


def test_nothing_a_person_wrote_is_an_attribute():
    record = Record("d", 0.0, "r", client="secret-address", account="secret-account", model="m")
    assert not any("secret" in str(value) for value in attributes_of(record, NAMES).values())


@pytest.mark.parametrize(
    ("convention", "name", "dialect", "provider"),
    [
        ("v1.36", "gen_ai.system", "openai", "openai"),
        ("v1.37", "gen_ai.provider.name", "openai", "openai"),
        ("v1.37", "gen_ai.provider.name", "azure", "azure.ai.openai"),
        ("v1.37", "gen_ai.provider.name", "gemini", "gcp.gemini"),
        ("v1.36", "gen_ai.system", "bedrock", "aws.bedrock"),
    ],
)
def test_the_provider_is_named_as_the_version_of_the_convention_asks(exporter, convention, name, dialect, provider):
    _, [span] = traced(exporter, convention=convention, dialect=dialect)
    assert span.attributes[name] == provider
    assert {"gen_ai.system", "gen_ai.provider.name"} & set(span.attributes) == {name}


def test_every_version_names_the_same_things():
    assert len({frozenset(names) for names in CONVENTIONS.values()}) == 1
    assert set(CONVENTIONS) == set(get_args(Tracing.model_fields["convention"].annotation))


def test_every_endpoint_with_an_operation_of_its_own_exists():
    assert set(_OPERATIONS) <= {row.endpoint for row in ENDPOINTS}


@pytest.mark.parametrize(
    ("traceparent", "goes_on"),
    [
        (CALLER, True),
        ("cc" + CALLER[2:], True),
        ("cc" + CALLER[2:] + "-more", True),
        (CALLER + "-more", False),
        ("cc" + CALLER[2:] + "more", False),
        ("ff" + CALLER[2:], False),
        (CALLER.upper(), False),
        ("00-" + "0" * 32 + CALLER[35:], False),
        (CALLER[:36] + "0" * 16 + CALLER[52:], False),
    ],
)
def test_a_trace_goes_on_where_its_header_can_be_read(exporter, traceparent, goes_on):
    told, _ = traced(exporter, traceparent)
    assert (told[3:35] == CALLER[3:35]) is goes_on


def test_the_state_of_a_trace_goes_on_with_it_and_with_nothing_else(exporter):
    tracer = Tracer(exporter, 100.0, "1.0", "v1.37")
    state = ("tracestate", "vendor=1")
    kept = [
        tracer.began("d", [*(("traceparent", each) for each in given), state, ("accept", "*/*")])[0]
        for given in ([CALLER], [], ["none"], [CALLER, CALLER])
    ]
    tracer.close()
    assert kept == [[state, ("accept", "*/*")], *[[("accept", "*/*")]] * 3]
