import ipaddress
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.identity.proxy_protocol import SIGNATURE, ProxyProtocolError, Source, parse_header


def version_1(source, destination="198.51.100.1", port=4711):
    family = "TCP4" if "." in source else "TCP6"
    return f"PROXY {family} {source} {destination if '.' in source else '2001:db8::2'} {port} 443\r\n".encode()


def version_2(source, *, command=1, protocol=1, extra=b""):
    address = ipaddress.ip_address(source)
    other = ipaddress.ip_address("198.51.100.1" if address.version == 4 else "2001:db8::2")
    block = address.packed + other.packed + struct.pack("!HH", 4711, 443) + extra
    family = 1 if address.version == 4 else 2
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family << 4 | protocol, len(block)) + block


HEADERS = [
    pytest.param(version_1("203.0.113.9"), "203.0.113.9", id="version 1, IPv4"),
    pytest.param(version_1("2001:DB8::9"), "2001:db8::9", id="version 1, IPv6"),
    pytest.param(b"PROXY UNKNOWN\r\n", "", id="version 1, unknown"),
    pytest.param(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "", id="version 1, unknown with addresses to skip"),
    pytest.param(version_2("203.0.113.9"), "203.0.113.9", id="version 2, IPv4"),
    pytest.param(version_2("2001:db8::9"), "2001:db8::9", id="version 2, IPv6"),
    pytest.param(version_2("::ffff:203.0.113.9"), "203.0.113.9", id="version 2, a mapped address"),
    pytest.param(version_2("203.0.113.9", extra=b"\x04\x00\x03abc"), "203.0.113.9", id="version 2 with an extension"),
    pytest.param(version_2("203.0.113.9", command=0), "", id="version 2, local: a health check"),
    pytest.param(SIGNATURE + b"\x21\x00\x00\x00", "", id="version 2, unspecified family"),
    pytest.param(SIGNATURE + b"\x20\x00\x00\x00", "", id="version 2, local without addresses"),
    pytest.param(version_2("203.0.113.9", protocol=2), "", id="version 2, datagrams"),
]


@pytest.mark.parametrize(("header", "ip"), HEADERS)
def test_a_header_is_read_at_every_cut_and_ends_where_the_client_begins(header, ip):
    stream = header + b"POST /v1/messages HTTP/1.1\r\n\r\n"
    for cut in range(len(header)):
        assert parse_header(stream[:cut]) is None
    for cut in range(len(header), len(stream) + 1):
        assert parse_header(stream[:cut]) == Source(ip, len(header))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.1\r\n", id="no header at all"),
        pytest.param(b"PROXY TCP4 203.0.113.9 198.51.100.1 1 65536\r\n", id="a port too large"),
        pytest.param(b"PROXY TCP4 203.0.113.9 198.51.100.1 1 080\r\n", id="a port with a leading zero"),
        pytest.param(b"PROXY TCP4 203.0.113.9 198.51.100.1 1\r\n", id="a word missing"),
        pytest.param(b"PROXY TCP4  203.0.113.9 198.51.100.1 1 2\r\n", id="two spaces"),
        pytest.param(b"PROXY TCP4 ::1 ::2 1 2\r\n", id="the other family"),
        pytest.param(b"PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n", id="a zone"),
        pytest.param(b"PROXY TCP4 010.0.0.1 198.51.100.1 1 2\r\n", id="octal"),
        pytest.param(b"PROXY UDP4 203.0.113.9 198.51.100.1 1 2\r\n", id="no such family"),
        pytest.param(b"PROXY \r\n", id="nothing"),
        pytest.param(b"PROXY TCP4 " + b"1" * 107, id="a line without end"),
        pytest.param(SIGNATURE + b"\x11\x11\x00\x0c" + bytes(12), id="version 1 in binary"),
        pytest.param(SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12), id="no such command"),
        pytest.param(SIGNATURE + b"\x21\x41\x00\x0c" + bytes(12), id="no such binary family"),
        pytest.param(SIGNATURE + b"\x21\x11\x00\x0b" + bytes(11), id="an address block too short"),
        pytest.param(SIGNATURE + b"\x21\x11\xff\xff", id="a header too long to wait for"),
    ],
)
def test_what_cannot_be_a_header_is_refused(data):
    with pytest.raises(ProxyProtocolError):
        parse_header(data)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21", SIGNATURE + b"\x21\x11\x00\x0c"]),
    st.binary(max_size=150),
)
def test_any_bytes_are_waited_for_read_or_refused(start, rest):
    try:
        found = parse_header(start + rest)
    except ProxyProtocolError:
        return
    if found is not None:
        assert 0 < found.length <= len(start + rest)
        assert found.ip == "" or str(ipaddress.ip_address(found.ip)) == found.ip
