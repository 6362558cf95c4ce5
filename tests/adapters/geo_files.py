"""Geo databases to place addresses with: the shipped ones, MaxMind's samples and those that a test makes."""

import shutil
from importlib import resources
from pathlib import Path

import zstandard
from mmdb_writer import MMDBWriter
from netaddr import IPNetwork, IPSet

MAXMIND = Path(__file__).parent / "maxmind"
NOW = 1_790_000_000.0


def embedded(name):
    """The bytes of a shipped database."""
    packed = (resources.files("proxy.adapters.geodata") / f"{name}.zst").read_bytes()
    return zstandard.ZstdDecompressor().decompress(packed)


def write_database(path, rows, kind="GeoLite2-Country"):
    """A database of `rows`: (network, record). Later rows are inserted into earlier ones."""
    writer = MMDBWriter(6, kind, languages=["en"], description="test", ipv4_compatible=True, int_type="u32")
    for network, record in rows:
        writer.insert_network(IPSet([IPNetwork(network)]), record)
    writer.to_db_file(str(path))
    return path


def country(code, **more):
    return {"country": {"iso_code": code}, **more}


def copied(tmp_path, name, target="db.mmdb"):
    return Path(shutil.copy(MAXMIND / f"{name}.mmdb", tmp_path / target))
