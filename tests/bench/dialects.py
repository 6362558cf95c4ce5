"""What each dialect costs, a row for each: `python tests/bench/dialects.py`.

Microseconds to read a request of 2 kB and of 200 kB, from raw bytes to ModelCall, and for each streamed event of the answer, passed and
stripped. `spaced` is the same document as `requests` and `curl` send it, with blanks: it takes the slower check for duplicate keys.
"""

from __future__ import annotations

import json
import sys
import timeit
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from proxy.dialects.batch import read_upload
from proxy.dialects.body import JsonLimits, read_json
from proxy.dialects.realtime.session import RealtimeSession
from proxy.dialects.routes import find_route
from tests.bench.streams import NOTHING, STREAMS, STRIPS, event_us

EVENTS: Final = {
    "openai chat": "openai chat", "azure chat": "openai chat", "openai responses": "openai responses",
    "anthropic messages": "anthropic messages", "gemini generateContent": "gemini sse", "bedrock converse": "bedrock converse",
    "bedrock invoke": "bedrock invoke", "ollama chat": "ollama chat",
}  # fmt: skip
"""Request to the stream that answers it."""
SIZES: Final = (2_000, 200_000)
LIMITS: Final = JsonLimits()
_REPEATS: Final = 5
_LEAST_S: Final = 0.02


class Sample(NamedTuple):
    name: str
    path: str
    document: dict[str, Any]


def _turns(size: int) -> list[str]:
    """A conversation of that many bytes: one message for each 2,000."""
    words = "the quick brown fox jumps over the lazy dog and "
    each = (words * (2_000 // len(words)))[:1_800]
    return [each] * max(size // 2_000, 1)


def samples(size: int) -> list[Sample]:
    turns = _turns(size)
    roles = ["user" if at % 2 == 0 else "assistant" for at in range(len(turns))]
    plain = [{"role": role, "content": words} for role, words in zip(roles, turns, strict=True)]
    blocks = [{"role": role, "content": [{"type": "text", "text": words}]} for role, words in zip(roles, turns, strict=True)]
    bare = [{"role": role, "content": [{"text": words}]} for role, words in zip(roles, turns, strict=True)]
    parts = [{"role": "user" if role == "user" else "model", "parts": [{"text": words}]} for role, words in zip(roles, turns, strict=True)]
    return [
        Sample(
            "openai chat", "/v1/chat/completions", {"model": "m", "messages": plain, "temperature": 0.7, "max_tokens": 100, "stream": True}
        ),
        Sample("openai completions", "/v1/completions", {"model": "m", "prompt": "".join(turns), "max_tokens": 100}),
        Sample("openai responses", "/v1/responses", {"model": "m", "input": plain, "max_output_tokens": 100}),
        Sample("openai embeddings", "/v1/embeddings", {"model": "m", "input": turns}),
        Sample("azure chat", "/openai/deployments/m/chat/completions", {"model": "m", "messages": blocks, "max_tokens": 100}),
        Sample("anthropic messages", "/v1/messages", {"model": "m", "max_tokens": 100, "messages": blocks, "stream": True}),
        Sample(
            "gemini generateContent", "/v1beta/models/m:generateContent", {"contents": parts, "generationConfig": {"maxOutputTokens": 100}}
        ),
        Sample("bedrock converse", "/model/m/converse", {"messages": bare, "inferenceConfig": {"maxTokens": 100}}),
        Sample("bedrock invoke", "/model/anthropic.m/invoke", {"anthropic_version": "v", "max_tokens": 100, "messages": blocks}),
        Sample("ollama chat", "/api/chat", {"model": "m", "messages": plain, "options": {"num_predict": 100}}),
        Sample("ollama generate", "/api/generate", {"model": "m", "prompt": "".join(turns)}),
    ]


def microseconds(action: Any) -> float:
    """The best of several runs."""
    timer = timeit.Timer(action)
    number = 1
    while (spent := timer.timeit(number)) < _LEAST_S:
        number *= 4
    return min(spent, *timer.repeat(_REPEATS, number)) / number * 1e6


def _read(path: str, raw: bytes) -> Any:
    return find_route("POST", path).read(read_json(raw, LIMITS))


def rows(size: int) -> list[tuple[str, int, float, float]]:
    """Name, bytes, microseconds compact, microseconds spaced."""
    found = []
    for name, path, document in samples(size):
        raw, spaced = orjson.dumps(document), json.dumps(document).encode()
        found.append((name, len(raw), microseconds(lambda: _read(path, raw)), microseconds(lambda: _read(path, spaced))))  # noqa: B023 - called in this turn
    return found


def main() -> None:
    """Print the tables."""
    print(f"{'us for':<24}{'2 kB':>10}{'spaced':>10}{'200 kB':>10}{'spaced':>10}{'an event':>10}{'stripped':>10}")
    for (name, _, *small), (_, _, *large) in zip(*map(rows, SIZES), strict=True):
        times = [f"{spent:>10.1f}" for spent in (*small, *large)]
        if name in EVENTS:
            dialect, endpoint, media, event = STREAMS[EVENTS[name]]
            spoken = "azure" if name == "azure chat" else dialect
            times += [f"{event_us(spoken, endpoint, media, event, strips):>10.2f}" for strips in (NOTHING, STRIPS)]
        print(f"{name:<24}{''.join(times)}")
    _print_others()


def _print_others() -> None:
    print(f"\n{'us for':<26}{'bytes':>9}")
    chat = samples(SIZES[0])[0].document
    line = orjson.dumps({"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": chat})
    form = b'--cut\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    form += b'--cut\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + b"\n".join([line] * 100) + b"\r\n--cut--\r\n"
    files = find_route("POST", "/v1/files")
    batch = microseconds(lambda: list(read_upload(files, "multipart/form-data; boundary=cut", form).lines))
    print(f"{'batch file, one line':<26}{len(line):>9}{batch / 100:>12.1f}")
    event = orjson.dumps(
        {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": chat["messages"][0]["content"]}}
    )
    session = RealtimeSession(find_route("GET", "/v1/realtime"), "m")
    print(f"{'realtime event':<26}{len(event):>9}{microseconds(lambda: session.read_event(event)):>12.1f}")
    print(f"{'route, exact':<26}{'':>9}{microseconds(lambda: find_route('POST', '/v1/chat/completions')):>12.2f}")
    print(f"{'route, by segments':<26}{'':>9}{microseconds(lambda: find_route('POST', '/v1beta/models/m:generateContent')):>12.2f}")


if __name__ == "__main__":
    main()
