"""Geo databases that change, break or vanish: the last good data goes on answering."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.geo import GeoDatabases
from proxy.adapters.geodata.database import open_database
from proxy.errors import ConfigError
from proxy.identity.caller import Region
from tests.adapters.geo_files import MAXMIND, NOW, copied, country, embedded, write_database


def test_a_new_version_is_taken_and_nothing_old_is_remembered(tmp_path):
    path = write_database(tmp_path / "x.mmdb", [("11.0.0.0/8", country("DE"))])
    geo = GeoDatabases([path], embedded=False)
    assert geo.locate("11.1.1.1", NOW).country == "DE"
    assert not geo.refresh()
    write_database(tmp_path / "next", [("11.0.0.0/8", country("FR"))]).replace(path)
    assert geo.refresh()
    assert geo.locate("11.1.1.1", NOW).country == "FR"
    assert (geo.status()[0].reloads, geo.status()[0].problem) == (1, "")


def test_the_same_content_under_a_new_date_is_no_new_version(tmp_path):
    path = write_database(tmp_path / "x.mmdb", [("11.0.0.0/8", country("DE"))])
    geo = GeoDatabases([path], embedded=False)
    os.utime(path, ns=(1, 1))
    assert not geo.refresh()
    assert geo.status()[0].reloads == 0


def test_truncating_the_file_in_place_kills_nothing_and_keeps_the_last_good_data(tmp_path):
    path = copied(tmp_path, "GeoIP2-City-Test")
    geo = GeoDatabases([path], embedded=False)
    before = [geo.locate(f"81.2.69.{last}", NOW) for last in range(64)]
    for size in (path.stat().st_size // 2, 100, 0):
        os.truncate(path, size)
        assert [geo.locate(f"81.2.69.{last}", NOW) for last in range(64, 128)]
        assert not geo.refresh()
        assert geo.status()[0].problem
        assert [geo.locate(f"81.2.69.{last}", NOW) for last in range(64)] == before
    path.unlink()
    assert not geo.refresh()
    assert "can't be read" in geo.status()[0].problem
    copied(tmp_path, "GeoIP2-City-Test")
    assert not geo.refresh()
    assert geo.status()[0].problem == ""


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_damage_is_refused_or_harmless(data, tmp_path_factory):
    whole = (MAXMIND / "GeoIP2-City-Test.mmdb").read_bytes()
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damage") / "x.mmdb"
    path.write_bytes(whole)
    geo = GeoDatabases([path], embedded=False)
    path.write_bytes(damaged[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else damaged)
    os.utime(path, ns=(2, 2))
    geo.refresh()
    for ip in ("81.2.69.160", "2.125.160.216", "2001:218::1", "89.160.20.128", "8.8.8.8"):
        assert geo.locate(ip, NOW).status in {"ok", "unknown", "error"}


@pytest.mark.parametrize("path", sorted((MAXMIND / "bad").iterdir()), ids=lambda path: path.stem)
def test_maxminds_corpus_of_broken_databases_is_refused(path, tmp_path):
    with pytest.raises(ValueError, match="not a usable"):
        open_database("x", path.read_bytes())
    with pytest.raises(ConfigError):
        GeoDatabases([path])
    used = copied(tmp_path, "GeoIP2-City-Test")
    geo = GeoDatabases([used], embedded=False)
    shutil.copy(path, used)
    assert not geo.refresh()
    assert geo.locate("81.2.69.160", NOW).country == "GB"


def test_every_unusable_file_is_told_at_start(tmp_path):
    (tmp_path / "text.mmdb").write_text("not a database")
    with pytest.raises(ConfigError) as caught:
        GeoDatabases([tmp_path / "text.mmdb", tmp_path / "missing.mmdb", copied(tmp_path, "GeoIP2-City-Test")])
    assert [Path(problem.file).name for problem in caught.value.problems] == ["text.mmdb", "missing.mmdb"]
    assert all(problem.fix for problem in caught.value.problems)


def test_a_pipe_or_a_folder_in_place_of_a_database_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mmdb")
    with pytest.raises(ConfigError) as caught:
        GeoDatabases([tmp_path / "pipe.mmdb", tmp_path])
    assert [problem.what for problem in caught.value.problems] == ["isn't a file"] * 2


def test_a_database_that_moved_the_world_is_refused(tmp_path):
    path = write_database(tmp_path / "x.mmdb", [("0.0.0.0/0", country("DE")), ("2000::/3", country("DE"))])
    with pytest.raises(ConfigError, match="in the wrong place"):
        GeoDatabases([path])


def test_a_version_that_lost_most_of_its_coverage_is_refused(tmp_path):
    path = tmp_path / "country.mmdb"
    path.write_bytes(embedded("country.mmdb"))
    geo = GeoDatabases([path], embedded=False)
    write_database(tmp_path / "next", [("11.0.0.0/8", country("DE"))]).replace(path)
    assert not geo.refresh()
    assert "the version in use answers" in geo.status()[0].problem
    assert geo.locate("129.132.1.1", NOW).country == "CH"


def test_a_record_that_breaks_on_reading_is_an_error_that_the_next_database_still_answers(tmp_path):
    city = {"country": {"iso_code": "DE"}, "location": {"latitude": 52.5, "longitude": 13.4}}
    rows = [(f"11.{high}.{low}.0/24", city) for high in range(9) for low in range(256)]
    broken = {**city, "subdivisions": "not a list"}
    path = write_database(tmp_path / "x.mmdb", [*rows, ("12.0.0.0/24", broken)], kind="GeoLite2-City")
    geo = GeoDatabases([path, write_database(tmp_path / "y.mmdb", [("12.0.0.0/8", country("FR"))])], embedded=False)
    assert geo.locate("11.0.0.1", NOW).status == "ok"
    assert geo.locate("12.0.0.1", NOW) == Region("FR", status="error")
