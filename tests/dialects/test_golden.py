"""What the official SDKs send is read as recorded."""

from __future__ import annotations

import json

import orjson
import pytest

from proxy.dialects.wire.strict import read_json
from tests.dialects.golden import CASES, FOLDER, body_of, read


def test_every_golden_request_has_an_expectation():
    assert len(CASES) >= 30
    assert {path.with_suffix(".json") for path in FOLDER.glob("*/*")} == set(CASES)
    assert {case.parent.name for case in CASES} == {"openai", "azure", "anthropic", "gemini", "bedrock", "ollama"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.stem}")
def test_a_golden_request_is_read_as_recorded(case):
    assert read(case) == json.loads(case.read_text())["calls"]


def test_most_sdks_send_json_that_needs_no_second_look():
    compact = [
        case for case in CASES if case.with_suffix(".body").exists() and case.parent.name in {"openai", "azure", "anthropic", "ollama"}
    ]
    assert compact
    for case in compact:
        raw = body_of(case)
        assert orjson.dumps(read_json(raw)) == raw
