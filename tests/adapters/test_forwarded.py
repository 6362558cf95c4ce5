"""What the upstream is told of a request's way. Over the wire: tests/e2e/test_forwarding.py."""

from __future__ import annotations

import pytest

from proxy.adapters.traffic.forwarded import ADDRESSES, Trail, edge_claims
from proxy.adapters.traffic.http1 import Head
from proxy.errors import CallerError, Fault
from proxy.settings import Settings

TRAIL = Trail("this-proxy", frozenset({"x-account"}))
STRANGER = {"trusted": False, "continued": False, "secure": False}


def head(*headers: tuple[str, str], http10: bool = False) -> Head:
    return Head("POST", "/v1/x", "", list(headers), "api.example", "", "", 0, http10, expects_continue=False, upgrade="")


@pytest.mark.parametrize(
    ("asked", "how", "told"),
    [
        pytest.param(head(), {}, ("192.0.2.9", "http", "1.1 this-proxy"), id="nothing said"),
        pytest.param(head(http10=True), {}, ("192.0.2.9", "http", "1.0 this-proxy"), id="HTTP/1.0"),
        pytest.param(head(), {"secure": True}, ("192.0.2.9", "https", "1.1 this-proxy"), id="TLS"),
        pytest.param(head(("via", "1.0 a"), ("x-kept", "1"), ("via", "2 b")), {}, ("192.0.2.9", "http", "1.0 a, 2 b, 1.1 this-proxy"), id="other proxies"),
        pytest.param(head(("x-forwarded-proto", "https")), {}, ("192.0.2.9", "http", "1.1 this-proxy"), id="a stranger's scheme"),
        pytest.param(head(("x-forwarded-proto", "https")), {"trusted": True}, ("192.0.2.9", "https", "1.1 this-proxy"), id="an edge's scheme"),
        pytest.param(head(("x-forwarded-proto", "http")), {"trusted": True, "secure": True}, ("192.0.2.9", "http", "1.1 this-proxy"), id="TLS from the edge on"),
        pytest.param(head(("x-forwarded-proto", "ws")), {"trusted": True}, ("192.0.2.9", "http", "1.1 this-proxy"), id="no such scheme"),
        pytest.param(head(("x-forwarded-for", "1.1.1.1")), {"trusted": True}, ("192.0.2.9", "http", "1.1 this-proxy"), id="another header was followed"),
        pytest.param(
            head(("x-forwarded-for", "192.0.2.9"), ("x-kept", "1"), ("x-forwarded-for", "10.0.0.2")), {"trusted": True, "continued": True},
            ("192.0.2.9, 10.0.0.2, 10.0.0.1", "http", "1.1 this-proxy"), id="a way that goes on",
        ),
    ],
)  # fmt: skip
def test_the_way_is_told_as_far_as_it_is_known(asked, how, told):
    lines = TRAIL.lines(asked, "10.0.0.1", "192.0.2.9", **{**STRANGER, **how})
    assert lines == "x-forwarded-for: {}\r\nx-forwarded-proto: {}\r\nvia: {}\r\n".format(*told)


def test_a_request_that_was_here_before_is_refused_wherever_it_went_since():
    for via in ([("via", "1.1 this-proxy")], [("via", "1.1 a, 1.1 this-proxy"), ("via", "1.1 b")]):
        with pytest.raises(CallerError) as caught:
            TRAIL.lines(head(*via), "10.0.0.1", "192.0.2.9", **STRANGER)
        assert (caught.value.fault, caught.value.code) == (Fault.MALFORMED, "loop")


def test_a_strangers_claims_are_taken_from_its_head_and_the_rest_is_left():
    assert TRAIL.unclaimed(head(("x-account", "1"), ("x-kept", "2"), ("x-account", "3"))).headers == [("x-kept", "2")]
    modest = head(("x-kept", "2"))
    assert TRAIL.unclaimed(modest) is modest


def test_what_only_an_edge_may_say_is_every_header_that_a_setting_names():
    assert edge_claims(Settings()) == ADDRESSES == {"x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"}
    identity = {"account_header": "X-Account", "account_headers": {"tier": "X-Tier"}, "tls_fingerprint_header": "X-JA4"}
    edge = {"country": "X-Country", "subdivision": "X-Region", "asn": "X-ASN"}
    named = {"x-account", "x-tier", "x-ja4", "x-country", "x-region", "x-asn"}
    assert edge_claims(Settings.model_validate({"identity": identity, "geo": {"edge": edge}})) == ADDRESSES | named
