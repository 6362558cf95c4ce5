"""Whatever an upstream sends, nothing escapes but UpstreamError, nothing leaks, and nothing that should pass is touched."""

from __future__ import annotations

import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import UpstreamError
from proxy.inspection.inspector import SHAPES, inspector_for
from tests.inspection.answers import ANSWERS, BOTH, NOTHING, fed, told

JSON = "application/json"
SSE = "text/event-stream"
TYPES = [JSON, SSE, "application/x-ndjson", "application/vnd.amazon.eventstream", "text/plain", ""]
KEYS = re.findall(
    r"\w+",
    """choices delta message content reasoning_content reasoning text type index finish_reason usage prompt_tokens output part item
    output_index response status logprobs content_block candidates parts thought finishReason usageMetadata contentBlockIndex
    reasoningContent stopReason bytes done thinking eval_count tool_calls function arguments timings metadata""",
)
KINDS = [
    "content_block_start",
    "content_block_delta",
    "message_start",
    "message_delta",
    "message",
    "thinking",
    "response.completed",
    "response.x",
]

values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats(allow_nan=False) | st.sampled_from(KINDS) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[str, bytes]:
    """Events of known keys with values of any type, in any framing."""
    events = draw(st.lists(values, min_size=1, max_size=4))
    texts = [json.dumps(event).encode() for event in events]
    media = draw(st.sampled_from([JSON, SSE, "application/x-ndjson"]))
    joined = {JSON: b",", SSE: b"\n\ndata: ", "application/x-ndjson": b"\n"}[media].join(texts)
    return media, (b"data: " + joined + b"\n\n" if media == SSE else joined)


@given(st.sampled_from(sorted(SHAPES)), st.sampled_from(["chat", "stream_generate_content"]), streams(), st.booleans(), st.data())
@settings(max_examples=250, deadline=None)
def test_values_of_any_type_raise_nothing_and_are_read_the_same_however_cut(dialect, endpoint, stream, strip, data):
    media, sent = stream
    cut = data.draw(st.integers(0, len(sent)))
    results = []
    for chunks in ((sent,), (sent[:cut], sent[cut:])):
        inspector = inspector_for(dialect, endpoint, media, BOTH if strip else NOTHING, hide_usage=strip, status=200)
        try:
            results.append((fed(inspector, *chunks), told(inspector)))
        except UpstreamError as error:
            assert inspector.buffers
            results.append((error.kind.encode(), told(inspector)))
    assert results[0] == results[1]
    assert strip or results[0][0] == sent


@given(st.sampled_from(sorted(SHAPES)), st.sampled_from(TYPES), st.binary(max_size=200), st.booleans())
@settings(max_examples=300, deadline=None)
def test_noise_passes_untouched_or_not_at_all(dialect, media, noise, strip):
    inspector = inspector_for(dialect, "chat", media, BOTH if strip else NOTHING, hide_usage=False, status=200)
    try:
        out = fed(inspector, noise)
    except UpstreamError:
        assert inspector.buffers
        assert inspector.broken
        return
    if not strip:
        assert out == noise


def test_ten_thousand_random_bodies_pass_byte_for_byte():
    dice = random.Random(20260921)
    alphabet = 'abc {}[]":,\\\n\réÿ🦜'

    def value(depth: int) -> object:
        kind = dice.randrange(6 if depth < 4 else 4)
        if kind == 0:
            return dice.choice([None, True, False, dice.uniform(-1e9, 1e9), dice.getrandbits(60), 1e-300])
        if kind < 4:
            return "".join(dice.choices(alphabet, k=dice.randrange(12)))
        if kind == 4:
            return [value(depth + 1) for _ in range(dice.randrange(4))]
        return {dice.choice(["content", "text", "id", "usage_note", "é", "data"]): value(depth + 1) for _ in range(dice.randrange(4))}

    for number in range(10_000):
        dialect = dice.choice(sorted(SHAPES))
        media = dice.choice(["application/json", "application/x-ndjson", "text/event-stream"])
        body = {"choices" if number % 2 else "x": [{"message": {"content": "".join(dice.choices(alphabet, k=20))}}], "extra": value(0)}
        text = json.dumps(body, ensure_ascii=dice.random() < 0.5, separators=dice.choice([(",", ":"), (", ", ": ")])).encode()
        sent = b"data:" + text + b"\n\n" if media == "text/event-stream" else text + b"\n" if "nd" in media else text
        cut = dice.randrange(len(sent))
        for strips in (NOTHING, BOTH):
            inspector = inspector_for(dialect, "chat", media, strips, hide_usage=False, status=200)
            assert fed(inspector, sent[:cut], sent[cut:]) == sent
            assert not inspector.broken


@pytest.mark.parametrize("name", [name for name in ANSWERS if "stream" in name])
def test_however_early_it_ends_nothing_that_must_go_goes_out(name):
    answer = ANSWERS[name]
    for end in range(0, len(answer.sent), 3):
        inspector = answer.inspector(BOTH)
        out = fed(inspector, answer.sent[:end])
        assert b"ecret" not in out
        assert answer.stripped.startswith(out) or answer.stripped.startswith(out.rstrip(b"\n]"))


@pytest.mark.parametrize("name", [name for name in ANSWERS if name.endswith(".sse")])
@pytest.mark.parametrize(
    "garbage",
    [
        b'data: {"choices":[{"delta":{"reasoning_content":"secret"}\n\n',
        b"data: secret\n\n",
        b'data: "secret"\n\n',
        b"data: [DONE] secret\n\n",
        b'data: {"secret": "\xff"}\n\n',
        b'data: {"choices": "secret"}\ndata: x\n\n',
    ],
)
def test_an_event_that_cannot_be_read_ends_a_stripped_stream(name, garbage):
    answer = ANSWERS[name]
    inspector = answer.inspector(BOTH)
    out = fed(inspector, garbage + answer.sent)
    assert (out, inspector.ended, inspector.broken) == (b"", True, True)
    assert inspector.cut(b"data: sorry\n\n") == b"data: sorry\n\n"
    assert inspector.feed(b"data: {}\n\n") == b""
    reader = answer.inspector()
    assert reader.feed(garbage + answer.sent) == garbage + answer.sent
    assert reader.broken
    assert reader.usage == answer.usage


@pytest.mark.parametrize(
    "name", [name for name in ANSWERS if name.endswith(".json") and "embed" not in name and name != "gemini/stream.json"]
)
@pytest.mark.parametrize("damage", [lambda body: body[:-3], lambda body: body + b"x", lambda _body: b"[1]", lambda body: b"\xff" + body])
def test_a_body_that_cannot_be_read_is_refused_before_anything_is_sent(name, damage):
    answer = ANSWERS[name]
    inspector = answer.inspector(BOTH)
    assert inspector.feed(damage(answer.sent)) == b""
    with pytest.raises(UpstreamError):
        inspector.close()
    assert inspector.broken
    reader = answer.inspector()
    assert fed(reader, damage(answer.sent)) == damage(answer.sent)
    assert reader.broken


@pytest.mark.parametrize("depth", [500, 5_000, 200_000])
def test_deep_nesting_is_neither_followed_nor_forwarded_stripped(depth):
    body = b'{"choices":' + b"[" * depth + b"]" * depth + b"}"
    assert fed(inspector_for("openai", "chat", JSON, NOTHING, hide_usage=False, status=200), body) == body
    with pytest.raises(UpstreamError):
        fed(inspector_for("openai", "chat", JSON, BOTH, hide_usage=False, status=200), body)
