import ipaddress
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import CallerError, Fault
from proxy.identity.address import Trust, client_address

TRUSTED = ["10.0.0.0/8", "192.0.2.7", "fd00::/8", "2001:db8:1::/48"]
CASES = 6000


def trust(**options):
    return Trust.parse(TRUSTED, **options)


def xff(*values):
    return [("host", "api.example"), *(("x-forwarded-for", value) for value in values), ("accept", "*/*")]


def oracle_address(text):
    """A second reader of one hop, slow and obvious."""
    if text.startswith("["):
        text = text[1 : text.index("]")]
    elif text.count(":") == 1:
        text = text.split(":")[0]
    address = ipaddress.ip_address(text.split("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def oracle_walk(peer, hops):
    """Linear walk over networks one by one, from the right."""
    networks = [ipaddress.ip_network(text) for text in TRUSTED]
    chain = [*hops, peer]
    for hop in reversed(chain):
        address = oracle_address(hop)
        if not any(address in network for network in networks if network.version == address.version):
            return str(address)
    return str(oracle_address(chain[0]))


def spell(rng, address, *, peer=False):
    """One of the ways in which the address is written in the wild. A peer comes from the socket, so without port or brackets."""
    ways = [str(address)]
    if address.version == 4:
        ways += [f"::ffff:{address}", f"::FFFF:{int(address) >> 16:x}:{int(address) & 65535:x}"]
        ways += [] if peer else [f"{address}:{rng.randrange(65536)}", f"[::ffff:{address}]:443"]
    else:
        ways += [address.exploded, str(address).upper(), f"{address}%eth0"]
        ways += [] if peer else [f"[{address}]", f"[{address}]:{rng.randrange(65536)}", f"[{address}%1]:80"]
    return rng.choice(ways)


def any_address(rng):
    trusted = rng.random() < 0.5
    if rng.random() < 0.5:
        base = int(ipaddress.ip_address("10.0.0.0")) + rng.getrandbits(24) if trusted else rng.getrandbits(32)
        return ipaddress.IPv4Address(base)
    if trusted:
        return ipaddress.IPv6Address((0xFD << 120) + rng.getrandbits(120))
    return ipaddress.IPv6Address((1 << 125) + rng.getrandbits(125))


def test_six_thousand_chains_give_the_address_that_a_naive_walk_gives():
    rng = random.Random(20260601)
    believed = trust()
    disagreements = []
    for _ in range(CASES):
        peer = spell(rng, any_address(rng), peer=True)
        hops = [spell(rng, any_address(rng)) for _ in range(rng.randrange(6))]
        lines = [hops]
        if len(hops) > 1 and rng.random() < 0.5:
            cut = rng.randrange(1, len(hops))
            lines = [hops[:cut], hops[cut:]]
        headers = xff(*(rng.choice([", ", ",", " ,\t"]).join(line) for line in lines if line))
        found, _ = client_address(peer, headers, believed)
        if found != oracle_walk(peer, hops):
            disagreements.append((peer, hops, found))
    assert disagreements == []


hostile = st.text(alphabet='0123456789abcdef.:,;=[]"% \tforFOR_-', max_size=60) | st.text(max_size=30)


@settings(max_examples=400, deadline=None)
@given(prefix=st.lists(hostile, max_size=4), client=st.sampled_from(["203.0.113.9", "2001:db8:2::9", "198.51.100.1:80"]))
def test_a_prepended_header_never_changes_the_address(prefix, client):
    believed = trust()
    expected = client_address("10.0.0.1", xff(client), believed)
    assert client_address("10.0.0.1", xff(*prefix, client), believed) == expected
    assert client_address("10.0.0.1", xff(", ".join([*prefix, client])), believed) == expected


@settings(max_examples=400, deadline=None)
@given(prefix=st.lists(hostile, max_size=4), client=st.sampled_from(["for=203.0.113.9", 'for="[2001:db8:2::9]:80";proto=https']))
def test_a_prepended_forwarded_element_or_quote_never_changes_the_address(prefix, client):
    believed = trust(header="forwarded")
    expected = client_address("10.0.0.1", [("forwarded", client)], believed)
    assert expected[1] == "forwarded"
    assert client_address("10.0.0.1", [("forwarded", text) for text in (*prefix, client)], believed) == expected
    assert client_address("10.0.0.1", [("forwarded", ", ".join([*prefix, client]))], believed) == expected


@settings(max_examples=300, deadline=None)
@given(peer=st.ip_addresses(), values=st.lists(hostile, max_size=4), header=st.sampled_from(["x-forwarded-for", "forwarded"]))
def test_headers_from_an_untrusted_peer_have_no_effect(peer, values, header):
    believed = Trust.parse(["10.0.0.0/8"], header=header, malformed="refuse")
    if str(peer).startswith("10.") or "10." in str(getattr(peer, "ipv4_mapped", "")):
        return
    headers = [(name, value) for value in values for name in ("x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip")]
    assert client_address(str(peer), headers, believed) == client_address(str(peer), [], believed)
    assert client_address(str(peer), headers, believed)[1] == "peer"


@settings(max_examples=300, deadline=None)
@given(values=st.lists(hostile, max_size=5))
def test_any_text_from_a_trusted_peer_gives_an_address_or_a_refusal(values):
    for header in ("x-forwarded-for", "forwarded"):
        headers = [(header, value) for value in values]
        ip, source = client_address("10.0.0.1", headers, Trust.parse(["10.0.0.0/8"], header=header))
        assert str(ipaddress.ip_address(ip)) == ip
        assert source in {"peer", header, "malformed"}
        believed = Trust.parse(["10.0.0.0/8"], header=header, malformed="refuse")
        if source == "malformed":
            with pytest.raises(CallerError) as caught:
                client_address("10.0.0.1", headers, believed)
            assert caught.value.fault is Fault.MALFORMED
        else:
            assert client_address("10.0.0.1", headers, believed) == (ip, source)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("unknown", ("10.0.0.1", "malformed"), id="a hop that hides itself"),
        pytest.param("203.0.113.9, unknown, 10.0.0.2", ("10.0.0.2", "malformed"), id="the walk stops at the last good hop"),
        pytest.param("unknown, 203.0.113.9", ("203.0.113.9", "x-forwarded-for"), id="left of the answer nothing is read"),
        pytest.param("010.0.0.1", ("10.0.0.1", "malformed"), id="octal is no address"),
        pytest.param("1.2.3.4:99999999", ("10.0.0.1", "malformed"), id="a port has five digits"),
        pytest.param("[1.2.3.4]", ("10.0.0.1", "malformed"), id="brackets hold IPv6"),
        pytest.param("[2001:db8::9", ("10.0.0.1", "malformed"), id="a bracket that nothing closes"),
        pytest.param("[2001:db8::9%a]b]", ("10.0.0.1", "malformed"), id="the first bracket closes"),
        pytest.param("[2001:db8::9]80", ("10.0.0.1", "malformed"), id="a port without its colon"),
        pytest.param("[2001:db8::9]:http", ("10.0.0.1", "malformed"), id="a port that is a word"),
        pytest.param("[2001:db8::9]:x8", ("10.0.0.1", "malformed"), id="a port that doesn't begin as one"),
        pytest.param("[2001:db8::9]:8", ("2001:db8::9", "x-forwarded-for"), id="a port of one digit"),
        pytest.param("[2001:db8::9]x", ("10.0.0.1", "malformed"), id="text behind the bracket"),
        pytest.param("10.0.0.3, 10.0.0.2", ("10.0.0.3", "x-forwarded-for"), id="all trusted: the leftmost"),
        pytest.param(" , ,", ("10.0.0.1", "peer"), id="empty entries don't count"),
        pytest.param("203.0.113.9,,", ("203.0.113.9", "x-forwarded-for"), id="empty entries on the right don't count"),
    ],
)
def test_one_entry_of_each_kind(value, expected):
    assert client_address("10.0.0.1", xff(value), trust()) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param('For="[2001:DB8:2::17]:4711"', "2001:db8:2::17", id="quoted IPv6 with port, names in any case"),
        pytest.param("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60", id="the example of RFC 7239"),
        pytest.param("for=192.0.2.43, for=198.51.100.17", "198.51.100.17", id="several elements"),
        pytest.param("by=203.0.113.43;for=198.51.100.17;", "198.51.100.17", id="order and empty pairs don't matter"),
        pytest.param("for=192.0.2.60; proto=http", "192.0.2.60", id="a blank between pairs"),
        pytest.param('by="";secret="a=b";for="192.0.2.60"', "192.0.2.60", id="quoted without a port, beside an empty and an equals sign"),
    ],
)
def test_forwarded_is_read_as_its_standard_says(value, expected):
    assert client_address("10.0.0.1", [("forwarded", value)], trust(header="forwarded")) == (expected, "forwarded")


