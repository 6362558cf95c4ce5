"""Where an address is: two readers and a linear scan agree, layouts, precedence and age."""

import csv
import ipaddress
import random
from importlib import resources

import geoip2.database
import maxminddb
import pytest

from proxy.adapters.geo import GeoDatabases, hosting_numbers
from proxy.identity.caller import Region
from proxy.identity.networks import canonical
from tests.adapters.geo_files import NOW, copied, country, embedded, write_database

DAY_S = 86_400.0


@pytest.fixture(scope="module")
def shipped():
    return GeoDatabases([])


def code_of(record):
    return record["country"]["iso_code"] if record else ""


# --- what an address is


def spellings(rng, count):
    """Addresses of every kind with the one address that each means."""
    for _ in range(count):
        kind = rng.randrange(3)
        address: ipaddress.IPv4Address | ipaddress.IPv6Address
        if kind == 2:
            address = ipaddress.IPv6Address((1 << 125) + (rng.getrandbits(28) << 96) + rng.getrandbits(96))
            yield rng.choice([str(address), address.exploded, str(address).upper(), f"{address}%eth0"]), address
        else:
            address = ipaddress.IPv4Address(rng.getrandbits(32))
            yield (str(address) if kind else f"::ffff:{address}"), address


def test_nine_thousand_addresses_agree_with_another_reader_of_the_same_data(shipped, tmp_path):
    (tmp_path / "country.mmdb").write_bytes(embedded("country.mmdb"))
    (tmp_path / "asn.mmdb").write_bytes(embedded("asn.mmdb"))
    rng = random.Random(20260601)
    disagreements = []
    kinds = {"private": 0, "found": 0}
    with (
        maxminddb.open_database(tmp_path / "country.mmdb", maxminddb.MODE_MEMORY) as countries,
        maxminddb.open_database(tmp_path / "asn.mmdb", maxminddb.MODE_MEMORY) as numbers,
    ):
        for text, address in spellings(rng, 9000):
            region = shipped.locate(canonical(text), NOW)
            if region.status == "private":
                kinds["private"] += 1
                if address.is_global and not address.is_multicast:
                    disagreements.append((text, region))
                continue
            asked = str(getattr(address, "sixtofour", None) or address)
            place, network = countries.get(asked), numbers.get(asked)
            expected = code_of(place)
            number = network["autonomous_system_number"] if isinstance(network, dict) else 0
            kinds["found"] += bool(expected)
            if (region.country, region.asn, region.status) != (expected, number, "ok" if expected else "unknown"):
                disagreements.append((text, region))
    assert disagreements == []
    assert min(kinds.values()) > 500


def test_five_thousand_addresses_agree_with_a_linear_scan_over_the_rows(tmp_path):
    rng = random.Random(7)
    rows = []
    for number in range(120):
        if rng.random() < 0.5:
            network = ipaddress.ip_network((rng.getrandbits(32), rng.randrange(6, 25)), strict=False)
        else:
            network = ipaddress.ip_network(((1 << 125) + (rng.getrandbits(28) << 96), rng.randrange(8, 49)), strict=False)
        rows.append((network, f"{chr(65 + number % 26)}{chr(65 + number // 26)}"))
    rows.sort(key=lambda row: row[0].prefixlen)
    path = write_database(tmp_path / "rows.mmdb", [(str(network), country(code)) for network, code in rows])
    geo = GeoDatabases([path], embedded=False)

    def scan(address):
        inside = [(network.prefixlen, code) for network, code in rows if network.version == address.version and address in network]
        return max(inside)[1] if inside else ""

    disagreements, known = [], 0
    for text, address in spellings(rng, 2500):
        near = rng.choice(rows)[0]
        inside = near[rng.randrange(min(near.num_addresses, 1 << 20))]
        for spelling, meant in ((text, address), (str(inside), inside)):
            region = geo.locate(canonical(spelling), NOW)
            known += bool(region.country)
            if region.status != "private" and region.country != scan(meant):
                disagreements.append((spelling, region, scan(meant)))
    assert disagreements == []
    assert known > 2000


def test_the_embedded_databases_open_with_geoip2_and_say_their_age(shipped, tmp_path):
    (tmp_path / "country.mmdb").write_bytes(embedded("country.mmdb"))
    (tmp_path / "asn.mmdb").write_bytes(embedded("asn.mmdb"))
    with geoip2.database.Reader(tmp_path / "country.mmdb") as reader:
        assert reader.country("129.132.1.1").country.iso_code == "CH"
    with geoip2.database.Reader(tmp_path / "asn.mmdb") as reader:
        assert reader.asn("129.132.1.1").autonomous_system_number == 559
    attribution = (resources.files("proxy.adapters.geodata") / "ATTRIBUTION.md").read_text(encoding="utf-8")
    for status, day in zip(shipped.status(), ("2026-06-01", "2026-06-17"), strict=True):
        assert status.problem == ""
        assert status.stale_at == float("inf")
        assert status.built_at % DAY_S == 0
        assert day in attribution
    assert "https://db-ip.com" in attribution


