"""Request heads, read strictly, and the heads we write. What two HTTP parsers could read differently is refused here.

aiohttp's parser already refuses the classic smuggling shapes; this closes what it lets through (see the tests): header bytes
that change on the way, nominated hop-by-hop headers, ambiguous lengths, absolute targets, overriding headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from aiohttp.http_parser import RawRequestMessage

from proxy.errors import CallerError, Fault

Headers = list[tuple[str, str]]
"""Lower-case names with their values, in the order received."""

VISIBLE: Final = bytes(range(0x20, 0x7F)) + b"\t"
HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,17}")
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
OVERRIDES: Final = frozenset(
    {"x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url", "http2-settings"}
)
# An upstream that believed these would see another request than the one judged.
STAYS: Final = HOP_BY_HOP | OVERRIDES
NONE: Final[frozenset[str]] = frozenset()
SINGLE: Final = frozenset(
    {
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "expect",
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
    }
)


class Head(NamedTuple):
    """A request head that every parser reads alike."""

    method: str
    path: str
    """Raw path, without the query."""
    query: str
    headers: Headers
    host: str
    content_type: str
    content_encoding: str
    length: int
    """Content-Length in bytes; -1 for a chunked body, 0 for none."""
    http10: bool
    expects_continue: bool
    upgrade: str
    nominated: frozenset[str] = frozenset()
    """Names that Connection lists: they go no further. Who calls is read from them all the same: an edge that passes on its client's
    Connection would else let it take back what the edge says of it."""


def read_head(message: RawRequestMessage, cap_bytes: int, guarded: frozenset[str] = NONE) -> Head:
    """Check a parsed message and give its head, without the usual hop-by-hop headers. Raises CallerError for anything ambiguous.

    `guarded` are lower-case names of headers that the settings speak of, besides those that always mean something here.
    """
    raw = message.raw_headers
    blob = b"".join([part for pair in raw for part in pair])
    if len(blob) > cap_bytes:
        raise CallerError(Fault.HEADERS_TOO_LARGE, f"request headers are larger than {cap_bytes} bytes")
    if blob.translate(None, VISIBLE):
        raise CallerError(Fault.MALFORMED, "header names and values must be visible ASCII", "invalid_header")
    version = message.version
    http10 = version.minor == 0
    if version.major != 1 or version.minor > 1:
        raise CallerError(Fault.MALFORMED, "only HTTP/1.1 and HTTP/1.0 are supported", "unsupported_version")
    headers = [(name.decode("ascii").lower(), value.decode("ascii")) for name, value in raw]
    single = _single_values(headers, guarded)
    if message.method not in METHODS:
        raise CallerError(Fault.METHOD, "this method is not supported")
    path, query = _target(message.path)
    host = single.get("host", "")
    if not http10 and not HOST.fullmatch(host):
        raise CallerError(Fault.MALFORMED, "the Host header is missing or not a host name", "invalid_host")
    expect = single.get("expect", "")
    if expect and expect.lower() != "100-continue":
        raise CallerError(Fault.EXPECTATION, "the only expectation supported is 100-continue")
    return Head(
        method=message.method,
        path=path,
        query=query,
        headers=_end_to_end(headers),
        host=host,
        content_type=single.get("content-type", ""),
        content_encoding=single.get("content-encoding", ""),
        length=_body_length(single, http10=http10),
        http10=http10,
        expects_continue=bool(expect) and not http10,
        upgrade=_upgrade(headers) if message.upgrade else "",
        nominated=_nominated(headers),
    )


def _single_values(headers: Headers, guarded: frozenset[str]) -> dict[str, str]:
    """Values of the headers that may occur once. Raises CallerError for a repeated one and for a second spelling of one that matters here."""
    values: dict[str, str] = {}
    for name, value in headers:
        if name in SINGLE:
            if name in values:
                raise CallerError(Fault.MALFORMED, f"the header {name} occurs more than once", "repeated_header")
            values[name] = value
        elif "_" in name and _matters(name.replace("_", "-"), guarded):
            # Servers that map headers to variables read x_account and x-account as one.
            raise CallerError(Fault.MALFORMED, "this header's name is ambiguous with an underscore", "invalid_header", name)
    return values


def _matters(name: str, guarded: frozenset[str]) -> bool:
    """Whether a header is read, set or taken away here. What an application sends for itself (Codex: session_id) is none of these."""
    return (
        name in SINGLE
        or name in STAYS
        or name in REPLACED
        or name in RANGES
        or name in guarded
        or name.startswith(("x-forwarded-", "x-tosproxy-"))
    )


def _target(target: str) -> tuple[str, str]:
    if not target.startswith("/") or target.startswith("//"):
        raise CallerError(Fault.MALFORMED, "the request target must be a path", "invalid_target")
    if not target.isascii() or "#" in target or "\\" in target or not target.isprintable():
        raise CallerError(Fault.MALFORMED, "the request target has characters that must be encoded", "invalid_target")
    path, _, query = target.partition("?")
    return path, query


def _body_length(single: dict[str, str], *, http10: bool) -> int:
    coding = single.get("transfer-encoding")
    length = single.get("content-length")
    if coding is not None:
        if http10 or length is not None or coding.lower() != "chunked":
            raise CallerError(Fault.MALFORMED, "the only transfer coding supported is chunked", "invalid_framing")
        return -1
    if length is None:
        return 0
    if not LENGTH.fullmatch(length):
        raise CallerError(Fault.MALFORMED, "Content-Length must be a plain decimal number", "invalid_framing")
    return int(length)


def _nominated(headers: Headers) -> frozenset[str]:
    """What Connection lists besides the usual, in lower case."""
    lists = [value for name, value in headers if name == "connection"]
    return frozenset({token.strip().lower() for value in lists for token in value.split(",")}) - HOP_BY_HOP if lists else NONE


def _end_to_end(headers: Headers) -> Headers:
    """Drop hop-by-hop and overriding headers."""
    return [pair for pair in headers if pair[0] not in STAYS]


def _upgrade(headers: Headers) -> str:
    return ",".join(value.lower() for name, value in headers if name == "upgrade")


REPLACED: Final = frozenset({"host", "content-length", "content-encoding", "expect", "accept-encoding", "via", "forwarded"})
"""Besides every X-Forwarded- header."""
RANGES: Final = frozenset({"range", "if-range"})
"""Part of an answer can't be told from what must be stripped of it."""


