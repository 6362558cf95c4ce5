"""A form is cut into its parts in one way, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dialects.wire.multipart import MAX_PARTS, read_form
from proxy.errors import CallerError, Fault
from tests.dialects.corpus import fault_of

TYPE = "multipart/form-data; boundary=cut"
FILE = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\nContent-Type: application/octet-stream\r\n\r\n'
FIELD = b'--cut\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
END = b"--cut--\r\n"


def _field(name: str, value: bytes = b"x") -> bytes:
    return b'--cut\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + value + b"\r\n"


@pytest.mark.parametrize("end", [b"--cut--\r\n", b"--cut--"])
def test_a_form_as_the_sdks_write_it_is_read(end):
    parts = read_form(FIELD + FILE + b'{"a":1}\n\r\n' + end, TYPE)
    assert [(part.name, part.file, part.content) for part in parts] == [("purpose", False, b"batch"), ("file", True, b'{"a":1}\n')]


@pytest.mark.parametrize(
    "content_type", ['multipart/form-data; boundary="cut"', "Multipart/Form-Data;boundary=cut", " multipart/form-data ; boundary=cut "]
)
def test_every_plain_way_to_name_the_boundary_is_read(content_type):
    assert read_form(FIELD + END, content_type)


DOTNET = (
    b"--cut\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=purpose\r\n\r\nbatch\r\n"
    b"--cut\r\nContent-Type: application/octet-stream\r\nContent-Disposition: form-data; name=file; filename=a.jsonl; "
    b"filename*=utf-8''a.jsonl\r\n\r\nxyz\r\n--cut--\r\n"
)
RUBY = (
    b'--cut\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--cut\r\nContent-Disposition: form-data; name="file"; '
    b'filename="a.jsonl"\r\nContent-Length: 3\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nxyz\r\n--cut--\r\n'
)


@pytest.mark.parametrize("form", [pytest.param(DOTNET, id="dotnet"), pytest.param(RUBY, id="ruby")])
def test_a_form_is_read_as_other_languages_clients_write_it(form):
    assert [tuple(part) for part in read_form(form, TYPE)] == [("purpose", False, b"batch"), ("file", True, b"xyz")]


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300).filter(lambda raw: b"--cut" not in raw))
def test_a_file_comes_out_as_it_went_in(content):
    assert read_form(FIELD + FILE + content + b"\r\n" + END, TYPE)[1].content == content


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json", "", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=cut",
        "multipart/form-data; boundary=cut; boundary=other", "multipart/form-data; boundary=cut; charset=utf-16",
        "multipart/form-data; charset=utf-8; boundary=cut", 'multipart/form-data; boundary="cut', "multipart/form-data; boundary=a b",
        "multipart/form-data; boundary=" + "x" * 71, "multipart/form-data, multipart/form-data; boundary=cut",
    ],
)  # fmt: skip
def test_another_content_type_is_refused(content_type):
    with pytest.raises(CallerError) as refusal:
        read_form(FIELD + END, content_type)
    assert refusal.value.fault is Fault.MEDIA_TYPE


HEAD = b'--cut\r\nContent-Disposition: form-data; name="purpose"'
EVASIONS = {
    "a field twice": FIELD + _field("purpose", b"fine-tune") + END,
    "a field and its list": FIELD + _field("purpose[]", b"fine-tune") + END,
    "text before": b"hello\r\n" + FIELD + END,
    "an empty line before": b"\r\n" + FIELD + END,
    "text behind": FIELD + END + b"hello",
    "a part behind the end": FIELD + END + FIELD + END,
    "no end": FIELD,
    "no parts": END,
    "nothing": b"",
    "bare line feeds": (FIELD + END).replace(b"\r\n", b"\n"),
    "a delimiter after a bare line feed": FIELD + FILE + b"a\n" + FIELD + END,
    "a delimiter inside a line": FIELD + FILE + b"a--cut\r\n" + b"\r\n" + END,
    "a longer delimiter": FIELD + FILE + b"a\r\n--cutter\r\n\r\n" + END,
    "blanks behind a delimiter": FIELD.replace(b"--cut\r\n", b"--cut \r\n") + END,
    "no blank line": b'--cut\r\nContent-Disposition: form-data; name="purpose"\r\n' + END,
    "no disposition": b"--cut\r\nContent-Type: text/plain\r\n\r\nbatch\r\n" + END,
    "two dispositions": HEAD + b'\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n' + END,
    "a transfer encoding": HEAD + b"\r\nContent-Transfer-Encoding: base64\r\n\r\nYmF0Y2g=\r\n" + END,
    "another header": HEAD + b"\r\nX-Name: file\r\n\r\nx\r\n" + END,
    "a folded header": HEAD.replace(b"; name", b";\r\n name") + b"\r\n\r\nx\r\n" + END,
    "an extended name": b"--cut\r\nContent-Disposition: form-data; name=\"a\"; name*=utf-8''purpose\r\n\r\nx\r\n" + END,
    "an extended file name alone": b"--cut\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''a\r\n\r\nx\r\n" + END,
    "a name twice": b'--cut\r\nContent-Disposition: form-data; name="a"; name="purpose"\r\n\r\nx\r\n' + END,
    "an unquoted name of two words": b"--cut\r\nContent-Disposition: form-data; name=purpose file\r\n\r\nx\r\n" + END,
    "a quote that isn't closed": b'--cut\r\nContent-Disposition: form-data; name="purpose\r\n\r\nx\r\n' + END,
    "a quote that isn't opened": b'--cut\r\nContent-Disposition: form-data; name=purpose"\r\n\r\nx\r\n' + END,
    "a length that is another": HEAD + b"\r\nContent-Length: 3\r\n\r\nbatch\r\n" + END,
    "a length that is no number": HEAD + b"\r\nContent-Length: 0x5\r\n\r\nbatch\r\n" + END,
    "an escaped quote": b'--cut\r\nContent-Disposition: form-data; name="a\\"b"\r\n\r\nx\r\n' + END,
    "a NUL in the name": b'--cut\r\nContent-Disposition: form-data; name="purpose\0"\r\n\r\nx\r\n' + END,
    "an attachment": b'--cut\r\nContent-Disposition: attachment; name="purpose"\r\n\r\nx\r\n' + END,
    "a huge field": _field("purpose", b"x" * 70_000) + END,
    "too many parts": b"".join(_field(f"f{at}") for at in range(MAX_PARTS + 1)) + END,
    "a huge head": b"--cut\r\nContent-Type: " + b"x" * 5_000 + b"\r\n\r\nx\r\n" + END,
}


@pytest.mark.parametrize("trick", EVASIONS)
def test_a_form_with_two_readings_is_refused(trick):
    with pytest.raises(CallerError) as refusal:
        read_form(EVASIONS[trick], TYPE)
    assert refusal.value.fault is Fault.MALFORMED


@settings(max_examples=200, deadline=None)
@given(pieces=st.lists(st.sampled_from([FIELD, FILE, END, b"\r\n", b"--cut", b"--", b"x", b'name="a"', b"\n", b":", b"\0"]), max_size=8))
def test_noise_is_never_more_than_a_refusal(pieces):
    assert fault_of(lambda: read_form(b"".join(pieces), TYPE)) in {None, Fault.MALFORMED}