def test_hosting_is_known_from_the_maintained_list(shipped):
    assert {16509, 14061, 16276, 24940} <= hosting_numbers()
    assert not {13335, 7018, 3320} & hosting_numbers()
    assert shipped.locate("3.5.140.2", NOW).hosting
    assert not shipped.locate("129.132.1.1", NOW).hosting


@pytest.mark.parametrize("ip", ["10.0.0.1", "100.64.1.1", "127.0.0.1", "::1", "fe80::1", "224.0.0.1", "2001:db8::1"])
def test_an_address_that_is_nowhere_is_private_whatever_a_database_says(tmp_path, ip):
    networks = ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "224.0.0.0/4", "2001:db8::/32", "fe80::/10"]
    path = write_database(tmp_path / "x.mmdb", [(network, country("DE")) for network in networks])
    assert GeoDatabases([path], embedded=False).locate(ip, NOW) == Region(status="private")


@pytest.mark.parametrize("ip", ["2002:af2d:b001::1", "2001:0:4136:e378:8000:63bf:50d2:4ffe", "64:ff9b::af2d:b001"])
def test_a_tunnel_is_no_way_out_of_a_country(shipped, ip):
    assert shipped.locate(ip, NOW) == shipped.locate("175.45.176.1", NOW)
    assert shipped.locate(ip, NOW).country == "KP"


def test_a_tunnel_from_a_private_address_is_nowhere_and_not_private(shipped):
    assert shipped.locate("2002:a01:203::1", NOW) == Region()


def test_no_address_is_unknown_and_text_is_an_error(shipped):
    assert shipped.locate("", NOW) == Region()
    assert shipped.locate("not an address", NOW).status == "error"


# --- layouts


@pytest.mark.parametrize(
    ("name", "ip", "expected"),
    [
        pytest.param("GeoIP2-Country-Test", "81.2.69.160", Region("GB", status="ok"), id="country"),
        pytest.param(
            "GeoIP2-City-Test", "81.2.69.160", Region("GB", "GB-ENG", latitude=51.5142, longitude=-0.0931, status="ok"), id="city"
        ),
        pytest.param("GeoLite2-ASN-Test", "1.128.0.0", Region(asn=1221, as_org="Telstra Pty Ltd"), id="autonomous system"),
        pytest.param("GeoIP2-ISP-Test", "1.128.0.0", Region(asn=1221, as_org="Telstra Pty Ltd"), id="provider"),
        pytest.param("GeoIP2-Anonymous-IP-Test", "1.2.0.1", Region(anonymous=True), id="anonymiser"),
        pytest.param("GeoIP2-Anonymous-IP-Test", "71.160.223.1", Region(hosting=True), id="hosting alone is no anonymiser"),
        pytest.param("GeoIP-Anonymous-Plus-Test", "1.2.0.1", Region(anonymous=True), id="anonymiser plus"),
    ],
)
def test_maxminds_own_databases_drop_in(tmp_path, name, ip, expected):
    assert GeoDatabases([copied(tmp_path, name)], embedded=False).locate(ip, NOW) == expected


def test_the_middle_of_a_country_is_no_place(tmp_path):
    geo = GeoDatabases([copied(tmp_path, "GeoIP2-City-Test")], embedded=False)
    assert geo.locate("149.101.100.1", NOW) == Region("US", status="ok")  # accurate to 1,000 km
    assert geo.locate("216.160.83.56", NOW).latitude == 47.2513  # to 22 km


def test_an_enterprise_database_gives_everything_at_once(tmp_path):
    region = GeoDatabases([copied(tmp_path, "GeoIP2-Enterprise-Test")], embedded=False).locate("74.209.24.0", NOW)
    assert (region.country, region.subdivision, region.asn, region.status) == ("US", "US-NY", 14671, "ok")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param({"country_code": "DE"}, Region("DE", status="ok"), id="a flat code"),
        pytest.param(
            {"country": "DE", "asn": "AS680", "as_name": "DFN"}, Region("DE", asn=680, as_org="DFN", status="ok"), id="IPinfo's keys"
        ),
        pytest.param({"country": {"iso_code": "DE"}}, Region("DE", status="ok"), id="MaxMind's shape under another name"),
    ],
)
def test_flat_layouts_that_geoip2_refuses_are_read_by_their_keys(tmp_path, record, expected):
    path = write_database(tmp_path / "x.mmdb", [("11.0.0.0/8", record)], kind="custom ipvAll")
    assert GeoDatabases([path], embedded=False).locate("11.1.1.1", NOW) == expected


