"""What providers tell of their prompt caches, as a whole answer and streamed: each word names a part of the input, once."""

from __future__ import annotations

import json
import struct
from binascii import crc32
from typing import Any, NamedTuple

import pytest

from proxy.dialects.call import Usage
from proxy.inspection.inspector import inspector_for, realtime_usage
from tests.inspection.answers import BOTH, NOTHING, fed

JSON, EVENTS, FRAMES = "application/json", "text/event-stream", "application/vnd.amazon.eventstream"


def _sse(*events: Any, named: bool = False) -> bytes:
    return b"".join(
        (b"event: %s\n" % event["type"].encode() if named else b"") + b"data: " + json.dumps(event).encode() + b"\n\n" for event in events
    )


def _frames(**events: Any) -> bytes:
    """Events in AWS's framing: lengths, their checksum, headers, payload, the checksum of all."""
    out = b""
    for name, event in events.items():
        kinds = ((b":event-type", name.encode()), (b":content-type", b"application/json"), (b":message-type", b"event"))
        headers = b"".join(bytes([len(key)]) + key + b"\x07" + struct.pack(">H", len(value)) + value for key, value in kinds)
        payload = json.dumps(event).encode()
        prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
        frame = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
        out += frame + struct.pack(">I", crc32(frame))
    return out


class Told(NamedTuple):
    """One provider's answer in one form."""

    dialect: str
    endpoint: str
    media: str
    sent: bytes
    usage: Usage


# OpenAI counts what it read and what it wrote inside the prompt: 3 of 1,000 are neither.
CHAT = {
    "prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020,
    "prompt_tokens_details": {"cached_tokens": 897, "cache_write_tokens": 100, "audio_tokens": 0},
}  # fmt: skip
RESPONSE = {
    "input_tokens": 1000, "output_tokens": 20, "total_tokens": 1020, "output_tokens_details": {"reasoning_tokens": 0},
    "input_tokens_details": {
        "cached_tokens": 897, "cache_write_tokens": 100, "cache_write_tokens_details": {"ttl_30m_tokens": 60, "ttl_12h_tokens": 40},
    },
}  # fmt: skip
WRITTEN, SPLIT = Usage(1000, 20, 897, cache_write_tokens=100), Usage(1000, 20, 897, 0, False, 100, 40)
# Anthropic and Bedrock count them beside it: three inputs that add up.
MESSAGE = {
    "input_tokens": 3, "cache_read_input_tokens": 897, "cache_creation_input_tokens": 100, "output_tokens": 20,
    "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
}  # fmt: skip
START = {**MESSAGE, "output_tokens": 1}
DELTA = {key: value for key, value in MESSAGE.items() if key != "cache_creation"}
CONVERSE = {
    "inputTokens": 3, "outputTokens": 20, "totalTokens": 1020, "cacheReadInputTokens": 897, "cacheWriteInputTokens": 100,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 40}, {"ttl": "5m", "inputTokens": 60}],
}  # fmt: skip
# Gemini counts what was cached inside the prompt, and says nothing of writes: a cache is made by a call of its own.
GEMINI = {"promptTokenCount": 1000, "cachedContentTokenCount": 897, "candidatesTokenCount": 20, "totalTokenCount": 1020}
TEXT = {"type": "text_delta", "text": "Hi"}

