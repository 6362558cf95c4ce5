"""Server-sent events: every line end, comments, several lines of data, and lines that never end."""

from __future__ import annotations

import tracemalloc

import pytest

from proxy.dialects.call import Usage
from proxy.inspection.events import EventReader, EventStripper
from proxy.inspection.lines import MAX_LINE_BYTES
from proxy.inspection.shapes.anthropic import MESSAGES
from proxy.inspection.shapes.openai import ANSWERS
from tests.inspection.answers import BOTH, fed

EVENT = b'{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}'
SECRET = b'{"choices":[{"index":0,"delta":{"reasoning_content":"secret"},"finish_reason":null}]}'
USAGE = b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}'


def stripper(*parts: str) -> EventStripper:
    return EventStripper(ANSWERS, frozenset(parts) if parts else BOTH)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("space", [b"", b" "])
def test_every_line_end_is_understood_at_every_cut(end, space):
    sent = b"".join(b"data:" + space + data + end + end for data in (EVENT, SECRET, USAGE, b"[DONE]"))
    expected = b"".join(b"data:" + space + data + b"\n\n" for data in (EVENT, USAGE, b"[DONE]"))
    for cut in range(len(sent)):
        strips = stripper()
        assert fed(strips, sent[:cut], sent[cut:]) == expected
        reader = EventReader(ANSWERS)
        assert fed(reader, sent[:cut], sent[cut:]) == sent
        assert reader.usage == strips.usage == Usage(3, 4, estimated=False)


def test_a_byte_order_mark_begins_no_line():
    sent = b"\xef\xbb\xbfdata: " + USAGE + b"\n\n"
    for cut in range(6):
        reader = EventReader(ANSWERS)
        fed(reader, sent[:cut], sent[cut:])
        assert reader.usage == Usage(3, 4)


def test_data_in_several_lines_is_one_event():
    sent = b'event: x\ndata: {"choices":[\ndata: {"index":0,"delta":{"reasoning":"secret"}}]\n: note\ndata: }\nid: 7\n\n'
    assert fed(stripper(), sent) == b": note\n"
    rewritten = b'data: {"choices":[\ndata: {"index":0,"delta":{"reasoning":"secret","content":"Hi"}}]\ndata: }\nid: 7\n\n'
    assert fed(stripper(), rewritten) == b'id: 7\ndata: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'


def test_heartbeats_pass_at_once_even_inside_an_event():
    strips = stripper()
    assert strips.feed(b": ping\n\n") == b": ping\n\n"
    assert strips.feed(b"data: " + SECRET[:40]) == b""
    assert strips.feed(SECRET[40:] + b"\n:still here\n") == b":still here\n"
    assert strips.feed(b"\n") == b""


def test_fields_that_clients_ignore_carry_nothing_through():
    assert fed(stripper(), b"secret: 1\nsecret\nretry: 3\n\n") == b"retry: 3\n\n"


def test_a_last_event_without_an_end_is_read_and_stripped_too():
    reader = EventReader(ANSWERS)
    fed(reader, b"data: " + USAGE)
    assert reader.usage == Usage(3, 4)
    assert fed(stripper(), b"data: " + EVENT) == b"data: " + EVENT + b"\n\n"
    assert fed(stripper(), b"data: " + SECRET + b"\n") == b""
    assert fed(stripper(), b"data: " + EVENT[:-1]) == b""


def test_the_usage_nobody_asked_for_is_taken_out():
    sent = (
        b'data: {"id":"a","choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null}\n\n' + b"data: " + USAGE + b"\n\ndata: [DONE]\n\n"
    )
    strips = stripper("usage")
    assert fed(strips, sent) == b'data: {"id":"a","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n'
    assert strips.usage == Usage(3, 4)


def test_usage_beside_content_is_taken_out_and_the_content_stays():
    sent = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
    assert fed(stripper("usage"), sent) == b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    filtered = b'data: {"choices":[],"prompt_filter_results":[],"usage":{"prompt_tokens":1}}\n\n'
    assert fed(stripper("usage"), filtered) == b'data: {"choices":[],"prompt_filter_results":[]}\n\n'


def test_an_answer_cut_before_its_finish_reason_is_estimated_from_what_was_relayed():
    start = b'data: {"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
    delta = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"' + b"word " * 60 + b'"}}\n\n'
    reader = EventReader(MESSAGES)
    reader.feed(start + delta)
    assert reader.usage == Usage(9, 100, estimated=True)
    reader.feed(b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":61}}\n\n')
    assert reader.usage == Usage(9, 61)


def test_stripped_text_counts_as_written():
    strips = stripper()
    fed(strips, b"data: " + SECRET + b"\n\n")
    assert strips.output_estimate == 2


@pytest.mark.parametrize("make", [lambda: EventReader(ANSWERS), stripper])
@pytest.mark.parametrize(("piece", "pieces"), [(b"x" * 65_536, 800), (b"data:\n" * 10_000, 60), (b"data: " + b"y" * 65_000 + b"\n", 800)])
def test_an_event_that_never_ends_takes_bounded_memory(make, piece, pieces):
    inspector = make()
    inspector.feed(b"data: {")
    tracemalloc.start()
    try:
        for _ in range(pieces):
            inspector.feed(piece)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 3 * MAX_LINE_BYTES
    inspector.feed(b"\n\n")
    inspector.close()
    assert inspector.broken
    assert inspector.output_estimate >= MAX_LINE_BYTES // 3
    assert inspector.ended == inspector.rewrites


def test_a_picture_too_large_to_hold_costs_what_is_told_behind_it_and_is_no_text():
    reader = EventReader(ANSWERS)
    reader.feed(b'data: {"choices":[{"delta":{"images":[{"url":"')
    for _ in range(MAX_LINE_BYTES // 65_536 + 2):
        reader.feed(b"A" * 65_536)
    reader.feed(b'"}]}}],"usage":{"prompt_tokens":7,"completion_tokens":1120}}\n\n')
    reader.close()
    assert reader.broken
    assert reader.output_estimate == 0
    assert reader.usage is not None
    assert reader.usage[:2] == (7, 1120)


def test_an_overlong_line_is_treated_the_same_however_it_is_cut():
    line = b"data: " + b" " * MAX_LINE_BYTES + EVENT + b"\n\n"
    for pieces in ([line], [line[:100], line[100:]], [line[:-1], line[-1:]]):
        strips, reader = stripper(), EventReader(ANSWERS)
        assert fed(strips, *pieces) == b""
        assert fed(reader, *pieces) == line
        assert strips.ended
        assert strips.output_estimate == reader.output_estimate
