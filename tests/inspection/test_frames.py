"""Frames of Bedrock's streams: what makes one, which of them hold an answer, and what of that is told and stripped."""

from __future__ import annotations

import struct
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer

from proxy.inspection.frames import MAX_FRAME_BYTES, MAX_HEADERS_BYTES, Frame, FrameReader, Frames, FrameStripper, string_header
from proxy.inspection.shapes.bedrock import BLOCKS
from tests.inspection.answers import ANSWERS, BOTH, fed

CONVERSE = ANSWERS["bedrock/converse_stream.bin"].sent


def decoded(frames: bytes) -> list[tuple[str, bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(frames)
    return [(event.headers.get(":event-type", ""), event.payload) for event in buffer]


def test_botocore_decodes_every_stripped_frame():
    kinds = [kind for kind, _ in decoded(fed(FrameStripper(BLOCKS, BOTH), CONVERSE))]
    assert kinds.count("contentBlockDelta") == 2
    assert (kinds[0], kinds[-2], kinds[-1]) == ("messageStart", "messageStop", "metadata")


def test_a_rewritten_frame_keeps_its_headers():
    before, after = (dict(decoded(frames)) for frames in (CONVERSE, fed(FrameStripper(BLOCKS, BOTH), CONVERSE)))
    assert set(before) == set(after)


@pytest.mark.parametrize("place", [0, 5, 9, 20, 60, 100])
def test_a_flipped_bit_is_noticed_and_ends_a_stripped_stream(place):
    flipped = bytearray(CONVERSE)
    flipped[place] ^= 0x10
    stripper, reader = FrameStripper(BLOCKS, BOTH), FrameReader(BLOCKS)
    assert fed(stripper, bytes(flipped)) == b""
    assert stripper.broken
    assert fed(reader, bytes(flipped)) == bytes(flipped)
    assert reader.broken
    assert reader.usage is None


def test_a_frame_cut_short_is_dropped():
    stripper = FrameStripper(BLOCKS, BOTH)
    assert decoded(fed(stripper, CONVERSE[:-3]))[-1][0] == "messageStop"
    assert stripper.broken


def test_a_cut_between_frames_adds_a_frame_and_inside_one_adds_nothing():
    error = Frame(b"", b"{}").encoded()
    size = int.from_bytes(CONVERSE[:4], "big")
    reader = FrameReader(BLOCKS)
    reader.feed(CONVERSE[:size])
    assert reader.cut(error) == error
    reader = FrameReader(BLOCKS)
    reader.feed(CONVERSE[: size + 1])
    assert reader.cut(error) == b""
    assert reader.feed(CONVERSE[size + 1 :]) == b""


EVENT_TYPE = b"\x0d:message-type\x07\x00\x05event"


@pytest.mark.parametrize(
    "headers", [b"\x05a", b"\x01a", b"\x01a\x07\x00", b"\x01a\x07\x00\x02x", b"\x01a\x04\x00\x00\x00", b"\x01a\x63\x00\x00", b"\x01a\x0a", EVENT_TYPE[:-1]]
)  # fmt: skip
def test_a_frame_whose_headers_cannot_be_read_is_never_forwarded_as_one_that_holds_no_answer(headers):
    with pytest.raises(ValueError, match="cut short"):
        string_header(headers, b":message-type")
    frame = Frame(headers, b'{"delta":{"text":"x"}}').encoded()
    stripper, reader = FrameStripper(BLOCKS, BOTH), FrameReader(BLOCKS)
    assert fed(stripper, frame) == b""
    assert fed(reader, frame) == frame
    assert stripper.broken
    assert reader.broken


def test_headers_of_every_type_are_stepped_over():
    fixed = b"".join(
        b"\x01" + bytes([65 + kind]) + bytes([kind]) + b"\x00" * size
        for kind, size in {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}.items()
    )
    long = b"\x01l\x07\x01\x02" + b"x" * 0x102
    headers = fixed + long + b"\x01n\x06\x00\x02xy" + b"\x01n\x07\x00\x03yes" + b"\x01n\x07\x00\x02no"
    assert string_header(headers, b"n") == b"yes"
    assert string_header(headers, b"absent") == string_header(b"", b"n") == b""


def prelude(total: int, headers: int, *, crc_off_by: int = 0) -> bytes:
    lengths = struct.pack(">II", total, headers)
    return lengths + struct.pack(">I", zlib.crc32(lengths) ^ crc_off_by)


@pytest.mark.parametrize(
    ("begun", "sound"),
    [
        (prelude(16, 0), True),
        (prelude(17, 1), True),
        (prelude(MAX_FRAME_BYTES, 0), True),
        (prelude(16 + MAX_HEADERS_BYTES, MAX_HEADERS_BYTES), True),
        (prelude(0, 0), False),
        (prelude(15, 0), False),
        (prelude(16, 1), False),
        (prelude(MAX_FRAME_BYTES + 1, 0), False),
        (prelude(17 + MAX_HEADERS_BYTES, MAX_HEADERS_BYTES + 1), False),
        (prelude(16, 0, crc_off_by=1), False),
    ],
)
def test_a_frame_is_known_to_be_none_by_its_first_twelve_bytes(begun, sound):
    frames = Frames()
    assert frames.feed(begun[:-1]) == frames.feed(begun[-1:]) == []
    assert (frames.broken, frames.partial) == (not sound, sound)


@pytest.mark.parametrize("part", ["prelude", "payload"])
def test_both_sums_of_a_frame_count_and_after_a_false_one_no_frame_comes_out(part):
    good = Frame(b"", b"{}").encoded()
    body = prelude(18, 0, crc_off_by=part == "prelude") + b"{}"
    false = body + struct.pack(">I", zlib.crc32(body) ^ (part == "payload"))
    frames = Frames()
    long = Frame(b"", b" " * 100)
    assert [frame.payload for frame in frames.feed(long.encoded() + good + false + good)] == [long.payload, b"{}"]
    assert (frames.broken, frames.partial) == (True, False)
    assert frames.feed(good) == []


@pytest.mark.parametrize(
    ("payload", "unread"),
    [
        (b"", 0),
        (b'{"delta":{"image":{"source":{"bytes":"x"}}},"contentBlockIndex":0}', 0),
        (b'{"bytes": "e30=", "p": "ab"}', 0),
        (b'{"bytes":"e3 0="}', 17),
        (b'{"bytes":"e3"}', 14),
        (b'{"bytes":5}', 11),
        (b'["bytes"]', 9),
        (b"{", 1),
    ],
)
def test_a_payload_that_cannot_be_read_is_told_and_counts_as_text(payload, unread):
    frame = Frame(EVENT_TYPE, payload).encoded()
    stripper, reader = FrameStripper(BLOCKS, BOTH), FrameReader(BLOCKS)
    assert fed(reader, frame) == frame
    assert fed(stripper, frame) == (b"" if unread else frame)
    assert (reader.broken, stripper.broken, stripper.ended) == (bool(unread),) * 3
    assert reader.output_estimate == stripper.output_estimate == -(-unread // 3)


@pytest.mark.parametrize("headers", [b"", b"\x0d:message-type\x07\x00\x09exception", b"\x0d:message-type\x06\x00\x05event"])
def test_a_frame_that_is_no_event_passes_as_it_is(headers):
    frame = Frame(headers, b"Too many requests").encoded()
    for inspector in (FrameStripper(BLOCKS, BOTH), FrameReader(BLOCKS)):
        assert fed(inspector, frame) == frame
        assert (inspector.broken, inspector.output_estimate) == (False, 0)


def test_after_a_cut_no_frame_passes():
    error = Frame(b"", b"{}").encoded()
    for inspector in (FrameStripper(BLOCKS, BOTH), FrameReader(BLOCKS)):
        assert inspector.feed(CONVERSE[:5]) == (b"" if inspector.rewrites else CONVERSE[:5])
        assert inspector.cut(error) == (error if inspector.rewrites else b"")
        assert inspector.ended
        assert inspector.feed(CONVERSE[5:]) == b""
        assert inspector.usage is None


def test_an_answer_that_has_ended_is_given_up_once():
    stripper = FrameStripper(BLOCKS, BOTH)
    assert fed(stripper, Frame(EVENT_TYPE, b"{").encoded() + prelude(0, 0)) == b""
    assert (stripper.ended, stripper.output_estimate) == (True, 1)


def test_a_frame_that_ends_too_early_is_told_by_who_reads_it():
    reader = FrameReader(BLOCKS)
    assert fed(reader, CONVERSE[:-3]) == CONVERSE[:-3]
    assert reader.broken
    whole = FrameReader(BLOCKS)
    fed(whole, CONVERSE)
    assert not whole.broken


def test_behind_a_frame_that_is_none_nothing_is_read_any_more():
    reader = FrameReader(BLOCKS)
    assert reader.feed(b"\xff" * 16) == b"\xff" * 16
    assert reader.feed(CONVERSE) == CONVERSE
    assert (reader.broken, reader.usage, reader.output_estimate) == (True, None, 0)
    assert reader.cut(Frame(b"", b"{}").encoded()) == b""


@pytest.mark.parametrize("payload", [b"secret", b'{"bytes":"%%%"}', b'{"bytes":7}', b'{"bytes":"c2VjcmV0"}', b'["bytes"]'])
def test_a_payload_that_cannot_be_read_ends_a_stripped_stream(payload):
    first = CONVERSE[: int.from_bytes(CONVERSE[:4], "big")]
    sent = first + Frame(EVENT_TYPE, payload).encoded() + CONVERSE[len(first) :]
    stripper, reader = FrameStripper(BLOCKS, BOTH), FrameReader(BLOCKS)
    assert fed(stripper, sent) == first
    assert stripper.ended
    assert fed(reader, sent) == sent
    assert reader.broken
    assert reader.usage == ANSWERS["bedrock/converse_stream.bin"].usage