def upstream_headers(head: Head, drop: frozenset[str]) -> str:
    """The client's own headers as they go upstream, as one block of lines. `drop` names those that are set by us."""
    removed = REPLACED | drop | head.nominated if drop or head.nominated else REPLACED
    return "".join([f"{name}: {value}\r\n" for name, value in head.headers if name not in removed and not name.startswith("x-forwarded-")])


NOT_RELAYED: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
        b"via",
    }
)


BODY_DIGESTS: Final = frozenset({b"etag", b"content-md5", b"digest", b"content-digest", b"repr-digest", b"accept-ranges"})


def answer_headers(raw: Iterable[tuple[bytes, bytes]], own: bytes = b"", *, changed: bool = False) -> bytes:
    """An answer's headers as they go to the client, as one block of lines that ends with `own`, framing left out.

    What our own lines say is not said twice: the upstream's word on it is left out. `changed`: the body isn't what the upstream sent,
    so what describes its bytes is left out too.
    """
    said = b"\n" + own
    pairs = [(name.lower(), value) for name, value in raw]
    nominated = {token.strip().lower() for name, value in pairs if name == b"connection" for token in value.split(b",")}
    drop = NOT_RELAYED | nominated if nominated else NOT_RELAYED
    drop = drop | BODY_DIGESTS if changed else drop
    return b"".join([b"%b: %b\r\n" % (name, value) for name, value in pairs if name not in drop and b"\n%b:" % name not in said]) + own


def header(raw: Sequence[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    """The first value of a header in a raw answer; b"" when it's absent."""
    for name, value in raw:
        if name.lower() == wanted:
            return value
    return b""
