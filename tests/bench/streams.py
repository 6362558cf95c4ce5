"""What reading and stripping an answer costs: `python -m tests.bench.streams`.

Microseconds a streamed event (one event a chunk, as upstreams flush them) and a body of 2 kB and of 200 kB, per dialect, passed and
stripped; the best of five rounds of process time. The first line is orjson alone on the same event, to judge the machine by.
"""

from __future__ import annotations

import base64
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import orjson

from proxy.inspection.inspector import inspector_for

ROUNDS = 5
STRIPS = frozenset({"reasoning", "logprobs"})
NOTHING: frozenset[str] = frozenset()
WORD = " inspection"

CHAT_EVENT = {
    "id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx",
    "object": "chat.completion.chunk",
    "created": 1790000000,
    "model": "m-large-2026-09-01",
    "system_fingerprint": "fp_0123456789",
    "choices": [{"index": 0, "delta": {"content": WORD}, "logprobs": None, "finish_reason": None}],
}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": WORD}}
RESPONSE_EVENT = {
    "type": "response.output_text.delta",
    "item_id": "msg_68",
    "output_index": 0,
    "content_index": 0,
    "delta": WORD,
    "logprobs": [],
    "sequence_number": 7,
}
GEMINI_EVENT = {
    "candidates": [{"content": {"parts": [{"text": WORD}], "role": "model"}, "index": 0}],
    "usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 5, "totalTokenCount": 25},
    "modelVersion": "m-flash",
}
CONVERSE_EVENT = {"contentBlockIndex": 0, "delta": {"text": WORD}, "p": "abcdefghij"}
OLLAMA_EVENT = {"model": "m", "created_at": "2026-09-21T13:46:40Z", "message": {"role": "assistant", "content": WORD}, "done": False}


def sse(event: dict[str, Any], *, named: bool = False) -> bytes:
    name = b"event: " + event["type"].encode() + b"\n" if named else b""
    return name + b"data: " + orjson.dumps(event) + b"\n\n"


def frame(kind: str, payload: bytes) -> bytes:
    headers = b"".join(
        bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
        for name, value in ((b":event-type", kind.encode()), (b":content-type", b"application/json"), (b":message-type", b"event"))
    )
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


STREAMS = {
    "openai chat": ("openai", "chat.completions", "text/event-stream", sse(CHAT_EVENT)),
    "openai responses": ("openai", "responses", "text/event-stream", sse(RESPONSE_EVENT, named=True)),
    "anthropic messages": ("anthropic", "messages", "text/event-stream", sse(DELTA, named=True)),
    "gemini sse": ("gemini", "stream_generate_content", "text/event-stream", sse(GEMINI_EVENT)),
    "gemini array": ("gemini", "stream_generate_content", "application/json", orjson.dumps(GEMINI_EVENT) + b"\n,\r\n"),
    "bedrock converse": (
        "bedrock",
        "converse_stream",
        "application/vnd.amazon.eventstream",
        frame("contentBlockDelta", orjson.dumps(CONVERSE_EVENT)),
    ),
    "bedrock invoke": (
        "bedrock",
        "invoke_stream",
        "application/vnd.amazon.eventstream",
        frame("chunk", orjson.dumps({"bytes": base64.b64encode(orjson.dumps(DELTA)).decode(), "p": "abc"})),
    ),
    "ollama chat": ("ollama", "chat", "application/x-ndjson", orjson.dumps(OLLAMA_EVENT) + b"\n"),
}


def body(dialect: str, size_bytes: int) -> bytes:
    """A whole answer of about that size, most of it text, with reasoning to remove."""
    answer: dict[str, Any]
    text = (WORD * (size_bytes // len(WORD)))[: max(1, size_bytes - 400)]
    if dialect == "anthropic":
        content = [{"type": "thinking", "thinking": text[:200], "signature": "x"}, {"type": "text", "text": text}]
        answer = {"type": "message", "content": content, "stop_reason": "end_turn", "usage": {"input_tokens": 9, "output_tokens": 9}}
    elif dialect == "gemini":
        parts = [{"text": text[:200], "thought": True}, {"text": text}]
        answer = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 9}}
    elif dialect == "bedrock":
        blocks = [{"reasoningContent": {"reasoningText": {"text": text[:200]}}}, {"text": text}]
        answer = {"output": {"message": {"content": blocks}}, "stopReason": "end_turn", "usage": {"inputTokens": 9, "outputTokens": 9}}
    elif dialect == "ollama":
        answer = {"message": {"content": text, "thinking": text[:200]}, "done": True, "prompt_eval_count": 9, "eval_count": 9}
    else:
        message = {"role": "assistant", "content": text, "reasoning_content": text[:200]}
        answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9}}
    return orjson.dumps(answer)


def cost_us(work: Callable[[], object], times: int) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            work()
        best = min(best, time.process_time() - began)
    return best / times * 1e6


def event_us(dialect: str, endpoint: str, media: str, event: bytes, strips: frozenset[str]) -> float:
    inspector = inspector_for(dialect, endpoint, media, strips, hide_usage=False, status=200)
    inspector.feed(b"[" if media == "application/json" else b"")
    return cost_us(lambda: inspector.feed(event), 20_000)


def body_us(dialect: str, answer: bytes, strips: frozenset[str]) -> float:
    def once() -> None:
        inspector = inspector_for(dialect, "chat", "application/json", strips, hide_usage=False, status=200)
        for at in range(0, len(answer), 65_536):
            inspector.feed(answer[at : at + 65_536])
        inspector.close()

    return cost_us(once, max(50, 4_000_000 // len(answer)))


def main() -> None:
    chat = orjson.dumps(CHAT_EVENT)
    print(f"orjson.loads of a chat event of {len(chat)} bytes: {cost_us(lambda: orjson.loads(chat), 50_000):.2f} us\n")
    print(f"{'a streamed event':24}{'bytes':>8}{'passed':>10}{'stripped':>10}")
    for name, (dialect, endpoint, media, event) in STREAMS.items():
        passed, stripped = (event_us(dialect, endpoint, media, event, strips) for strips in (NOTHING, STRIPS))
        print(f"{name:24}{len(event):>8}{passed:>10.2f}{stripped:>10.2f}")
    print(f"\n{'a body':24}{'bytes':>8}{'passed':>10}{'stripped':>10}")
    for dialect in ("openai", "anthropic", "gemini", "bedrock", "ollama"):
        for size_bytes in (2_000, 200_000):
            answer = body(dialect, size_bytes)
            passed, stripped = (body_us(dialect, answer, strips) for strips in (NOTHING, STRIPS))
            print(f"{dialect:24}{len(answer):>8}{passed:>10.1f}{stripped:>10.1f}")


if __name__ == "__main__":
    main()
