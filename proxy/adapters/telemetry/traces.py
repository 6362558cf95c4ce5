"""Traces through OpenTelemetry: one span an exchange, a child of the caller's, parent of the upstream's. No prompt, answer or credential in it.

Optional: `pip install tos-proxy[tracing]`. The span is made from the finished record, so tracing adds to the request path only what
reading and writing one `traceparent` header costs. Attribute names follow a version of the GenAI semantic conventions, from one table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from secrets import randbits, token_hex
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from proxy.adapters.traffic.http1 import Headers
from proxy.audit.record import Record
from proxy.errors import SETTINGS, ConfigError, Problem
from proxy.settings import Tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
"""What a later version adds stands behind another dash, and is not ours to read (W3C Trace Context, 3.2.4)."""
_FIRST_VERSION: Final = "00"
_NO_VERSION: Final = "ff"
_SAMPLED: Final = 1
_ZERO_TRACE: Final = "0" * 32
_ZERO_SPAN: Final = "0" * 16
_PERCENT: Final = 100.0
EXPORT_S: Final = 5.0
"""Longest try to send spans: the end of the process waits for the last one."""

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
_STABLE: Final[Mapping[str, str]] = {
    "operation": "gen_ai.operation.name",
    "model": "gen_ai.request.model",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "status": "http.response.status_code",
    "decision": "tosproxy.decision.id",
    "revision": "tosproxy.policy.revision",
    "outcome": "tosproxy.outcome",
    "rule": "tosproxy.rule",
    "risk_level": "tosproxy.risk.level",
    "error": "error.type",
}
NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "v1.36": {**_STABLE, "provider": "gen_ai.system"},
    "v1.37": {**_STABLE, "provider": "gen_ai.provider.name"},
}
"""Attributes of a span, by version of OpenTelemetry's semantic conventions for generative AI: v1.37 renamed the provider."""
_PROVIDERS: Final[Mapping[str, str]] = {"azure": "azure.ai.openai", "bedrock": "aws.bedrock", "gemini": "gcp.gemini"}
"""Dialect -> the conventions' word for it; the others are called alike."""
_OPERATIONS: Final[Mapping[str, str]] = {
    "chat.completions": "chat",
    "messages": "chat",
    "responses": "chat",
    "converse": "chat",
    "converse_stream": "chat",
    "chat": "chat",
    "completions": "text_completion",
    "complete": "text_completion",
    "generate": "text_completion",
    "generate_content": "generate_content",
    "stream_generate_content": "generate_content",
    "embeddings": "embeddings",
    "embed": "embeddings",
    "embed_content": "embeddings",
    "batch_embed_contents": "embeddings",
}
"""Endpoint -> the conventions' word for what it does; the others keep their own name."""


class Trace(NamedTuple):
    """Where an exchange stands in its trace."""

    trace_id: str
    parent_id: str
    """The caller's span; "" when the trace begins here."""
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The header that makes the upstream's span a child of ours (W3C Trace Context, 3.2)."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


