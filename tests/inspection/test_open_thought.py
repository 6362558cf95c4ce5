"""Answers that begin inside a thought, because the chat template put the opening tag into the prompt."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.inspection.inspector import inspector_for
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


def _lines(pieces):
    lines = [{"message": {"role": "assistant", "content": piece}, "done": False} for piece in pieces]
    last = b'{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n'
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines) + last


def _told(out):
    """The text of a stream of events or lines."""
    told = ""
    for line in out.splitlines():
        found = json.loads(line.removeprefix(b"data: ")) if line.strip() and not line.endswith(b"[DONE]") else {}
        told += (found.get("message") or {}).get("content") or ""
        told += "".join(choice["delta"].get("content") or "" for choice in found.get("choices") or ())
    return told


STREAMS = {
    "openai": (_sse, "chat.completions", "text/event-stream"),
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


def test_a_raw_completion_begins_with_its_answer():
    body = json.dumps({"choices": [{"index": 0, "text": SAID, "finish_reason": "stop"}]}).encode()
    inspector = inspector_for("openai", "completions", "application/json", STRIPS, hide_usage=False, status=200)
    assert json.loads(fed(inspector, body))["choices"][0]["text"] == SAID


@pytest.mark.parametrize(("said", "kept"), [(SAID, KEPT), (THOUGHT, ""), ("", "")], ids=["closed", "never closed", "empty"])
def test_a_thought_that_never_ends_is_all_there_is(said, kept):
    body = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]}).encode()
    inspector = inspector_for("openai", "chat.completions", "application/json", STRIPS, hide_usage=False, status=200)
    assert json.loads(fed(inspector, body))["choices"][0]["message"]["content"] == kept
