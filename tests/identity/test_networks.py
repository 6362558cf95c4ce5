import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.identity.networks import Networks, canonical, parse_network


@settings(max_examples=200, deadline=None)
@given(
    networks=st.lists(st.tuples(st.ip_addresses(), st.integers(0, 128)), max_size=8),
    addresses=st.lists(st.ip_addresses(), min_size=1, max_size=8),
)
def test_membership_agrees_with_a_linear_scan(networks, addresses):
    parsed = [ipaddress.ip_network((ip, min(length, ip.max_prefixlen)), strict=False) for ip, length in networks]
    inside = [ip for network in parsed for ip in (network.network_address, network.broadcast_address)]
    held = Networks(parsed)
    for address in [*addresses, *inside]:
        assert held.contains(str(address)) == any(address in network for network in parsed if network.version == address.version)


@settings(max_examples=300, deadline=None)
@given(address=st.ip_addresses())
def test_every_spelling_of_an_address_is_written_one_way(address):
    mapped = getattr(address, "ipv4_mapped", None)
    expected = str(mapped or address)
    assert canonical(address.exploded) == canonical(str(address).upper()) == canonical(canonical(str(address))) == expected
    if address.version == 4:
        assert canonical(f"::ffff:{address}") == expected
    elif mapped is None:
        assert canonical(f"{address}%eth0") == expected


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="0123456789abcdef.:%/ x\u0661", max_size=80))
def test_what_is_no_address_is_empty(text):
    written = canonical(text)
    assert written == "" or str(ipaddress.ip_address(written)) == written


@pytest.mark.parametrize("text", ["", "10.1", "010.0.0.1", "1.2.3.4/32", "1.2.3.4%eth0", "::1%" + "z" * 80, "\u0661.2.3.4", "0x7f.1"])
def test_other_notations_are_not_addresses(text):
    assert canonical(text) == ""


def test_a_mapped_network_is_the_ipv4_network_it_means():
    assert parse_network("::ffff:10.0.0.0/104") == ipaddress.ip_network("10.0.0.0/8")
    assert parse_network("192.0.2.7") == ipaddress.ip_network("192.0.2.7/32")
