"""Whole bodies: long ones are searched at the end, and what must be stripped has a bound."""

from __future__ import annotations

import tracemalloc

import orjson
import pytest

from proxy.dialects.call import Usage
from proxy.errors import UpstreamError
from proxy.inspection.bodies import MAX_READ_BYTES, STRIP_BYTES, BodyReader, BodyStripper
from proxy.inspection.inspector import inspector_for
from proxy.inspection.shapes.gemini import CANDIDATES
from proxy.inspection.shapes.openai import ANSWERS
from tests.inspection.answers import BOTH, fed

USAGE = b'"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "note": "} \\" {", "more": {"a": 1}}'


def long_body(end: bytes) -> bytes:
    return b'{"choices":[{"message":{"content":"' + b"word " * (MAX_READ_BYTES // 4) + b'"}}],' + end + b"}"


@pytest.mark.parametrize("end", [USAGE, USAGE + b', "metadata": {"k": "v"}, "user": "\\"usage\\": {"'])
def test_the_usage_of_a_long_body_is_found_at_its_end(end):
    body = long_body(end)
    for size in (len(body), 65_536, 70_001):
        reader = BodyReader(ANSWERS)
        assert fed(reader, *(body[at : at + size] for at in range(0, len(body), size))) == body
        assert (reader.usage, reader.broken) == (Usage(3, 4), False)


def test_a_long_body_without_usage_is_estimated_by_its_bytes():
    body = long_body(b'"x": 1')
    reader = BodyReader(ANSWERS)
    fed(reader, body)
    assert (reader.usage, reader.output_estimate) == (None, -(-len(body) // 3))
    vectors = BodyReader(ANSWERS, text=False)
    fed(vectors, body)
    assert vectors.output_estimate == 0


def test_geminis_usage_is_found_at_the_end_of_a_long_body():
    body = long_body(b'"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 6, "thoughtsTokenCount": 2}, "modelVersion": "m"')
    reader = BodyReader(CANDIDATES)
    fed(reader, body)
    assert reader.usage == Usage(5, 8, 0, 2)


def test_a_body_cut_off_is_estimated_by_the_bytes_that_came():
    reader = BodyReader(ANSWERS)
    reader.feed(b"x" * 300)
    assert (reader.usage, reader.output_estimate) == (None, 100)


def test_a_very_long_body_takes_bounded_memory():
    reader = BodyReader(ANSWERS)
    chunk = b"x" * 65_536
    tracemalloc.start()
    try:
        for _ in range(1_000):
            reader.feed(chunk)
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_READ_BYTES
    finally:
        tracemalloc.stop()


def test_a_body_too_long_to_strip_is_refused_before_anything_is_sent():
    stripper = BodyStripper(ANSWERS, BOTH)
    chunk = b" " * (1024 * 1024)
    for _ in range(STRIP_BYTES // len(chunk)):
        assert stripper.feed(chunk) == b""
    with pytest.raises(UpstreamError):
        stripper.feed(chunk)
    assert stripper.ended
    assert stripper.close() == b""


def test_an_empty_body_has_nothing_to_strip():
    assert fed(BodyStripper(ANSWERS, BOTH)) == b""


def test_a_tools_arguments_keep_every_digit():
    number = b"123456789012345678901234567890"
    body = b'{"choices":[{"message":{"reasoning":"secret","content":null,"n":' + number + b',"small":1.5}}]}'
    assert fed(BodyStripper(ANSWERS, BOTH), body) == b'{"choices":[{"message":{"content":null,"n":' + number + b',"small":1.5}}]}'


def test_a_cut_body_sends_nothing():
    for inspector in (BodyReader(ANSWERS), BodyStripper(ANSWERS, BOTH)):
        inspector.feed(b"{")
        assert inspector.cut(b"data: x\n\n") == b""
        assert inspector.feed(b"}") == inspector.close() == b""


def test_what_makers_on_bedrock_tell_of_log_probabilities_goes_too():
    cohere = {
        "generations": [{"text": "Hi", "likelihood": -1.5, "token_likelihoods": [{"token": "Hi", "likelihood": -1.5}]}],
        "prompt": "x",
    }
    converse = {"output": {"message": {"content": [{"text": "Hi"}]}}, "additionalModelResponseFields": {"logprobs": [1]}}
    for answer, stripped in (
        (cohere, {"generations": [{"text": "Hi"}], "prompt": "x"}),
        (converse, {"output": converse["output"]}),
    ):
        inspector = inspector_for("bedrock", "invoke", "application/json", frozenset({"logprobs"}), hide_usage=False, status=200)
        assert orjson.loads(fed(inspector, orjson.dumps(answer))) == stripped