class Tracer:
    """Begins traces and exports spans in the background; `close` flushes them."""

    def __init__(self, exporter: SpanExporter, sample_percent: float, version: str, convention: str) -> None:
        """`sample_percent` decides where the caller decided nothing; `convention` is a key of NAMES."""
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._share = sample_percent / _PERCENT
        self._names = NAMES[convention]
        self._open: dict[str, Trace] = {}
        self._ids = _GivenIds()
        resource = Resource.create({"service.name": "tos-proxy", "service.version": version})
        self._provider = TracerProvider(resource=resource, id_generator=cast("Any", self._ids))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("tos-proxy", version)

    def began(self, decision: str, headers: Headers) -> tuple[Headers, str]:
        """An exchange begins; gives the headers without the caller's traceparent, and the one for the upstream.

        Its span becomes a child of ours. A tracestate belongs to the trace it came with: where that isn't gone on with, it goes too.
        """
        given = [value for name, value in headers if name == TRACEPARENT]
        trace = self._open[decision] = self.begin(given[0] if len(given) == 1 else "")
        ours = {TRACEPARENT} if trace.parent_id else {TRACEPARENT, TRACESTATE}
        return [pair for pair in headers if pair[0] not in ours], trace.traceparent

    def begin(self, traceparent: str) -> Trace:
        """Go on with the caller's trace, or begin one where it sent none that can be read."""
        found = _TRACEPARENT.fullmatch(traceparent)
        if found is not None:
            version, trace_id, parent_id, flags, rest = found.groups()
            known = version != _NO_VERSION and (version != _FIRST_VERSION or rest is None)
            if known and trace_id != _ZERO_TRACE and parent_id != _ZERO_SPAN:
                return Trace(trace_id, parent_id, token_hex(8), bool(int(flags, 16) & _SAMPLED))
        return Trace(token_hex(16), "", token_hex(8), randbits(32) < self._share * (1 << 32))

    def ended(self, record: Record) -> None:
        """Queue the exchange's span, if its trace is kept. One that was refused before its trace began has none."""
        trace = self._open.pop(record.id, None)
        if trace is None or not trace.sampled:
            return
        from opentelemetry.trace import SpanKind, Status, StatusCode

        self._ids.span = int(trace.span_id, 16)
        self._ids.trace = int(trace.trace_id, 16)
        attributes = attributes_of(record, self._names)
        name = f"{attributes.get(self._names['operation'], record.endpoint)} {record.model}".rstrip()
        span = self._tracer.start_span(
            name, context=_parent(trace), kind=SpanKind.SERVER, attributes=attributes, start_time=int(record.at * 1e9)
        )  # fmt: skip
        if record.outcome in {"error", "upstream_error"}:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=int((record.at + record.total_s) * 1e9))

    def close(self) -> None:
        """Export what is queued. Blocks: not for the event loop."""
        self._provider.shutdown()


class _GivenIds:
    """An id generator that gives the ids told to the upstream already."""

    span = 0
    trace = 0

    def generate_span_id(self) -> int:
        """The id of the span being made."""
        return self.span

    def generate_trace_id(self) -> int:
        """The id of the trace being begun."""
        return self.trace

    def is_trace_id_random(self) -> bool:
        """Ids come from `secrets`."""
        return True


def _parent(trace: Trace) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if not trace.parent_id:
        return Context()
    return set_span_in_context(
        NonRecordingSpan(SpanContext(int(trace.trace_id, 16), int(trace.parent_id, 16), is_remote=True, trace_flags=TraceFlags(_SAMPLED))),
        Context(),
    )


def attributes_of(record: Record, names: Mapping[str, str]) -> dict[str, str | int]:
    """What a span says of an exchange, by the names of a convention."""
    said: dict[str, str | int] = {
        "operation": _OPERATIONS.get(record.endpoint, record.endpoint),
        "provider": _PROVIDERS.get(record.dialect, record.dialect),
        "model": record.model,
        "input_tokens": record.usage.input_tokens,
        "output_tokens": record.usage.output_tokens,
        "cached_tokens": record.usage.cached_tokens,
        "cache_write_tokens": record.usage.cache_write_tokens,
        "status": record.status,
        "decision": record.id,
        "revision": record.revision,
        "outcome": record.outcome,
        "rule": record.rule,
        "risk_level": record.risk_level,
        "error": record.upstream_error or (record.code if record.outcome == "error" else ""),
    }
    return {names[key]: value for key, value in said.items() if value}


def otlp_tracer(given: Tracing, version: str) -> Tracer:
    """A tracer that sends to an OTLP/HTTP endpoint. Raises ConfigError when the extra isn't installed."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        problem = Problem(
            SETTINGS, 0, 0, "tracing.endpoint", "OpenTelemetry isn't installed", "install tos-proxy[tracing] or remove the setting"
        )
        raise ConfigError([problem]) from error
    return Tracer(OTLPSpanExporter(endpoint=given.endpoint, timeout=EXPORT_S), given.sample_percent, version, given.convention)
