"""Server-sent events: every line end, comments, several lines of data, and lines that never end."""

from __future__ import annotations

import tracemalloc

import pytest

from proxy.dialects.call import Usage
from proxy.inspection.events import EventReader, EventStripper, whole_event
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


@pytest.mark.parametrize(
    ("chunk", "data"),
    [
        (b'data: {"a":1}\n\n', b'{"a":1}'),
        (b'event: delta\ndata: {"a":1}\n\n', b'{"a":1}'),
        (b"event:\ndata: {}\n\n", b"{}"),
        (b"data: {}\n", None),
        (b"data: {}", None),
        (b"data: {}\ni", None),
        (b"data: {}}\n \n\n", None),
        (b"data: {}\n\n\n", None),
        (b"data: {}\r\n\r\n", None),
        (b"data: {}\rdata: {}\n\n", None),
        (b"data: {}\n\ndata: {}\n\n", None),
        (b"data: {\ndata: }\n\n", None),
        (b"event: delta\ndata: {\ndata: }\n\n", None),
        (b"event: delta\n\ndata: {}\n\n", None),
        (b"event: delta\nid: 1\ndata: {}\n\n", None),
        (b"event: delta\nid: 1 {}\n\n", None),
        (b"event: data: {}\n\n", None),
        (b"eventful\ndata: {}\n\n", None),
        (b"id: 1\ndata: {}\n\n", None),
        (b": note\ndata: {}\n\n", None),
        (b"data: [{}\n\n", None),
        (b"}\n\n", None),
        (b"", None),
    ],
)
def test_the_short_cut_takes_one_event_with_one_line_of_data_and_nothing_else(chunk, data):
    found = whole_event(chunk)
    assert (None if found is None else found.strip()) == data


def test_a_chunk_that_looks_like_an_event_is_none_inside_another():
    reader = EventReader(ANSWERS)
    sent = [b"data: " + EVENT + b"\n\n", b'data: {"choices":[],"usage":\n', b'data: {"prompt_tokens":3,"completion_tokens":4}}\n\n']
    assert fed(reader, *sent) == b"".join(sent)
    assert (reader.usage, reader.broken) == (Usage(3, 4), False)
    reader = EventReader(ANSWERS)
    fed(reader, b": ping\n\n", b": a not", b"data: " + USAGE + b"\n\n")
    assert (reader.usage, reader.broken) == (None, False)


@pytest.mark.parametrize("begun", [b"", b": note\n\n"], ids=["the first", "a later one"])
def test_an_event_that_cannot_be_read_passes_and_is_told_and_counts_as_text(begun):
    reader = EventReader(ANSWERS)
    sent = b'data: {"nine" "letters"}\n\n'
    assert reader.feed(begun) + reader.feed(sent) == begun + sent
    assert (reader.broken, reader.output_estimate) == (True, 6)


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


def test_what_stands_between_the_lines_of_an_event_ends_it_for_no_reader():
    reader = EventReader(ANSWERS)
    fed(reader, b"event: x\ndata: " + USAGE[:13] + b"\nid: 7\n: note\nretry: 3\ndata:" + USAGE[13:] + b"\n\n")
    assert (reader.usage, reader.broken) == (Usage(3, 4), False)


@pytest.mark.parametrize("make", [lambda: EventReader(ANSWERS), stripper], ids=["read", "stripped"])
@pytest.mark.parametrize("begun", [b"", b"dat", b": not", b"data: " + EVENT, b"data: " + EVENT + b"\nid: 1\n"])
def test_after_a_cut_nothing_passes_and_nothing_is_read(make, begun):
    inspector = make()
    inspector.feed(b"data: " + EVENT + b"\n\n" + begun)
    assert inspector.cut(b"data: {}\n\n") == (b"\n\n" if begun and not inspector.rewrites else b"") + b"data: {}\n\n"
    assert inspector.ended
    assert inspector.feed(b"\n\ndata: " + USAGE + b"\n\n") == inspector.close() == b""
    assert (inspector.usage, inspector.output_estimate) == (None, 1)


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
    assert fed(stripper(), b"data: " + EVENT + b"\n: note") == b": note\ndata: " + EVENT + b"\n\n"
    assert fed(stripper(), b"data:\n") == fed(stripper(), b"data: \n") == fed(stripper(), b"event: x\n") == b""


@pytest.mark.parametrize("last", [b"data:\n\n", b"data: \n\n", b"data: [DONE]\n\n", b": ping", b"event: x", b"\n"])
def test_events_without_anything_in_them_break_no_answer(last):
    reader = EventReader(ANSWERS)
    fed(reader, b"data:" + USAGE + b"\n\n" + last)
    assert (reader.usage, reader.broken, reader.output_estimate) == (Usage(3, 4), False, 0)
    reader = EventReader(ANSWERS)
    fed(reader, last + b"\n\ndata:" + USAGE)
    assert (reader.usage, reader.broken) == (Usage(3, 4), False)


@pytest.mark.parametrize("make", [lambda: EventReader(ANSWERS), stripper], ids=["read", "stripped"])
def test_a_stream_may_be_longer_than_any_event_in_it(make):
    inspector = make()
    event = b"data: {}" + b" " * (MAX_LINE_BYTES // 8) + b"\n\n"
    fed(inspector, *[event] * 9, b"data: " + USAGE + b"\n\n")
    assert (inspector.usage, inspector.broken) == (Usage(3, 4), False)


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
    assert inspector.ended == inspector.rewrites
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
