import pytest

from proxy.adapters.accounts.sources import AccountSources
from proxy.errors import CallerError
from proxy.identity.address import Trust
from proxy.identity.caller import Account, Region
from proxy.identity.credentials import digest_id
from proxy.identity.identify import Sources, identify
from proxy.identity.region import EdgeHeaders

NOW = 1_790_000_000.0
KEY = b"digest key"


class Atlas:
    """A region port of two addresses."""

    def locate(self, ip, now):
        assert now == NOW
        return Region("DE", asn=680, status="ok") if ip == "203.0.113.9" else Region()


class Issuer:
    """A token port that knows one token."""

    def account(self, token, now):
        assert now == NOW
        return Account("sub-1", "token", tier="gold", sources=(("tier", "claim tier"),)) if token == "good" else None


def sources():
    return Sources(
        Trust.parse(["10.0.0.0/8"]), Atlas(), AccountSources(None, {"org": "x-org"}), Issuer(), KEY, "x-account", EdgeHeaders("x-country")
    )


def called(headers, peer="10.0.0.1", query=""):
    return identify(sources(), peer, headers, query, NOW)[0]


def test_a_trusted_gateway_names_address_region_account_and_attributes():
    caller = called([("x-forwarded-for", "203.0.113.9"), ("x-account", "acme"), ("x-org", "Acme"), ("x-country", "FR")])
    assert (caller.ip, caller.address_source) == ("203.0.113.9", "x-forwarded-for")
    assert caller.region == Region("FR", asn=680, status="ok")
    assert caller.account == Account("acme", "header", org="Acme", sources=(("org", "header x-org"),))


def test_the_same_headers_from_anyone_else_have_no_effect():
    headers = [("x-forwarded-for", "198.51.100.1"), ("x-account", "acme"), ("x-org", "Acme"), ("x-country", "FR"), ("x-org", "Evil")]
    assert called(headers, peer="203.0.113.9") == called([], peer="203.0.113.9")


def test_a_verified_token_outweighs_the_digest_and_yields_to_the_gateway():
    token = ("authorization", "Bearer good")
    assert called([token]).account == Account("sub-1", "token", tier="gold", sources=(("tier", "claim tier"),))
    assert called([("authorization", "Bearer bad")]).account == Account(digest_id("bad", KEY), "credential")
    assert called([token, ("x-account", "acme")]).account == Account("acme", "header")


def test_a_key_in_the_query_names_the_account_without_showing():
    caller = called([], query="key=sk-1")
    assert caller.account.id == digest_id("sk-1", KEY)
    assert "sk-1" not in repr(identify(sources(), "10.0.0.1", [], "key=sk-1", NOW))


def test_an_attribute_sent_twice_by_a_gateway_is_refused():
    with pytest.raises(CallerError, match="x-org header is given twice"):
        called([("x-account", "acme"), ("x-org", "Evil"), ("x-org", "Acme")])
