"""The bill of materials: every data file that ships is in it, and the whole is CycloneDX."""

from __future__ import annotations

import json
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from deploy import sbom
from proxy import VERSION


def test_every_database_that_ships_is_in_the_bill_with_its_licence():
    listed = {component["name"]: component["licenses"][0]["license"]["id"] for component in sbom.data_components()}
    shipped = {path.name for path in sbom.DATA.iterdir() if path.suffix in {".zst", ".txt", ".mmdb"}}
    assert set(listed) == shipped
    assert set(listed.values()) == {"CC-BY-4.0"}


def _environment(folder: Path, *packages: str) -> Path:
    """The interpreter of an environment that holds these packages of ours only: the bill of all 150 takes half a minute."""
    venv.create(folder, with_pip=False)
    here, there = (Path(sysconfig.get_path("purelib", vars={"base": str(base)})) for base in (sys.prefix, folder))
    for package in packages:
        known = next(here.glob(f"{package}-*.dist-info"))
        (there / known.name).symlink_to(known)
    return folder / "bin" / "python"


def test_the_bill_says_which_version_it_is_of(tmp_path):
    pytest.importorskip("cyclonedx", reason="PyPI package cyclonedx-bom is not installed")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    sbom.packages(_environment(tmp_path / "environment", "aiohttp", "pydantic"), tmp_path / "sbom.json")
    bill = sbom.completed(json.loads((tmp_path / "sbom.json").read_text()))
    told = bill["metadata"]["component"]
    assert (told["name"], told["version"]) == ("tos-proxy", VERSION)
    assert {"aiohttp", "pydantic"} | {each["name"] for each in sbom.data_components()} == {each["name"] for each in bill["components"]}
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None


def test_the_data_components_are_valid_cyclonedx():
    pytest.importorskip("cyclonedx", reason="PyPI package cyclonedx-bom is not installed")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": sbom.data_components()}
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
