"""multipart/form-data, strictly: a form that two parsers could cut into different parts is refused (RFC 7578, RFC 2046 5.1)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from proxy.dialects.wire.strict import malformed
from proxy.errors import CallerError, Fault

MAX_PARTS: Final = 64
MAX_PART_HEAD_BYTES: Final = 2_048
MAX_FIELD_BYTES: Final = 64 * 1024

_BOUNDARY: Final = re.compile(
    r"""multipart/form-data\s*;\s*boundary=(?:"([0-9A-Za-z'()+_,\-./:=?]{1,70})"|([0-9A-Za-z'+_\-.]{1,70}))\s*\Z""", re.IGNORECASE
)
_DISPOSITION: Final = re.compile(
    rb"""form-data;[ ]name=(?:"([A-Za-z0-9_.\-\[\]]{1,128})"|([A-Za-z0-9_.\-]{1,128}))
    (?:;[ ]filename=("[^"\\\x00-\x1f\x7f]{0,512}"|[A-Za-z0-9_.\-]{1,512})(?:;[ ]filename\*=utf-8''[A-Za-z0-9_.%!~\-]{1,1536})?)?\Z""",
    re.IGNORECASE | re.VERBOSE,
)
"""As SDKs write it; .NET leaves names unquoted and says a file's name twice, of which nothing here depends."""
_PLAIN: Final = frozenset({b"", b"binary", b"8bit", b"7bit"})
"""Transfer encodings that encode nothing (RFC 2045, 6.2): Ruby's clients name one in each part, beside its length."""
_HEADERS: Final = frozenset({b"content-disposition", b"content-type", b"content-length", b"content-transfer-encoding"})
_HEADER: Final = re.compile(rb"([A-Za-z0-9\-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)\Z")


class Part(NamedTuple):
    """One field of a form."""

    name: str
    file: bool
    content: bytes


def read_form(raw: bytes, content_type: str) -> tuple[Part, ...]:
    """The parts of a form, in order.

    Raises CallerError: MEDIA_TYPE when it isn't a form, MALFORMED for two fields of one name (except lists, whose names end in
    []), transfer encodings, extended field names, text around the parts, and delimiters that only lenient parsers see.
    """
    matched = _BOUNDARY.match(content_type.strip())
    if matched is None:
        raise CallerError(Fault.MEDIA_TYPE, "Content-Type must be multipart/form-data with a boundary.")
    delimiter = b"\r\n--" + (matched[1] or matched[2]).encode()
    pieces = (b"\r\n" + raw).split(delimiter, MAX_PARTS + 2)
    if len(pieces) > MAX_PARTS + 2:
        raise malformed(f"The form has more than {MAX_PARTS} parts.", "invalid_form")
    if len(pieces) < 3 or pieces[0] or pieces[-1] not in {b"--", b"--\r\n"} or raw.count(delimiter[2:]) != len(pieces) - 1:
        raise malformed("The form isn't cut at its boundary, or holds bytes before or after its parts.", "invalid_form")
    parts = tuple(map(_part, pieces[1:-1]))
    single = [part.name for part in parts if not part.name.endswith("[]")]
    if len(set(single)) != len(single) or any(name + "[]" in {part.name for part in parts} for name in single):
        raise malformed("The form has the same field twice.", "duplicate_field")
    return parts


def _part(piece: bytes) -> Part:
    head, blank, content = piece.partition(b"\r\n\r\n")
    if not head.startswith(b"\r\n") or not blank or len(head) > MAX_PART_HEAD_BYTES:
        raise malformed("A part of the form has no complete head.", "invalid_form")
    headers: dict[bytes, bytes] = {}
    for line in head[2:].split(b"\r\n"):
        matched = _HEADER.match(line)
        if matched is None or matched[1].lower() in headers:
            raise malformed("A part of the form has an invalid or repeated header.", "invalid_form")
        headers[matched[1].lower()] = matched[2]
    disposition = _DISPOSITION.match(headers.get(b"content-disposition", b"").rstrip())
    if disposition is None or not headers.keys() <= _HEADERS or not _as_it_stands(headers, content):
        raise malformed(
            'A part of the form must have Content-Disposition: form-data; name="...", and at most a Content-Type.', "invalid_form"
        )
    file = disposition[3] is not None
    if not file and len(content) > MAX_FIELD_BYTES:
        raise malformed(f"A field of the form is longer than {MAX_FIELD_BYTES} bytes.", "invalid_form")
    return Part((disposition[1] or disposition[2]).decode(), file, content)


def _as_it_stands(headers: dict[bytes, bytes], content: bytes) -> bool:
    """Whether a part's own headers say of its content what the boundary says."""
    length = headers.get(b"content-length", b"").strip()
    return headers.get(b"content-transfer-encoding", b"").strip().lower() in _PLAIN and length in {b"", b"%d" % len(content)}
