"""Lines and array elements: how each is cut by policy, and how each is told broken."""

from __future__ import annotations

import io
import json

import pytest

from proxy.inspection.arrays import ArrayReader, ArrayStripper
from proxy.inspection.events import EventReader, EventStripper
from proxy.inspection.frames import FrameReader, FrameStripper
from proxy.inspection.records import RecordReader, RecordStripper
from proxy.inspection.shapes.bedrock import BLOCKS
from proxy.inspection.shapes.gemini import CANDIDATES
from proxy.inspection.shapes.ollama import LINES
from tests.inspection.answers import ANSWERS, BOTH, fed

ERROR = b'data: {"error": {"code": 429}}\n\n'


def test_no_stream_is_held_back_whole_and_only_who_strips_it_rewrites_it():
    for reader in (ArrayReader(CANDIDATES), EventReader(CANDIDATES), FrameReader(BLOCKS), RecordReader(LINES)):
        assert (reader.buffers, reader.rewrites) == (False, False)
    for stripper in (
        ArrayStripper(CANDIDATES, BOTH),
        EventStripper(CANDIDATES, BOTH),
        FrameStripper(BLOCKS, BOTH),
        RecordStripper(LINES, BOTH),
    ):
        assert (stripper.buffers, stripper.rewrites) == (False, True)


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


def test_an_exception_of_bedrocks_passes_in_its_own_words():
    sent = ANSWERS["bedrock/exception_stream.bin"].sent
    assert fed(FrameStripper(BLOCKS, BOTH), sent) == sent
