"""What is read of a request's head, for which reason one is refused, and what of a head goes on. Over the wire: tests/e2e/test_request_heads.py."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from proxy.adapters.traffic.http1 import RANGES, answer_headers, header, read_head, upstream_headers
from proxy.errors import CallerError, Fault

CAP_BYTES = 4096
NOTHING: frozenset[str] = frozenset()


def read(
    *lines: str,
    method: str = "POST",
    target: str = "/v1/x",
    version: str = "1.1",
    host: str | None = "api.example",
    upgrade: bool = False,
    cap: int = CAP_BYTES,
):
    """The head of a request with these header lines behind its Host."""
    fields = [line.partition(":") for line in ([] if host is None else [f"Host: {host}"]) + list(lines)]
    raw = tuple((name.encode("latin-1"), value.strip().encode("latin-1")) for name, _, value in fields)
    major, minor = version.split(".")
    nobody: Any = CIMultiDictProxy(CIMultiDict())  # read_head goes by the raw ones
    return read_head(
        RawRequestMessage(method, target, HttpVersion(int(major), int(minor)), nobody, raw, False, None, upgrade, False, URL("/")), cap
    )


def test_a_head_is_read_as_it_was_sent_without_what_ends_here():
    head = read("X-Kept: A, b", "Connection: X-Secret , keep-alive", "connection: X-Other", "TE: trailers", "X-Secret: 1", "X-HTTP-Method: PUT",
                "Content-Type: Application/JSON", "Content-Encoding: gzip", "Content-Length: 12", "Expect: 100-Continue", target="/v1/x%20y?a=b?c")  # fmt: skip
    assert (head.method, head.path, head.query, head.host) == ("POST", "/v1/x%20y", "a=b?c", "api.example")
    assert (head.content_type, head.content_encoding, head.length) == ("Application/JSON", "gzip", 12)
    assert (head.http10, head.expects_continue, head.upgrade) == (False, True, "")
    assert head.nominated == {"x-secret", "x-other"}
    assert dict(head.headers) == {
        "host": "api.example", "x-kept": "A, b", "x-secret": "1", "content-type": "Application/JSON", "content-encoding": "gzip",
        "content-length": "12", "expect": "100-Continue",
    }  # fmt: skip


def test_a_head_that_says_little_is_read_too():
    head = read(host=None, version="1.0")
    assert (head.host, head.content_type, head.content_encoding, head.length, head.query) == ("", "", "", 0, "")
    assert (head.http10, head.expects_continue, head.nominated, head.headers) == (True, False, NOTHING, [])
    assert not read("Expect: 100-continue", version="1.0").expects_continue
    assert not read().expects_continue
    assert read("Upgrade: WebSocket", "upgrade: h2c", upgrade=True).upgrade == "websocket,h2c"
    assert read("Upgrade: WebSocket").upgrade == ""


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_that_an_api_uses_is_read(method):
    assert read(method=method).method == method


def test_a_value_may_hold_every_visible_character_a_blank_and_a_tab():
    visible = "".join(chr(code) for code in range(0x21, 0x7F))
    assert ("x-a", f"{visible} \t{visible}") in read(f"x-a: {visible} \t{visible}").headers


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        (["Content-Length: 0"], 0),
        (["Content-Length: 10"], 10),
        (["Content-Length: 999999999999999999"], 10**18 - 1),
        (["Transfer-Encoding: Chunked"], -1),
    ],
)
def test_a_bodys_length_is_known_or_it_is_chunked(lines, length):
    assert read(*lines).length == length


@pytest.mark.parametrize("host", ["a", "api.example:8443", "10.0.0.1:1", "[2001:db8::1]", "[::ffff:10.0.0.1]:65535", "A_b-c.D"])
def test_a_host_may_be_a_name_or_an_address_with_a_port(host):
    assert read(host=host).host == host


@pytest.mark.parametrize(
    "name",
    ["Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Expect", "Authorization", "X-API-Key", "Api-Key", "X-Goog-Api-Key"],
)  # fmt: skip
def test_what_decides_how_a_request_is_read_may_be_said_once_only(name):
    with pytest.raises(CallerError) as caught:
        read(f"{name}: 1", f"{name.lower()}: 1")
    assert caught.value.code == "repeated_header"


@pytest.mark.parametrize(
    ("lines", "request_line", "fault", "code"),
    [
        pytest.param(["x-a: b\x7fc"], {}, Fault.MALFORMED, "invalid_header", id="a control character"),
        pytest.param(["x-a: b\x1fc"], {}, Fault.MALFORMED, "invalid_header", id="the last of those below the blank"),
        pytest.param(["x-a: \xfc"], {}, Fault.MALFORMED, "invalid_header", id="Latin-1"),
        pytest.param(["x_api-key: 1"], {}, Fault.MALFORMED, "invalid_header", id="an underscore"),
        pytest.param([], {"version": "2.0"}, Fault.MALFORMED, "unsupported_version", id="HTTP/2.0"),
        pytest.param([], {"version": "1.2"}, Fault.MALFORMED, "unsupported_version", id="HTTP/1.2"),
        pytest.param([], {"version": "0.9"}, Fault.MALFORMED, "unsupported_version", id="HTTP/0.9"),
        pytest.param([], {"method": "TRACE"}, Fault.METHOD, "method_not_allowed", id="an unknown method"),
        pytest.param([], {"method": "post"}, Fault.METHOD, "method_not_allowed", id="a method in lower case"),
        pytest.param([], {"host": None}, Fault.MALFORMED, "invalid_host", id="no Host"),
        pytest.param([], {"host": "a:123456"}, Fault.MALFORMED, "invalid_host", id="a port of six digits"),
        pytest.param([], {"host": "a@b"}, Fault.MALFORMED, "invalid_host", id="user information"),
        pytest.param(["expect: 200-ok"], {}, Fault.EXPECTATION, "unsupported_expectation", id="another expectation"),
        pytest.param([], {"target": "*"}, Fault.MALFORMED, "invalid_target", id="an asterisk"),
        pytest.param([], {"target": "http://a/v1"}, Fault.MALFORMED, "invalid_target", id="an absolute target"),
        pytest.param([], {"target": "//a/v1"}, Fault.MALFORMED, "invalid_target", id="two slashes"),
        pytest.param([], {"target": "/v1#f"}, Fault.MALFORMED, "invalid_target", id="a fragment"),
        pytest.param([], {"target": "/v1\\x"}, Fault.MALFORMED, "invalid_target", id="a backslash"),
        pytest.param([], {"target": "/v1/é"}, Fault.MALFORMED, "invalid_target", id="a letter with an accent"),
        pytest.param([], {"target": "/v1/\x7f"}, Fault.MALFORMED, "invalid_target", id="a target with a control character"),
        pytest.param(["transfer-encoding: gzip"], {}, Fault.MALFORMED, "invalid_framing", id="another coding"),
        pytest.param(["transfer-encoding: chunked"], {"version": "1.0"}, Fault.MALFORMED, "invalid_framing", id="chunked in HTTP/1.0"),
        pytest.param(["transfer-encoding: chunked", "content-length: 1"], {}, Fault.MALFORMED, "invalid_framing", id="both framings"),
        pytest.param(["transfer-encoding:"], {}, Fault.MALFORMED, "invalid_framing", id="an empty coding"),
        pytest.param(["content-length: 01"], {}, Fault.MALFORMED, "invalid_framing", id="a leading zero"),
        pytest.param(["content-length: -1"], {}, Fault.MALFORMED, "invalid_framing", id="a sign"),
        pytest.param(["content-length: 1000000000000000000"], {}, Fault.MALFORMED, "invalid_framing", id="nineteen digits"),
        pytest.param(["content-length:"], {}, Fault.MALFORMED, "invalid_framing", id="an empty length"),
    ],
)  # fmt: skip
def test_a_head_that_could_be_read_in_two_ways_is_refused_for_that_reason(lines, request_line, fault, code):
    with pytest.raises(CallerError) as caught:
        read(*lines, **request_line)
    assert (caught.value.fault, caught.value.code) == (fault, code)


def test_names_and_values_together_may_be_as_long_as_the_cap():
    line = "x-a: " + "b" * 90
    size = len("hostapi.example") + len("x-a") + 90
    assert read(line, cap=size).host == "api.example"
    with pytest.raises(CallerError) as caught:
        read(line, cap=size - 1)
    assert caught.value.fault is Fault.HEADERS_TOO_LARGE


ENDS_HERE = [
    "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
    "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL", "HTTP2-Settings",
]  # fmt: skip
"""What concerns this connection alone, or would make an upstream see another request than the one judged."""
SAID_BY_US = ["Content-Length", "Content-Encoding", "Expect", "Accept-Encoding", "Via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port"]  # fmt: skip


@pytest.mark.parametrize("name", [*ENDS_HERE, *SAID_BY_US])
def test_of_what_ends_here_or_is_said_by_us_nothing_goes_upstream(name):
    value = {"Expect": "100-continue", "Content-Length": "1", "Transfer-Encoding": "chunked"}.get(name, "v")
    assert upstream_headers(read(f"{name}: {value}", "X-Kept: yes"), NOTHING) == "x-kept: yes\r\n"


def test_what_the_operator_replaces_or_connection_nominates_stays_behind_too():
    head = read("Connection: x-named", "x-named: 1", "Range: bytes=0-1", "If-Range: x", "x-kept: 2", "X-KEPT: 3")
    assert upstream_headers(head, NOTHING) == "range: bytes=0-1\r\nif-range: x\r\nx-kept: 2\r\nx-kept: 3\r\n"
    assert upstream_headers(head, RANGES) == "x-kept: 2\r\nx-kept: 3\r\n"
    assert upstream_headers(head._replace(nominated=NOTHING), RANGES) == "x-named: 1\r\nx-kept: 2\r\nx-kept: 3\r\n"


FRAMING = ["Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length", "Via"]  # fmt: skip
DIGESTS = ["ETag", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges"]


@pytest.mark.parametrize("name", [*FRAMING, *DIGESTS])
def test_an_answers_framing_stays_here_and_so_does_what_describes_bytes_that_were_changed(name):
    raw = [(name.encode(), b"v"), (b"X-Kept", b"1")]
    unchanged = b"" if name in FRAMING else b"%b: v\r\n" % name.lower().encode()
    assert answer_headers(raw) == unchanged + b"x-kept: 1\r\n"
    assert answer_headers(raw, b"own: 2\r\n", changed=True) == b"x-kept: 1\r\nown: 2\r\n"


def test_an_answers_nominated_headers_and_what_we_say_ourselves_are_left_out():
    raw = [
        (b"Connection", b"X-Named , close"),
        (b"connection", b"X-Too"),
        (b"x-named", b"1"),
        (b"x-too", b"1"),
        (b"x-said", b"theirs"),
        (b"x-sai", b"1"),
        (b"x-list", b"x-sai"),
    ]
    assert answer_headers(raw, b"x-first: 1\r\nx-said: ours\r\n") == b"x-sai: 1\r\nx-list: x-sai\r\nx-first: 1\r\nx-said: ours\r\n"
    assert answer_headers([(b"X-First", b"theirs"), (b"own", b"2")], b"x-first: 1\r\n") == b"own: 2\r\nx-first: 1\r\n"


def test_a_header_is_found_in_any_case_and_the_first_counts():
    raw = [(b"x-a", b"1"), (b"Content-Type", b"2"), (b"content-type", b"3")]
    assert (header(raw, b"content-type"), header(raw, b"x-b")) == (b"2", b"")