@pytest.mark.parametrize("code", ["ZZ", "de", "DEU", "", 49, None])
def test_a_country_that_is_no_code_is_unknown(tmp_path, code):
    rows = [("11.0.0.0/8", {"country_code": code} if code is not None else {}), ("12.0.0.0/8", {"country_code": "DE"})]
    geo = GeoDatabases([write_database(tmp_path / "x.mmdb", rows, kind="custom")], embedded=False)
    assert geo.locate("11.1.1.1", NOW) == Region()


# --- precedence


def test_for_each_field_the_first_database_that_knows_it_wins(tmp_path):
    first = write_database(tmp_path / "first.mmdb", [("11.0.0.0/16", country("FR"))])
    asn = write_database(tmp_path / "asn.mmdb", [("11.0.0.0/8", {"autonomous_system_number": 64500})], kind="GeoLite2-ASN")
    second = write_database(tmp_path / "second.mmdb", [("11.0.0.0/8", country("DE"))])
    geo = GeoDatabases([first, asn, second], embedded=False)
    assert geo.locate("11.0.1.1", NOW) == Region("FR", asn=64500, status="ok")
    assert geo.locate("11.1.1.1", NOW) == Region("DE", asn=64500, status="ok")


def test_a_subdivision_never_joins_another_databases_country(tmp_path):
    city = {
        "country": {"iso_code": "UA"},
        "subdivisions": [{"iso_code": "43"}, {"iso_code": "XX"}],
        "location": {"latitude": 45.0, "longitude": 34.1},
    }
    cities = write_database(tmp_path / "city.mmdb", [("11.0.0.0/8", city)], kind="GeoLite2-City")
    agrees = write_database(tmp_path / "ua.mmdb", [("11.0.0.0/16", country("UA"))])
    differs = write_database(tmp_path / "ru.mmdb", [("11.1.0.0/16", country("RU"))])
    geo = GeoDatabases([agrees, differs, cities], embedded=False)
    assert geo.locate("11.0.1.1", NOW) == Region("UA", "UA-43", latitude=45.0, longitude=34.1, status="ok")
    assert geo.locate("11.1.1.1", NOW) == Region("RU", status="ok")


# --- age


def test_data_older_than_declared_is_stale_but_still_tells(tmp_path):
    path = copied(tmp_path, "GeoIP2-Country-Test")
    geo = GeoDatabases([path], embedded=False, max_age_s=30 * DAY_S)
    built = geo.status()[0].built_at
    assert geo.locate("81.2.69.160", built + 30 * DAY_S - 1) == Region("GB", status="ok")
    assert geo.locate("81.2.69.160", built + 30 * DAY_S) == Region("GB", status="stale")
    assert geo.locate("81.2.69.160", built) == Region("GB", status="ok")
    assert geo.locate("10.0.0.1", built + 365 * DAY_S).status == "private"


def test_only_the_databases_that_were_used_make_it_stale(tmp_path):
    path = write_database(tmp_path / "new.mmdb", [("81.2.69.160/32", country("DE"))])
    geo = GeoDatabases([path, copied(tmp_path, "GeoIP2-Country-Test")], embedded=False, max_age_s=30 * DAY_S)
    now = geo.status()[0].built_at + 1
    assert geo.locate("81.2.69.160", now).status == "ok"
    assert geo.locate("81.2.69.161", now).status == "stale"


def test_fresh_data_beside_it_does_not_refresh_what_is_stale(tmp_path):
    number = {"autonomous_system_number": 64500}
    fresh = write_database(tmp_path / "asn.mmdb", [("81.2.69.0/24", number)], kind="GeoLite2-ASN")
    geo = GeoDatabases([copied(tmp_path, "GeoIP2-Country-Test"), fresh], embedded=False, max_age_s=30 * DAY_S)
    now = geo.status()[1].built_at + 1
    assert geo.locate("81.2.69.161", now) == Region("GB", asn=64500, status="stale")


# --- hosting


def test_the_list_of_hosting_numbers_is_sorted_and_named():
    lines = (resources.files("proxy.adapters.geodata") / "hosting_asns.txt").read_text(encoding="utf-8").splitlines()
    rows = [next(csv.reader([line], delimiter=" ")) for line in lines if not line.startswith("#")]
    assert [int(row[0]) for row in rows] == sorted({int(row[0]) for row in rows})
    assert all(len(row) > 1 for row in rows)
