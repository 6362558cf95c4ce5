"""Each evasion is refused, or read exactly as Python, Node and Go read it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from typing import Any

import pytest

from proxy.dialects.body import JsonLimits, read_json
from proxy.dialects.call import ModelCall
from proxy.dialects.routes import find_route
from proxy.dialects.wire.keys import READ, fold
from proxy.errors import CallerError, Fault
from tests.dialects.evasions import READERS, Case, cases

CASES = list(cases())
LIMITS = JsonLimits()


def _read(case: Case) -> ModelCall:
    return find_route("POST", case.row.path).read(read_json(case.raw, LIMITS))


def _outcome(case: Case) -> ModelCall | Fault:
    try:
        return _read(case)
    except CallerError as error:
        return error.fault


def test_there_are_many_cases_for_every_reader():
    assert len(CASES) >= 400
    assert {case.reader for case in CASES} == set(READERS)
    assert len({(case.reader, case.trick) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("reader", READERS)
def test_what_has_two_readings_is_refused(reader):
    leaked = [case.trick for case in CASES if case.reader == reader and case.refused and _outcome(case) is not Fault.MALFORMED]
    assert leaked == []


@pytest.mark.parametrize("reader", READERS)
def test_what_is_accepted_is_what_python_reads(reader):
    for case in CASES:
        if case.reader == reader and not case.refused:
            route = find_route("POST", case.row.path)
            assert _outcome(case) == route.read(json.loads(case.raw)), case.trick


@pytest.mark.parametrize("reader", READERS)
def test_what_is_accepted_is_what_go_reads(reader):
    for case in CASES:
        if case.reader == reader and not case.refused:
            route = find_route("POST", case.row.path)
            assert _outcome(case) == route.read(json.loads(case.raw, object_pairs_hook=_as_go)), case.trick


def _as_go(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """How encoding/json fills a struct: an exact key or one that folds to it, whichever comes last."""
    exact = {fold(key): key for key in READ}
    return {exact.get(fold(key), key): value for key, value in pairs}


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_what_is_accepted_is_what_node_reads():
    accepted = [case.raw for case in CASES if not case.refused and b"9999999999" not in case.raw]  # node rounds what is above 2**53
    program = (
        "const lines = require('fs').readFileSync(0, 'ascii').trim().split('\\n');"
        "for (const line of lines) console.log(JSON.stringify(JSON.parse(Buffer.from(line, 'base64').toString('utf8'))));"
    )
    given = b"\n".join(map(base64.b64encode, accepted))
    seen = subprocess.run(["node", "-e", program], input=given, capture_output=True, check=True, timeout=60).stdout.decode().split("\n")
    for raw, line in zip(accepted, seen, strict=False):
        assert json.loads(line) == read_json(raw, LIMITS)
    assert len(seen) == len(accepted) + 1


def test_a_refusal_quotes_nothing_of_the_body():
    for case in CASES:
        if case.refused:
            with pytest.raises(CallerError) as refusal:
                _read(case)
            assert len(refusal.value.message) < 200
            assert "hello" not in refusal.value.message
