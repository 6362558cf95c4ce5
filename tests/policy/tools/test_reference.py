from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from proxy.documents.strict_yaml import read_yaml
from proxy.policy.facts import FACTS
from proxy.policy.load import load
from proxy.policy.tools.reference import case_json_schema, json_schema, reference_markdown, schema_text

POLICIES = Path(__file__).parents[3] / "policies"
POLICY_FILES = [*POLICIES.glob("*.yaml"), *POLICIES.glob("presets/*.yaml")]
CASE_FILES = [*POLICIES.glob("cases/*.yaml"), *POLICIES.glob("presets/cases/*.yaml")]
HOW = "run `tos-proxy reference policies`"


def read_like_an_editor(path: Path) -> Any:
    return read_yaml(path.name, path.read_bytes()).value


def test_the_reference_and_the_schemas_in_the_folder_are_those_of_the_code():
    assert (POLICIES / "README.md").read_text(encoding="utf-8") == reference_markdown(), HOW
    assert (POLICIES / "schema.json").read_text(encoding="utf-8") == schema_text(json_schema()), HOW
    assert (POLICIES / "cases" / "schema.json").read_text(encoding="utf-8") == schema_text(case_json_schema()), HOW


def test_the_shipped_files_satisfy_the_schemas_that_editors_use():
    assert len(POLICY_FILES) > 8
    assert len(CASE_FILES) > 4
    for schema, files in ((json_schema(), POLICY_FILES), (case_json_schema(), CASE_FILES)):
        validator = jsonschema.Draft202012Validator(schema)
        validator.check_schema(schema)
        for path in files:
            assert list(validator.iter_errors(read_like_an_editor(path))) == [], path.name


@pytest.mark.parametrize("path", POLICY_FILES + CASE_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_shipped_file_names_its_schema_for_editors(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert named is not None
    assert (path.parent / named[1]).resolve().is_file()


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"rulez": []}, id="unknown section"),
        pytest.param({"rules": [{"id": "a.b", "when": "true", "then": {"slow": 1}}]}, id="unknown effect"),
        pytest.param({"rules": [{"id": "a.b", "then": {"tag": ["x"]}}]}, id="no condition"),
        pytest.param({"rules": [{"id": "a.b", "when": "true", "then": {"tag": ["x"]}, "expires": None}]}, id="no value"),
        pytest.param({"lists": {"Bad Name": {"values": ["x"]}}}, id="bad name"),
        pytest.param({"rules": [{"id": "a.b", "when": "true", "then": {}}]}, id="no effect"),
        pytest.param({"rules": [{"id": "a.b", "when": "true", "then": {"clamp": {}}}]}, id="empty clamp"),
        pytest.param({"rules": [{"id": "a.b", "when": "true", "then": {"tag": ["x"]}, "expires": "20270331"}]}, id="no day"),
        pytest.param({"lists": {"l": {"of": "int"}}}, id="no values"),
        pytest.param({"lists": {"l": {"file": "l.txt", "values": ["x"]}}}, id="two sources"),
        pytest.param({"patterns": {"p": {}}}, id="no expressions"),
        pytest.param({"limits": [{"id": "a.b", "per": ["account.id"], "count": "requests", "rate": "1 per s"}]}, id="no rate"),
        pytest.param({"limits": [{"id": "a.b", "per": ["account.id"], "count": "requests"}]}, id="rate left out"),
        pytest.param({"limits": [{"id": "a.b", "per": ["account.id"], "count": "concurrent", "rate": "1/1s"}]}, id="rate of places"),
        pytest.param({"limits": [{"id": "a.b", "per": ["account.id"], "count": "usd", "rate": "1/1s", "max": 3}]}, id="most dollars"),
        pytest.param({"limits": [{"id": "a.b", "per": ["acount.id"], "count": "requests", "rate": "1/1s"}]}, id="unknown fact"),
    ],
)
def test_an_editor_marks_what_loading_would_refuse(document):
    assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(document))


def test_every_key_is_described_and_shown_by_example():
    for schema in (json_schema(), case_json_schema()):
        shapes = [*schema["$defs"].values(), schema]
        keys = [(name, key) for shape in shapes for name, key in shape.get("properties", {}).items()]
        assert len(keys) > 8
        assert [name for name, key in keys if not key.get("description")] == []
        assert [name for name, key in keys if not key.keys() & {"examples", "enum", "const"}] == []


def test_the_reference_tells_every_fact():
    text = reference_markdown()
    assert all(f"| `{fact.name}` | {fact.kind.value} |" in text for fact in FACTS)


def test_the_example_at_its_head_loads_as_it_stands():
    example = re.search(r"```yaml\n(# yaml-language-server.*?)```", reference_markdown(), re.DOTALL)
    assert example is not None
    ruleset = load({"a.yaml": example[1].encode(), "lists/anthropic-api.txt": b"DE\n"}, 1_795_520_000.0)
    assert (len(ruleset.rules), len(ruleset.limits), len(ruleset.waivers)) == (2, 1, 1)