ANSWERS = {
    "chat": Told("openai", "chat.completions", JSON, json.dumps({"choices": [], "usage": CHAT}).encode(), WRITTEN),
    "chat stream": Told(
        "openai", "chat.completions", EVENTS,
        _sse({"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}, {"choices": [], "usage": CHAT}) + b"data: [DONE]\n\n",
        WRITTEN,
    ),
    "litellm": Told(
        "openai", "chat.completions", JSON,
        json.dumps({"choices": [], "usage": {
            "prompt_tokens": 1000, "completion_tokens": 20, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 897,
            "prompt_tokens_details": {"cached_tokens": 897},
        }}).encode(),
        WRITTEN,
    ),
    "compaction": Told(
        "openai", "responses.compact", JSON,
        json.dumps({"object": "response.compaction", "output": [{"type": "compaction", "encrypted_content": "x"}], "usage": RESPONSE}).encode(), SPLIT,
    ),
    "response": Told("openai", "responses", JSON, json.dumps({"output": [], "status": "completed", "usage": RESPONSE}).encode(), SPLIT),
    "response stream": Told(
        "openai", "responses", EVENTS,
        _sse({"type": "response.created", "response": {"status": "in_progress", "usage": None}},
             {"type": "response.completed", "response": {"status": "completed", "output": [], "usage": RESPONSE}}, named=True),
        SPLIT,
    ),
    "message": Told(
        "anthropic", "messages", JSON, json.dumps({"type": "message", "content": [], "stop_reason": "end_turn", "usage": MESSAGE}).encode(), SPLIT
    ),
    "message stream": Told(
        "anthropic", "messages", EVENTS,
        _sse({"type": "message_start", "message": {"usage": START}}, {"type": "content_block_delta", "index": 0, "delta": TEXT},
             {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": DELTA}, {"type": "message_stop"}, named=True),
        SPLIT,
    ),
    "message stream cut after its start": Told(
        "anthropic", "messages", EVENTS, _sse({"type": "message_start", "message": {"usage": START}}, named=True), SPLIT._replace(output_tokens=1)
    ),
    "message of several iterations": Told(
        "anthropic", "messages", JSON,
        json.dumps({"type": "message", "content": [], "usage": {**MESSAGE, "iterations": [
            {**MESSAGE, "type": "message"}, {**MESSAGE, "type": "message", "cache_creation": None},
        ]}}).encode(),
        Usage(2000, 40, 1794, 0, False, 200, 40),
    ),
    "converse": Told("bedrock", "converse", JSON, json.dumps({"output": {}, "stopReason": "end_turn", "usage": CONVERSE}).encode(), SPLIT),
    "converse stream": Told(
        "bedrock", "converse_stream", FRAMES,
        _frames(contentBlockDelta={"contentBlockIndex": 0, "delta": {"text": "Hi"}}, messageStop={"stopReason": "end_turn"}, metadata={"usage": CONVERSE}),
        SPLIT,
    ),
    "gemini": Told("gemini", "generate_content", JSON, json.dumps({"candidates": [], "usageMetadata": GEMINI}).encode(), Usage(1000, 20, 897)),
    "gemini stream": Told(
        "gemini", "stream_generate_content", EVENTS,
        _sse({"candidates": [{"content": {"parts": [{"text": "Hi"}]}}], "usageMetadata": {**GEMINI, "candidatesTokenCount": 1}},
             {"candidates": [{"finishReason": "STOP"}], "usageMetadata": GEMINI}),
        Usage(1000, 20, 897),
    ),
}  # fmt: skip


@pytest.mark.parametrize("strips", [pytest.param(NOTHING, id="passed"), pytest.param(BOTH, id="stripped")])
@pytest.mark.parametrize("name", ANSWERS)
def test_cached_and_written_input_are_told_apart_wherever_the_answer_is_cut(name, strips):
    told = ANSWERS[name]
    for cut in range(len(told.sent) + 1):
        inspector = inspector_for(told.dialect, told.endpoint, told.media, strips, hide_usage=False, status=200)
        fed(inspector, told.sent[:cut], told.sent[cut:])
        assert inspector.usage == told.usage, cut


def test_a_realtime_response_tells_what_came_from_the_cache():
    usage = {
        "input_tokens": 1000,
        "output_tokens": 20,
        "total_tokens": 1020,
        "input_token_details": {"cached_tokens": 897, "text_tokens": 103},
    }
    done = {"type": "response.done", "response": {"status": "completed", "output": [], "usage": usage}}
    assert realtime_usage(json.dumps(done)) == Usage(1000, 20, 897)


@pytest.mark.parametrize("wrong", [None, "7", -1, 1e400])
def test_a_count_of_the_cache_that_is_none_is_nothing(wrong):
    usage = {**MESSAGE, "cache_creation_input_tokens": wrong, "cache_creation": {"ephemeral_1h_input_tokens": 40}}
    answer = json.dumps({"type": "message", "content": [], "usage": usage}).replace("Infinity", "1e400").encode()
    inspector = inspector_for("anthropic", "messages", JSON, NOTHING, hide_usage=False, status=200)
    fed(inspector, answer)
    assert inspector.usage in {None, Usage(900, 20, 897)}
