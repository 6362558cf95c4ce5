import io
from importlib import resources

import maxminddb
import pytest
import zstandard
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from proxy.adapters.geodata.database import open_database
from proxy.adapters.geodata.structure import read_layout

RECORD = {
    "country": {"iso_code": "DE"},
    "traits": {"is_anonymous": True},
    "subdivisions": [{"iso_code": "BE"}],
    "location": {"latitude": 52.5},
}


def small(tmp_path, record=RECORD, version=6):
    path = tmp_path / "small.mmdb"
    writer = MMDBWriter(version, "GeoLite2-City", languages=["en"], description="test", ipv4_compatible=version == 6)
    writer.insert_network(IPSet(["11.0.0.0/8"]), record)
    writer.to_db_file(str(path))
    return path.read_bytes()


@pytest.mark.parametrize("name", ["country.mmdb", "asn.mmdb"])
def test_the_shipped_databases_are_well_formed(name):
    packed = (resources.files("proxy.adapters.geodata") / f"{name}.zst").read_bytes()
    layout = read_layout(zstandard.ZstdDecompressor().decompress(packed))
    assert layout.ip_version == 6
    assert layout.nodes > 1_000_000


@pytest.mark.parametrize("version", [4, 6])
def test_the_first_addresses_are_those_of_the_tree(tmp_path, version):
    assert list(read_layout(small(tmp_path, version=version)).addresses(10)) == [11 << 24]


def test_no_damaged_byte_reaches_the_c_reader_unless_a_safe_reader_reads_the_same(tmp_path):
    """The C reader takes a map's key for a text whatever it is, and dies of it: a wrong acceptance here ends the test run."""
    whole = small(tmp_path)
    end = whole.rfind(b"\xab\xcd\xefMaxMind.com")
    begin = read_layout(whole).nodes * 6 + 16
    assert begin < whole.find(b"country") < end
    accepted = 0
    for position in range(begin, end):
        for value in (0x00, 0x07, 0x20, 0x28, 0x42, 0x68, 0xA1, 0xC4, 0xE1):
            damaged = whole[:position] + bytes([value]) + whole[position + 1 :]
            try:
                database = open_database("x", damaged)
            except ValueError:
                continue
            accepted += 1
            record = maxminddb.open_database(io.BytesIO(damaged), maxminddb.MODE_FD).get("11.1.1.1")
            found = database.find("11.1.1.1")
            assert found is not None
            assert isinstance(record, dict)
            said = record.get("country")
            assert found.country == "" or (isinstance(said, dict) and said.get("iso_code") == found.country)
    assert accepted > 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda db: db.replace(b"\x47country", b"\xc2country"), "key of a map|damaged|type or a size", id="a key that is a number"
        ),
        pytest.param(lambda db: db[: len(db) // 2], "no MaxMind DB metadata", id="cut off"),
        pytest.param(lambda db: db[:100] + db[-300:], "shorter than its tree|points outside", id="a hole"),
        pytest.param(lambda db: b"", "no MaxMind DB metadata", id="empty"),
        pytest.param(
            lambda db: db.replace(b"\x4brecord_size\xa1\x18", b"\x4brecord_size\xa1\x19"), "makes no sense", id="an impossible record size"
        ),
        pytest.param(lambda db: db.replace(b"\x4anode_count", b"\x4anode_kount"), "KeyError", id="no node count"),
    ],
)
def test_what_is_wrong_is_told(tmp_path, change, message):
    whole = small(tmp_path)
    changed = change(whole)
    assert changed != whole
    with pytest.raises(ValueError, match=message):
        read_layout(changed)


def test_a_record_that_would_cost_too_much_is_refused(tmp_path):
    with pytest.raises(ValueError, match="more than 2000 values"):
        read_layout(small(tmp_path, {"names": {f"k{number}": number for number in range(3000)}}))


def test_a_value_that_holds_itself_is_refused(tmp_path):
    whole = small(tmp_path, {"country": {"iso_code": "DE"}})
    layout = read_layout(whole)
    record = int(layout.children.max()) - layout.nodes - 16
    at = layout.nodes * 6 + 16 + record
    assert whole[at] == 0xE1  # a map of one entry: a pointer to its key and a pointer to its value, two bytes each
    looped = whole[: at + 3] + bytes([0x20, record]) + whole[at + 5 :]
    with pytest.raises(ValueError, match="nested without end"):
        read_layout(looped)
