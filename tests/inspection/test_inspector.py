"""Which inspector an answer gets, by its head alone."""

from __future__ import annotations

import pytest

from proxy.dialects.call import Usage
from proxy.dialects.routes import ENDPOINTS
from proxy.inspection.arrays import ArrayReader, ArrayStripper
from proxy.inspection.bodies import BodyReader, BodyStripper
from proxy.inspection.events import EventReader, EventStripper
from proxy.inspection.frames import FrameReader, FrameStripper
from proxy.inspection.inspector import Inspector, OpaqueInspector, inspector_for, realtime_usage
from proxy.inspection.records import RecordReader, RecordStripper
from tests.inspection.answers import ANSWERS, BOTH, NOTHING, fed

USAGE = b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}'


def chosen(dialect: str, endpoint: str, media: str, strips: frozenset[str] = NOTHING, **head: object) -> Inspector:
    status = head.get("status", 200)
    assert isinstance(status, int)
    return inspector_for(dialect, endpoint, media, strips, hide_usage=bool(head.get("hide_usage")), status=status)


@pytest.mark.parametrize(
    ("dialect", "endpoint", "media", "reader", "stripper"),
    [
        ("openai", "chat.completions", "application/json", BodyReader, BodyStripper),
        ("openai", "chat.completions", "Application/JSON; charset=utf-8", BodyReader, BodyStripper),
        ("openai", "chat.completions", "text/event-stream;charset=utf-8", EventReader, EventStripper),
        ("openai", "chat.completions", "", OpaqueInspector, BodyStripper),
        ("openai", "chat.completions", "text/plain", OpaqueInspector, BodyStripper),
        ("openai", "audio.transcriptions", "text/plain", OpaqueInspector, OpaqueInspector),
        ("openai", "audio.transcriptions", "application/json", BodyReader, BodyStripper),
        ("openai", "audio.speech", "audio/mpeg", OpaqueInspector, OpaqueInspector),
        ("openai", "embeddings", "application/json", BodyReader, BodyReader),
        ("openai", "models.list", "application/json", OpaqueInspector, OpaqueInspector),
        ("openai", "batches.get", "application/json", OpaqueInspector, OpaqueInspector),
        ("openai", "files.content", "application/octet-stream", OpaqueInspector, RecordStripper),
        ("anthropic", "messages.batches.results", "application/binary", OpaqueInspector, RecordStripper),
        ("anthropic", "messages.count_tokens", "application/json", OpaqueInspector, OpaqueInspector),
        ("gemini", "stream_generate_content", "application/json", ArrayReader, ArrayStripper),
        ("gemini", "generate_content", "application/json", BodyReader, BodyStripper),
        ("bedrock", "converse_stream", "application/vnd.amazon.eventstream", FrameReader, FrameStripper),
        ("ollama", "chat", "application/x-ndjson", RecordReader, RecordStripper),
        ("", "unknown", "application/json", OpaqueInspector, OpaqueInspector),
    ],
)
def test_the_head_of_an_answer_decides(dialect, endpoint, media, reader, stripper):
    assert type(chosen(dialect, endpoint, media)) is reader
    assert type(chosen(dialect, endpoint, media, BOTH)) is stripper
    assert type(chosen(dialect, endpoint, media, BOTH, status=500)) is OpaqueInspector


def test_every_endpoint_that_is_understood_gets_an_inspector():
    for row in ENDPOINTS:
        for strips in (NOTHING, BOTH):
            inspector = chosen(row.dialect.name, row.endpoint, "application/json", strips)
            assert fed(inspector, b'{"id": "x"}') == b'{"id": "x"}'
            assert not inspector.broken


def test_what_is_stored_is_not_counted_again():
    batch = b'{"object":"batch","usage":{"input_tokens":5,"output_tokens":6,"total_tokens":11}}'
    for endpoint in ("batches.get", "files.content", "messages.batches.results"):
        inspector = chosen("openai", endpoint, "application/json")
        assert fed(inspector, batch) == batch
        assert (inspector.usage, inspector.output_estimate) == (None, 0)


def test_usage_is_hidden_only_from_streams():
    body = b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}'
    assert fed(chosen("openai", "chat.completions", "application/json", hide_usage=True), body) == body
    assert fed(chosen("openai", "chat.completions", "text/event-stream", hide_usage=True), b"data: " + body + b"\n\n") == b""


def test_an_error_passes_and_costs_nothing():
    inspector = chosen("openai", "chat.completions", "application/json", BOTH, status=429)
    assert inspector.feed(USAGE) is not None
    assert (inspector.usage, inspector.output_estimate, inspector.finish) == (None, 0, "")


def test_encoded_content_is_counted_by_its_bytes():
    inspector = chosen("openai", "chat.completions", "application/octet-stream")
    chunk = b"\x1f\x8b" * 300
    assert inspector.feed(chunk) is chunk
    assert inspector.output_estimate == 200
    assert inspector.cut(b"data: x\n\n") == b""
    assert inspector.feed(chunk) == b""


def test_what_the_head_tells_stands_where_the_body_tells_nothing():
    mistral = b'{"outputs":[{"text":"' + b"word " * 100 + b'","stop_reason":"stop"}]}'
    for strips in (NOTHING, BOTH):
        inspector = chosen("bedrock", "invoke", "application/json", strips)
        inspector.told_in_head(12, 101)
        assert fed(inspector, mistral) == mistral
        assert inspector.usage == Usage(12, 101)
    llama = chosen("bedrock", "invoke", "application/json")
    llama.told_in_head(1, 1)
    fed(llama, ANSWERS["bedrock/invoke_llama.json"].sent)
    assert llama.usage == Usage(12, 3)


@pytest.mark.parametrize("kind", [str, bytes])
def test_a_realtime_session_pays_by_the_response(kind):
    done = (
        '{"type":"response.done","response":{"status":"completed","output":[],"usage":{"total_tokens":30,"input_tokens":20,'
        '"output_tokens":10,"input_token_details":{"cached_tokens":16},"output_token_details":{"text_tokens":10}}}}'
    )
    delta = '{"type":"response.output_text.delta","delta":"response.done is a name"}'
    message, other = (text if kind is str else text.encode() for text in (done, delta))
    assert realtime_usage(message) == Usage(20, 10, 16)
    assert realtime_usage(other) is None
    assert realtime_usage(b"\xff response.done") is None


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("media", ["application/json", "text/event-stream", "Application/JSON; charset=utf-8", "audio/mpeg"])
@pytest.mark.parametrize("hide_usage", [True, False])
@pytest.mark.parametrize("strips", [frozenset(), frozenset({"reasoning"})])
def test_answers_of_one_kind_share_nothing_but_how_they_are_read(status, media, hide_usage, strips):
    made = [inspector_for("openai", "chat.completions", media, frozenset(strips), hide_usage=hide_usage, status=status) for _ in range(2)]
    made[0].told_in_head(5, 7)
    assert made[0] is not made[1]
    assert type(made[0]) is type(made[1])
    assert (made[0].usage, made[1].usage) == (Usage(5, 7, estimated=made[0].usage.estimated), None)
    fresh = inspector_for("openai", "chat.completions", media, strips, hide_usage=not hide_usage, status=status)
    assert fresh.rewrites is (made[0].rewrites if strips or media != "text/event-stream" or status > 200 else not made[0].rewrites)
