"""What the upstream is told of a request's way, whose word counts for it, and PROXY protocol headers."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
import subprocess
from contextlib import closing
from typing import Any

import pytest

from proxy.identity.proxy_protocol import SIGNATURE
from tests.e2e.conftest import CHAT, read_answer, status
from tests.e2e.sharing import recorded

TRUSTING = {"trusted_proxies": ("127.0.0.0/8",), "tls_fingerprint_header": "X-JA4"}
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % len(CHAT)


def _sent(front, *headers: bytes) -> dict[bytes, list[bytes]]:
    assert status(front.post(headers=headers)) == 200
    request = front.origin.requests[-1]
    return {name: request.values(name) for name, _ in request.headers}


def test_an_untrusted_peers_account_of_the_way_is_replaced(front):
    told = _sent(front(), b"x-forwarded-for: 9.9.9.9", b"x-forwarded-proto: https", b"forwarded: for=9.9.9.9", b"via: 1.1 cdn")
    assert told[b"x-forwarded-for"] == [b"127.0.0.1"]
    assert told[b"x-forwarded-proto"] == [b"http"]
    assert b"forwarded" not in told
    assert told[b"via"][0].startswith(b"1.1 cdn, 1.1 tos-proxy-")


def test_a_trusted_peers_account_of_the_way_is_continued(front):
    proxy = front(identity=TRUSTING)
    told = _sent(proxy, b"x-forwarded-for: 9.9.9.9", b"x-forwarded-for: 8.8.8.8,127.0.0.5", b"x-forwarded-proto: https")
    assert told[b"x-forwarded-for"] == [b"9.9.9.9, 8.8.8.8,127.0.0.5, 127.0.0.1"]
    assert told[b"x-forwarded-proto"] == [b"https"]
    assert _sent(proxy, b"x-forwarded-proto: gopher")[b"x-forwarded-proto"] == [b"http"]
    assert _sent(proxy)[b"x-forwarded-for"] == [b"127.0.0.1"]


def test_a_client_cannot_take_back_through_connection_what_its_edge_says_of_it(front):
    rules = "rules:\n  - id: r.kp\n    when: client.country == 'KP'\n    then: {refuse: {code: unsupported_region, message: Not there.}}\n"
    proxy = front(policies={"r.yaml": rules}, identity={"trusted_proxies": ("127.0.0.0/8",), "account_header": "x-account"})
    records = recorded(proxy.proxy)
    nominated = b"connection: x-forwarded-for, x-account, x-other"
    assert status(proxy.post(headers=(b"x-forwarded-for: 175.45.176.1", b"x-account: acct", nominated))) == 403
    told = _sent(proxy, b"x-forwarded-for: 8.8.8.8", b"x-account: acct", b"x-other: 1", nominated)
    assert [record.account for record in records] == [records[0].account] * 2 != [""] * 2
    assert told[b"x-forwarded-for"] == [b"8.8.8.8, 127.0.0.1"]
    assert told.keys() & {b"x-account", b"x-other", b"connection"} == set()


CLAIMS = (b"x-account: victim", b"x-tier: gold", b"x-ja4: t13d", b"x-country: US", b"x-real-ip: 9.9.9.9", b"cf-connecting-ip: 9.9.9.9")


@pytest.mark.parametrize("trusted", [False, True])
def test_what_only_a_trusted_peer_may_say_goes_upstream_only_from_one(front, trusted):
    """The model endpoint trusts this proxy, so it would believe what a stranger made it pass on."""
    identity = {"account_header": "X-Account", "account_headers": {"tier": "X-Tier"}, "tls_fingerprint_header": "X-JA4"}
    networks = {"trusted_proxies": ("127.0.0.0/8",)} if trusted else {}
    told = _sent(front(identity={**identity, **networks}, geo={"edge": {"country": "X-Country"}}), *CLAIMS, b"x-kept: 1")
    claimed = {line.partition(b":")[0] for line in CLAIMS}
    assert told.keys() & claimed == (claimed if trusted else set())
    assert told[b"x-kept"] == [b"1"]


def test_a_request_that_comes_back_is_refused(front):
    proxy = front()
    via = _sent(proxy)[b"via"][0]
    answer = proxy.post(headers=(b"via: 1.1 elsewhere, " + via,))
    assert status(answer) == 400
    assert b'"loop"' in answer
    assert len(proxy.origin.requests) == 1


def test_a_tls_fingerprint_counts_only_from_a_trusted_peer(front):
    for identity, seen in ((TRUSTING, "t13d"), ({"tls_fingerprint_header": "X-JA4"}, "")):
        proxy = front(identity=identity)
        observed: list[Any] = []
        decider = proxy.proxy.server.handler.world.decider
        detector = decider.detector
        assert detector is not None
        started = detector.started
        detector.started = lambda observation, now, observed=observed, started=started: (
            observed.append(observation) or started(observation, now)
        )
        assert status(proxy.post(headers=(b"x-ja4: t13d", b"authorization: Bearer sk-1"))) == 200
        assert [each.tls_fingerprint for each in observed] == [seen]


def _v2(address: str) -> bytes:
    return (
        SIGNATURE
        + struct.pack("!BBH", 0x21, 0x11, 12)
        + socket.inet_aton(address)
        + socket.inet_aton("10.0.0.1")
        + struct.pack("!HH", 5, 80)
    )


HEADERS = (
    (b"PROXY TCP4 175.45.176.1 10.0.0.1 4000 80\r\n", b"175.45.176.1"),
    (_v2("175.45.176.1"), b"175.45.176.1"),
    (b"PROXY UNKNOWN\r\n", b"127.0.0.1"),
    (SIGNATURE + b"\x31" + _v2("1.1.1.1")[13:], None),
    (b"", None),
    (b"PROXY TCP4 1.2.3\r\n", None),
    (b"GET / HTTP/1.1\r\n", None),
)


def test_a_listed_peer_names_the_client_and_must(front):
    proxy = front(listen={"port": 0, "proxy_protocol_from": ("127.0.0.1/32",)}, caps={"header_s": 2})
    counted = proxy.proxy.server.listener.refused_connections
    assert counted == {"limit": 0, "preface": 0}
    for header, client in HEADERS:
        proxy.origin.requests.clear()
        with proxy.connect() as peer:
            peer.sendall(header + REQUEST + b"connection: close\r\n\r\n" + CHAT)
            answer = read_answer(peer)
        if client is None:
            assert answer == b""
            assert proxy.origin.requests == []
        else:
            assert status(answer) == 200
            assert proxy.origin.requests[0].values(b"x-forwarded-for") == [client]
    broken = sum(client is None for _, client in HEADERS)
    assert proxy.proxy.server.listener.refused_connections == {"limit": 0, "preface": broken}


@pytest.mark.parametrize("preface", [(), ("127.0.0.2/32",)], ids=["plain", "behind the PROXY protocol"])
def test_connections_beyond_the_cap_are_closed_and_counted(front, preface):
    proxy = front(listen={"port": 0, "max_connections": 2, "proxy_protocol_from": preface})
    with proxy.connect() as first, proxy.connect() as second:
        for peer in (first, second):
            peer.sendall(REQUEST + b"\r\n" + CHAT)
            assert status(read_answer(peer)) == 200
        assert status(proxy.raw(REQUEST + b"\r\n" + CHAT)) == 0
        with closing(http.client.HTTPConnection(proxy.proxy.admin.removeprefix("http://"), timeout=10)) as admin:
            admin.request("GET", "/metrics")
            told = admin.getresponse().read()
    assert b'tosproxy_connections_refused_total{reason="limit"} 1.0' in told
    assert b"tosproxy_connections 2.0" in told


def test_a_header_that_comes_byte_by_byte_is_read_and_the_usual_walk_follows(front):
    proxy = front(listen={"port": 0, "proxy_protocol_from": ("127.0.0.1/32",)}, identity={"trusted_proxies": ("10.0.0.0/8",)})
    records = recorded(proxy.proxy)
    with proxy.connect() as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"PROXY TCP4 10.9.9.9 10.0.0.1 4000 80\r\n" + REQUEST + b"x-forwarded-for: 2.2.2.2\r\n\r\n" + CHAT:
            peer.sendall(bytes([byte]))
        assert status(read_answer(peer)) == 200
    assert proxy.origin.requests[0].values(b"x-forwarded-for") == [b"2.2.2.2, 10.9.9.9"]
    assert len(records) == 1


def test_an_unlisted_peer_cant_name_anybody(front):
    proxy = front(listen={"port": 0, "proxy_protocol_from": ("127.0.0.1/32",)})
    for header, code in ((b"", 200), (b"PROXY TCP4 175.45.176.1 10.0.0.1 4000 80\r\n", 400), (_v2("175.45.176.1"), 400)):
        with socket.create_connection(proxy.proxy.address, source_address=("127.0.0.2", 0)) as peer:
            peer.sendall(header + REQUEST + b"connection: close\r\n\r\n" + CHAT)
            assert status(read_answer(peer)) == code
    assert [request.values(b"x-forwarded-for") for request in proxy.origin.requests] == [[b"127.0.0.2"]]


def test_a_header_that_never_ends_is_given_up(front):
    proxy = front(listen={"port": 0, "proxy_protocol_from": ("127.0.0.1/32",)}, caps={"header_s": 0.2})
    with proxy.connect() as peer:
        peer.sendall(b"PROXY TCP4 ")
        assert peer.recv(1) == b""


def test_the_header_comes_before_tls(front, tmp_path):
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=proxy",
         "-addext", "subjectAltName=DNS:proxy", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    tls = {"certificate": files[0], "key": files[1]}
    proxy = front(listen={"port": 0, "proxy_protocol_from": ("127.0.0.1/32",), "tls": tls})
    address = proxy.proxy.url.removeprefix("https://").rpartition(":")
    with socket.create_connection((address[0], int(address[2]))) as raw:
        raw.sendall(_v2("2.2.2.2"))
        with ssl.create_default_context(cafile=files[0]).wrap_socket(raw, server_hostname="proxy") as peer:
            peer.sendall(REQUEST + b"connection: close\r\n\r\n" + CHAT)
            assert status(read_answer(peer)) == 200
    request = proxy.origin.requests[0]
    assert request.values(b"x-forwarded-for") == [b"2.2.2.2"]
    assert request.values(b"x-forwarded-proto") == [b"https"]
