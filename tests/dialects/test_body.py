"""One coding, one document, one reading, and never more memory than the cap."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dialects.body import JsonLimits, check_media_type, decode, read_json
from proxy.dialects.wire.strict import MAX_NUMBER_CHARS
from proxy.errors import CallerError, Fault
from tests.dialects.corpus import fault_of

CODERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}
LIMITS = JsonLimits()
CAP = 1 << 20


def _fault(raw: bytes, coding: str, cap: int = CAP) -> Fault | None:
    return fault_of(lambda: decode(raw, coding, cap))


@pytest.mark.parametrize("coding", CODERS)
@settings(max_examples=40, deadline=None)
@given(body=st.binary(max_size=5_000))
def test_a_body_comes_out_of_its_coding_as_it_went_in(coding, body):
    assert decode(CODERS[coding](body), coding, 5_000) == body


@pytest.mark.parametrize("coding", ["", "identity", "Identity", " identity "])
def test_a_body_without_a_coding_is_left_as_it_is(coding):
    body = b'{"a":1}'
    assert decode(body, coding, CAP) is body


@pytest.mark.parametrize(
    "coding", ["gzip, gzip", "x-gzip", "identity, gzip", "gzip;q=1", "compress", "br, gzip", "chunked", "gz", "gzip,", "zstd br", "none"]
)
def test_any_other_coding_is_refused(coding):
    assert _fault(gzip.compress(b"{}"), coding) is Fault.MEDIA_TYPE


def test_a_body_above_the_cap_is_refused():
    assert _fault(b"x" * 101, "", 100) is Fault.TOO_LARGE
    assert _fault(b"x" * 100, "", 100) is None


@pytest.mark.parametrize("coding", CODERS)
def test_the_cap_is_exact(coding):
    assert _fault(CODERS[coding](b"x" * 100), coding, 100) is None
    assert _fault(CODERS[coding](b"x" * 101), coding, 100) is Fault.TOO_LARGE


@pytest.mark.parametrize("coding", CODERS)
def test_a_bomb_is_refused_without_being_inflated(coding):
    bomb = CODERS[coding](bytes(20 * CAP))
    tracemalloc.start()
    assert _fault(bomb, coding) is Fault.TOO_LARGE
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * CAP


@pytest.mark.parametrize("coding", CODERS)
def test_bytes_behind_the_stream_are_refused(coding):
    whole = CODERS[coding](b'{"a":1}')
    assert _fault(whole + whole, coding) is Fault.MALFORMED
    assert _fault(whole + b"\0", coding) is Fault.MALFORMED


@pytest.mark.parametrize("coding", CODERS)
def test_an_incomplete_or_broken_stream_is_refused_wherever_it_ends(coding):
    whole = CODERS[coding](json.dumps({"a": list(range(50))}).encode())
    for end in range(len(whole)):
        assert _fault(whole[:end], coding) is Fault.MALFORMED


@pytest.mark.parametrize("coding", CODERS)
@settings(max_examples=100, deadline=None)
@given(noise=st.binary(max_size=200))
def test_noise_is_never_more_than_a_refusal(coding, noise):
    assert _fault(noise, coding) in {Fault.MALFORMED, Fault.TOO_LARGE, None}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        " application/json ",
    ],
)
def test_json_in_utf8_may_be_declared_in_several_ways(content_type):
    assert fault_of(lambda: check_media_type(content_type)) is None


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain", "text/json", "application/json; charset=utf-16", "application/json; charset=latin-1", "application/x-www-form-urlencoded",
        "application/json, text/plain", "application/jsonx", "application/vnd.api+json", "multipart/form-data; boundary=x", "application/json; a=b",
        "application/json; charset=utf-8; charset=utf-16", "application/octet-stream", "*/*", "json",
    ],
)  # fmt: skip
def test_any_other_type_is_refused(content_type):
    assert fault_of(lambda: check_media_type(content_type)) is Fault.MEDIA_TYPE


KEYS = st.sampled_from(["a", "b", "model", "Model", "text", "\u017f", "x y", "\U0001f600", "\x7f", '"', "\\"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(KEYS, inside, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)


def _styles(document: dict[str, Any]) -> list[bytes]:
    return [
        json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(),
        json.dumps(document).encode(),
        json.dumps(document, indent=1, ensure_ascii=False).encode(),
        b" " + json.dumps(document, separators=(", ", ":")).encode() + b"\r\n",
    ]


@settings(max_examples=150, deadline=None)
@given(document=DOCUMENTS)
def test_every_way_to_write_a_document_reads_the_same(document):
    for raw in _styles(document):
        assert read_json(raw, LIMITS) == json.loads(raw)


@settings(max_examples=100, deadline=None)
@given(document=DOCUMENTS.filter(bool), value=VALUES, data=st.data())
def test_a_repeated_key_is_refused_in_every_way_to_write_it(document, value, data):
    key = data.draw(st.sampled_from(sorted(document)))
    for compact, ascii_only in ((True, False), (True, True), (False, True)):
        separators = (",", ":") if compact else (", ", ": ")
        whole = json.dumps({"outer": [document]}, separators=separators, ensure_ascii=ascii_only)
        again = json.dumps({key: value}, separators=separators, ensure_ascii=ascii_only)[1:-1]
        raw = (whole[:-3] + separators[0] + again + whole[-3:]).encode()
        assert json.loads(raw)
        with pytest.raises(CallerError):
            read_json(raw, LIMITS)


@settings(max_examples=300, deadline=None)
@given(raw=st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0019aeE+-.ntrf \n', max_size=40).map(str.encode))
def test_whatever_the_bytes_there_is_a_document_or_a_refusal(raw):
    fault = fault_of(lambda: read_json(raw, LIMITS))
    assert fault is Fault.MALFORMED or (fault is None and read_json(raw, LIMITS) == json.loads(raw))


def test_depth_and_keys_are_bounded_exactly():
    def nested(depth: int) -> bytes:
        return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)

    def wide(keys: int) -> bytes:
        return json.dumps({str(at): 0 for at in range(keys)}, separators=(",", ":")).encode()

    assert read_json(nested(64), LIMITS)
    assert read_json(wide(50_000), LIMITS)
    for raw in (b'{"a":[' + b"[]," * 250_000 + b"[]]}", nested(65), wide(50_001), b'{"a":' + b"[" * 64 + b"]" * 64 + b"}"):
        with pytest.raises(CallerError):
            read_json(raw, LIMITS)


def test_a_document_that_must_be_walked_through_may_use_its_whole_depth():
    """With more brackets than levels it can't be told by counting them."""
    deep = b'{"a":' * 63 + b"{}" + b"}" * 63
    within = deep[:-1] + b',"b":[[],[]]}'
    assert read_json(within, LIMITS) == json.loads(within)
    with pytest.raises(CallerError) as caught:
        read_json(b'{"b":[[],[]],"a":' + deep + b"}", LIMITS)
    assert caught.value.code == "json_too_deep"


@pytest.mark.parametrize("number", [b"0.1", b"-1.5e0", b"1"], ids=bytes.decode)
def test_a_number_may_have_so_many_digits_and_not_one_more(number):
    mantissa, exponent, power = number.partition(b"e")
    point = b"" if b"." in mantissa else b"."

    def written(characters: int) -> bytes:
        zeros = b"0" * (characters - len(number) - len(point))
        return b'{"a":' + mantissa + point + zeros + exponent + power + b"}"

    assert read_json(written(MAX_NUMBER_CHARS), LIMITS) == json.loads(written(MAX_NUMBER_CHARS))
    with pytest.raises(CallerError) as caught:
        read_json(written(MAX_NUMBER_CHARS + 1), LIMITS)
    assert caught.value.code == "number_too_long"
