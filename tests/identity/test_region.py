import pytest

from proxy.identity.caller import Region
from proxy.identity.region import EdgeHeaders, classify, edge_headers, edge_region, placed_as

EDGE = EdgeHeaders("x-geo-country", "x-geo-region", "x-geo-asn")
FOUND = Region("DE", "DE-BE", 680, "DFN", latitude=52.5, longitude=13.4, status="ok")


@pytest.mark.parametrize(
    "ip",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "169.254.1.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fdff::1",
        "ff02::1",
        "2001:db8::1",
        "3fff::1",
        "100::1",
        "64:ff9b:1::1",
        "::ffff:1.2.3.4",
    ],
)
def test_an_address_that_is_nowhere_is_private(ip):
    assert classify(ip) == "private"


@pytest.mark.parametrize(
    "ip",
    [
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "223.255.255.255",
        "2001:4860:4860::8888",
        "2a00::1",
        "",
        "text",
    ],
)
def test_its_neighbours_and_other_text_are_not(ip):
    assert classify(ip) == ""


@pytest.mark.parametrize(
    ("ip", "counts"),
    [
        pytest.param("2002:af2d:b001::1", "175.45.176.1", id="6to4"),
        pytest.param("2001:0:4136:e378:8000:63bf:50d2:4ffe", "175.45.176.1", id="Teredo"),
        pytest.param("64:ff9b::af2d:b001", "175.45.176.1", id="NAT64"),
        pytest.param("2002:a01:203::1", "", id="6to4 of a private address"),
        pytest.param("64:ff9b::7f00:1", "", id="NAT64 of loopback"),
        pytest.param("2001:200::1", "2001:200::1", id="an ordinary address"),
        pytest.param("64:ff9b:0:1::1", "64:ff9b:0:1::1", id="beside NAT64's prefix"),
        pytest.param("175.45.176.1", "175.45.176.1", id="IPv4"),
        pytest.param("text", "text", id="no address"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_an_address_that_a_tunnel_made_counts_as_what_it_was_made_from(ip, counts):
    assert placed_as(ip) == counts


def test_an_edge_that_agrees_keeps_what_was_found():
    assert edge_region([("x-geo-country", "de")], EDGE, FOUND) == FOUND


def test_an_edge_that_disagrees_takes_no_place_from_another_country():
    assert edge_region([("x-geo-country", "FR")], EDGE, FOUND) == Region("FR", "", 680, "DFN", status="ok")


@pytest.mark.parametrize("subdivision", ["43", "UA-43", "ua-43", "UA43", "ua43"])
def test_an_edge_gives_a_subdivision_with_or_without_its_country(subdivision):
    region = edge_region([("x-geo-country", "UA"), ("x-geo-region", subdivision), ("x-geo-asn", "AS13188")], EDGE, Region())
    assert region == Region("UA", "UA-43", 13188, status="ok")


@pytest.mark.parametrize("country", ["XX", "ZZ", ""])
def test_an_edge_that_does_not_know_leaves_it_to_the_databases(country):
    assert edge_region([("x-geo-country", country)], EDGE, FOUND) == FOUND


def test_the_tor_network_is_anonymous():
    assert edge_region([("x-geo-country", "T1")], EDGE, Region()).anonymous


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("x-geo-country", "DE"), ("x-geo-country", "DE")], id="a header twice"),
        pytest.param([("x-geo-country", "Germany")], id="not a code"),
        pytest.param([("x-geo-country", "FR"), ("x-geo-region", "DE-BE")], id="a subdivision of another country"),
        pytest.param([("x-geo-country", "FR"), ("x-geo-region", "DEBE")], id="a subdivision of another country without a dash"),
        pytest.param([("x-geo-country", "FR"), ("x-geo-region", "Paris")], id="a subdivision's name"),
        pytest.param([("x-geo-country", "DE"), ("x-geo-asn", "4294967296")], id="a number that is too large"),
        pytest.param([("x-geo-country", "DE"), ("x-geo-asn", "AS")], id="no number"),
    ],
)
def test_an_edge_that_cannot_be_read_is_an_error(headers):
    assert edge_region(headers, EDGE, FOUND._replace(country="DE")).status == "error"


def test_headers_with_no_declared_name_are_not_read():
    assert edge_region([("", "FR"), ("x-geo-region", "FR-75")], EdgeHeaders(""), FOUND) == FOUND


def test_an_edge_may_refine_the_databases_country_without_naming_one():
    edge = edge_headers("", "X-Geo-Region", "")
    assert edge == EdgeHeaders("", "x-geo-region")
    assert edge_region([("x-geo-region", "43")], edge, Region("UA", status="ok")) == Region("UA", "UA-43", status="ok")
    assert edge_headers("", "", "") is None
