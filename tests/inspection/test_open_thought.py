"""Answers that begin inside a thought, because the chat template put the opening tag into the prompt."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dialects.wire.thoughts import TAGS
from proxy.inspection.inspector import inspector_for
from proxy.inspection.shapes.bedrock import BLOCKS
from proxy.inspection.shapes.shape import OPEN_THOUGHT
from tests.inspection.answers import fed

STRIPS = frozenset({"reasoning", OPEN_THOUGHT})
THOUGHT = "Let me see.\n<think> is a tag, </thin isn't.\n"
SAID = THOUGHT + "</think>\n\nYes, \u201e</think>\u201c closes it."
KEPT = "\n\nYes, \u201e</think>\u201c closes it."


def _sse(pieces):
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": piece}, None) for piece in pieces] + [({}, "stop")]
    events = [{"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} for delta, finish in deltas]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"


def _responses(pieces):
    where = {"output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": SAID, "annotations": [], "logprobs": [{"token": "Let"}]}
    item = {"type": "message", "role": "assistant", "content": [part]}
    events = [
        *({"type": "response.output_text.delta", **where, "delta": piece, "logprobs": [{"token": piece}]} for piece in pieces),
        {"type": "response.output_text.done", **where, "text": SAID, "logprobs": [{"token": "Let"}]},
        {"type": "response.content_part.done", **where, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": {**item, "logprobs": []}},
        {"type": "response.completed", "response": {"status": "completed", "output": [item]}},
    ]
    return b"".join(b"event: " + event["type"].encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events)


def _messages(pieces):
    events = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}} for piece in pieces),
        {"type": "content_block_stop", "index": 0},
    ]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def _lines(pieces):
    lines = [{"message": {"role": "assistant", "content": piece}, "done": False} for piece in pieces]
    last = b'{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n'
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines) + last


def _told(out):
    """The text of a stream of events or lines."""
    told = ""
    for line in out.splitlines():
        found = json.loads(line.removeprefix(b"data: ")) if line.startswith((b"data: {", b"{")) else {}
        told += (found.get("message") or {}).get("content") or ""
        told += "".join(choice["delta"].get("content") or "" for choice in found.get("choices") or ())
        delta = found.get("delta") or ""
        told += delta if isinstance(delta, str) else delta["text"]
    return told


STREAMS = {
    "openai": (_sse, "chat.completions", "text/event-stream"),
    "azure": (_responses, "responses", "text/event-stream"),
    "anthropic": (_messages, "messages", "text/event-stream"),
    "ollama": (_lines, "chat", "application/x-ndjson"),
}


@pytest.mark.parametrize("dialect", STREAMS)
@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SAID)), max_size=12))
def test_however_a_stream_is_cut_its_thought_is_gone_and_the_answer_whole(dialect, cuts):
    write, endpoint, media = STREAMS[dialect]
    places = [0, *sorted(cuts), len(SAID)]
    sent = write([SAID[begin:end] for begin, end in pairwise(places)])
    inspector = inspector_for(dialect, endpoint, media, STRIPS, hide_usage=False, status=200)
    assert _told(fed(inspector, sent)) == KEPT


def test_what_repeats_a_streamed_text_has_no_thought_in_it_either():
    inspector = inspector_for("openai", "responses", "text/event-stream", STRIPS, hide_usage=False, status=200)
    out = fed(inspector, _responses([SAID[:20], SAID[20:]])).decode()
    assert THOUGHT[:8] not in out
    assert '"token"' not in out
    assert out.count(json.dumps(KEPT)[1:-1]) + out.count(KEPT.replace("\n", "\\n")) == 5


def test_log_probabilities_beside_an_items_content_are_stripped_too():
    item = {
        "type": "message",
        "content": [{"type": "output_text", "text": "hi", "logprobs": [{"token": "hi"}]}],
        "logprobs": [{"token": "hi"}],
    }
    event = b"data: " + json.dumps({"type": "response.output_item.done", "output_index": 0, "item": item}).encode() + b"\n\n"
    inspector = inspector_for("openai", "responses", "text/event-stream", frozenset({"logprobs"}), hide_usage=False, status=200)
    assert b'"token"' not in fed(inspector, event)


BODIES = {
    "chat.completions": ("openai", lambda text: {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}),
    "completions": ("openai", lambda text: {"choices": [{"text": text, "finish_reason": "stop"}]}),
    "responses": ("openai", lambda text: {"output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}]}),
    "messages": ("anthropic", lambda text: {"type": "message", "content": [{"type": "text", "text": text}]}),
    "converse": ("bedrock", lambda text: {"output": {"message": {"content": [{"text": text}]}}, "stopReason": "end_turn"}),
    "invoke": ("bedrock", lambda text: {"generation": text, "stop_reason": "stop"}),
    "invoke of DeepSeek": ("bedrock", lambda text: {"choices": [{"text": text, "stop_reason": "stop"}]}),
    "generate": ("ollama", lambda text: {"response": text, "done": True}),
}


@pytest.mark.parametrize("shape", BODIES)
@pytest.mark.parametrize("tag", [("", "</think>"), *TAGS.items()], ids=lambda tag: tag[0] or "opened by the prompt")
def test_a_thought_between_tags_is_stripped_from_every_api_s_text(shape, tag):
    dialect, body = BODIES[shape]
    opening, closing = tag
    strips = STRIPS if not opening else frozenset({"reasoning"})
    inspector = inspector_for(dialect, shape.split()[0], "application/json", strips, hide_usage=False, status=200)
    sent = body(f"{opening}Let me see.{closing} It is.")
    assert json.loads(fed(inspector, json.dumps(sent).encode())) == body(" It is.")


@pytest.mark.parametrize("pieces", [["so</th", "ink> it", " is"], ["so</think>", " it is"]])
def test_a_maker_s_stream_on_bedrock_begins_inside_its_thought(pieces):
    shape = BLOCKS.stripper(STRIPS)
    events = [{"generation": piece, "stop_reason": None} for piece in pieces] + [{"generation": "", "stop_reason": "stop"}]
    for event in events:
        shape.event(event)
    assert "".join(str(event["generation"]) for event in events) == " it is"


@pytest.mark.parametrize(("said", "kept"), [(SAID, KEPT), (THOUGHT, ""), ("", "")], ids=["closed", "never closed", "empty"])
def test_a_thought_that_never_ends_is_all_there_is(said, kept):
    body = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]}).encode()
    inspector = inspector_for("openai", "chat.completions", "application/json", STRIPS, hide_usage=False, status=200)
    assert json.loads(fed(inspector, body))["choices"][0]["message"]["content"] == kept
