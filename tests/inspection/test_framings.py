"""Frames, lines and array elements: how each is cut by policy, and how each is told broken."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from botocore.eventstream import EventStreamBuffer

from proxy.inspection.arrays import ArrayReader, ArrayStripper
from proxy.inspection.frames import Frame, FrameReader, FrameStripper, string_header
from proxy.inspection.records import RecordReader, RecordStripper
from proxy.inspection.shapes.bedrock import BLOCKS
from proxy.inspection.shapes.gemini import CANDIDATES
from proxy.inspection.shapes.ollama import LINES
from tests.inspection.answers import ANSWERS, BOTH, fed

CONVERSE = ANSWERS["bedrock/converse_stream.bin"].sent
ERROR = b'data: {"error": {"code": 429}}\n\n'


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


@pytest.mark.parametrize("headers", [b"\x05a", b"\x01a\x07\x00", b"\x01a", b"\x01a\x63\x00\x00"])
def test_headers_cut_short_are_no_event(headers):
    with contextlib.suppress(ValueError):
        assert string_header(headers, b":message-type") == b""
    stripper = FrameStripper(BLOCKS, BOTH)
    fed(stripper, Frame(headers, b'{"delta":{"text":"x"}}').encoded())


def test_headers_of_every_type_are_stepped_over():
    fixed = b"".join(
        b"\x01" + bytes([65 + kind]) + bytes([kind]) + b"\x00" * size
        for kind, size in {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}.items()
    )
    counted = b"\x01b\x06\x00\x02xy"
    assert string_header(fixed + counted + b"\x01n\x07\x00\x03yes", b"n") == b"yes"


def test_a_line_forwarded_in_part_is_ended_before_the_error():
    error = b'{"error":"x"}\n'
    reader = RecordReader(LINES)
    reader.feed(b'{"message":{}}\n{"mess')
    assert reader.cut(error) == b"\n" + error
    reader = RecordReader(LINES)
    reader.feed(b'{"message":{}}\n')
    assert reader.cut(error) == error
    stripper = RecordStripper(LINES, BOTH)
    assert stripper.feed(b'{"message":{}}\n{"mess') == b'{"message":{}}\n'
    assert stripper.cut(error) == error


@pytest.mark.parametrize(
    ("sent", "added"),
    [
        (b"", b'[{"error": {"code": 429}}]\n'),
        (b"[", b'{"error": {"code": 429}}]\n'),
        (b'[{"candidates":[]}', b',\n{"error": {"code": 429}}]\n'),
        (b'[{"candidates":[]}\n,', b'{"error": {"code": 429}}]\n'),
        (b'[{"candidates":[', b""),
        (b'[{"candidates":[]}]', b""),
        (b'{"candidates":[]}', b""),
    ],
)
def test_a_cut_array_stays_json_wherever_it_can(sent, added):
    reader = ArrayReader(CANDIDATES)
    reader.feed(sent)
    assert reader.cut(ERROR) == added


def test_a_cut_stripped_array_is_always_json():
    sent = ANSWERS["gemini/stream.json"].sent
    for end in range(0, len(sent), 7):
        stripper = ArrayStripper(CANDIDATES, BOTH)
        whole = stripper.feed(sent[:end]) + stripper.cut(ERROR)
        assert whole.endswith(b'{"error": {"code": 429}}]\n')
        assert whole.startswith(b"[{")
        assert json.loads(whole)[-1] == {"error": {"code": 429}}


@pytest.mark.parametrize("sent", [b"[]", b" [ ] ", b"[\n]\n"])
def test_an_empty_array_stays_one(sent):
    assert fed(ArrayStripper(CANDIDATES, BOTH), sent) == b"[]\n"


def test_one_object_in_place_of_an_array_is_stripped_as_it_is():
    body = ANSWERS["gemini/generate.json"]
    stripper = ArrayStripper(CANDIDATES, BOTH)
    out = io.BytesIO(fed(stripper, body.sent)).read()
    assert out.strip() == body.stripped.strip()
    assert stripper.usage == body.usage


@pytest.mark.parametrize("sent", [b"secret", b'["secret', b'[{"candidates": secret}]', b'[{"a":"secret"]}]', b"\xff"])
def test_what_is_no_array_of_objects_lets_nothing_through(sent):
    stripper = ArrayStripper(CANDIDATES, BOTH)
    assert b"secret" not in fed(stripper, sent)


@pytest.mark.parametrize("line", [b'{"message": secret}', b'"secret"', b'{"message":{"thinking":"secret"}', b'{"a":"\xff"}'])
def test_a_line_that_cannot_be_read_ends_a_stripped_stream(line):
    good = b'{"message":{"content":"Hi"},"done":false}\n'
    stripper, reader = RecordStripper(LINES, BOTH), RecordReader(LINES)
    assert fed(stripper, good + line + b"\n" + good) == good
    assert fed(reader, good + line + b"\n" + good) == good + line + b"\n" + good
    assert stripper.broken
    assert reader.broken
    assert stripper.ended
    assert not reader.ended
    assert reader.output_estimate >= stripper.output_estimate >= len(line) / 3


@pytest.mark.parametrize("payload", [b"secret", b'{"bytes":"%%%"}', b'{"bytes":7}', b'{"bytes":"c2VjcmV0"}', b'["bytes"]'])
def test_a_payload_that_cannot_be_read_ends_a_stripped_stream(payload):
    first = CONVERSE[: int.from_bytes(CONVERSE[:4], "big")]
    headers = b"\x0d:message-type\x07\x00\x05event"
    sent = first + Frame(headers, payload).encoded() + CONVERSE[len(first) :]
    stripper, reader = FrameStripper(BLOCKS, BOTH), FrameReader(BLOCKS)
    assert fed(stripper, sent) == first
    assert stripper.ended
    assert fed(reader, sent) == sent
    assert reader.broken
    assert reader.usage == ANSWERS["bedrock/converse_stream.bin"].usage


def test_an_exception_of_bedrocks_passes_in_its_own_words():
    sent = ANSWERS["bedrock/exception_stream.bin"].sent
    assert fed(FrameStripper(BLOCKS, BOTH), sent) == sent