@pytest.mark.parametrize("value", ["for=_hidden", "for=unknown", "proto=https", "for=1.2.3.4;for=5.6.7.8", 'for="1.2.3.45', "for=[::1]"])
def test_a_forwarded_element_without_exactly_one_address_is_malformed(value):
    assert client_address("10.0.0.1", [("forwarded", value)], trust(header="forwarded")) == ("10.0.0.1", "malformed")


@pytest.mark.parametrize(
    "pair",
    ["for=_hidden", "secret", "=1", "b@d=1", "by=a b", 'by="', 'by="a', 'by=a"', 'by="a"b', 'by="a"b"', 'by=""a"', 'by="a""', 'by="\\\\a"'],
)
def test_a_forwarded_element_with_a_pair_that_is_none_is_malformed_whatever_else_it_says(pair):
    for value in (f"{pair};for=192.0.2.60", f"for=192.0.2.60;{pair}"):
        assert client_address("10.0.0.1", [("forwarded", value)], trust(header="forwarded")) == ("10.0.0.1", "malformed")


def test_the_header_that_was_not_chosen_is_ignored():
    headers = [("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "198.51.100.1")]
    assert client_address("10.0.0.1", headers, trust()) == ("198.51.100.1", "x-forwarded-for")
    assert client_address("10.0.0.1", headers, trust(header="forwarded")) == ("203.0.113.9", "forwarded")


def test_a_mapped_peer_is_its_ipv4_address_and_trusted_as_such():
    assert client_address("::ffff:10.0.0.1", xff("203.0.113.9"), trust()) == ("203.0.113.9", "x-forwarded-for")
    assert client_address("::ffff:203.0.113.1", xff("198.51.100.1"), trust()) == ("203.0.113.1", "peer")


def test_a_peer_without_an_address_is_never_trusted():
    assert client_address("", xff("203.0.113.9"), Trust.parse(["0.0.0.0/0", "::/0"], allow_any=True)) == ("", "peer")


def test_a_chain_is_followed_through_thirty_two_hops_with_empty_entries_between_them():
    hops = ["203.0.113.9", *["10.0.0.2"] * 31]
    assert client_address("10.0.0.1", xff(",,".join(hops)), trust()) == ("203.0.113.9", "x-forwarded-for")
    assert client_address("10.0.0.1", xff(",".join([*hops, "10.0.0.3"])), trust()) == ("10.0.0.2", "malformed")


def test_a_chain_longer_than_the_cap_is_malformed_and_cheap():
    assert client_address("10.0.0.1", xff("203.0.113.9," + "10.0.0.2," * 20_000), trust())[1] == "malformed"


@pytest.mark.parametrize(
    "networks",
    [["0.0.0.0/0"], ["::/0"], ["10.0.0.0/8", "0.0.0.0/1", "128.0.0.0/1"], ["::ffff:0:0/96"], ["::/1", "8000::/1"]],
    ids=" ".join,
)
def test_trusting_every_address_needs_the_flag(networks):
    with pytest.raises(ValueError, match="any client could claim any region"):
        Trust.parse(networks)
    assert client_address("203.0.113.1", xff("198.51.100.1"), Trust.parse(networks[-2:], allow_any=True))[0]


@pytest.mark.parametrize("networks", [["10.0.0.0/8"], ["fd00::/8"], ["0.0.0.0/1"], ["::/1"]], ids=" ".join)
def test_trusting_some_addresses_of_one_family_needs_no_flag(networks):
    assert client_address("192.0.2.1", [], Trust.parse(networks)) == ("192.0.2.1", "peer")


def test_every_bad_network_is_told_at_once():
    with pytest.raises(ValueError, match="not a network") as caught:
        Trust.parse(["10.0.0.1/8", "proxy.internal", "0.0.0.0/0"])
    assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == ["'10.0.0.1/8'", "'proxy.internal'", "10.0.0.1/8,"]
    assert "write 10.0.0.0/8" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "remembered"),
    [
        pytest.param(["198.51.100.1".rjust(256)], 1, id="a header as long as the cap"),
        pytest.param(["198.51.100.1".rjust(257)], 0, id="a longer one"),
        pytest.param(["203.0.113.9", "198.51.100.1"], 0, id="several lines"),
    ],
)
def test_only_a_short_header_of_one_line_is_remembered(values, remembered):
    believed = trust()
    for _ in range(2):
        assert client_address("10.0.0.1", xff(*values), believed) == ("198.51.100.1", "x-forwarded-for")
    walked = believed._walk_cached.cache_info()
    assert (walked.currsize, walked.hits) == (remembered, remembered)
