"""Each evasion is refused, or read exactly as Python, Node and Go read it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from functools import partial
from typing import Any

import pytest

from proxy.dialects.body import JsonLimits, read_json
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Route
from proxy.dialects.routes import find_route
from proxy.errors import CallerError, Fault
from tests.dialects.corpus import fault_of
from tests.dialects.evasions import READERS, Case, cases, lookalikes_anywhere

CASES = list(cases())
LOOKALIKES = list(lookalikes_anywhere())
LIMITS = JsonLimits()


def _read(case: Case) -> ModelCall:
    return find_route("POST", case.row.path).read(read_json(case.raw, LIMITS))


def _outcome_of(raw: bytes, route: Route) -> ModelCall | Fault:
    try:
        return route.read(read_json(raw, LIMITS))
    except CallerError as error:
        return error.fault


def _outcome(case: Case) -> ModelCall | Fault:
    return _outcome_of(case.raw, find_route("POST", case.row.path))


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


FOLDS = str.maketrans({"\u017f": "s", "\u212a": "k"} | {chr(ord("A") + at): chr(ord("a") + at) for at in range(26)})
"""The case folding of Go's encoding/json: ASCII letters, and the two characters beyond that fold to one (fold.go)."""


def _as_go(raw: bytes, key: str) -> Any:
    """What a Go server reads that has a field `key`: any key that folds to it is it, and the last one counts."""
    folded = key.translate(FOLDS)

    def fill(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key if name.translate(FOLDS) == folded else name: value for name, value in pairs}

    return json.loads(raw, object_pairs_hook=fill)


@pytest.mark.parametrize("reader", READERS)
def test_a_key_that_go_takes_for_another_changes_nothing_that_is_read_or_is_refused(reader):
    route = find_route("POST", READERS[reader].path)
    tried = 0
    for found in LOOKALIKES:
        if found.reader != reader:
            continue
        tried += 1
        call = _outcome_of(found.raw, route)
        if isinstance(call, Fault):
            assert call is Fault.MALFORMED
            continue
        seen = route.read(_as_go(found.raw, found.key))
        ours = "\n".join(text.text for text in call.texts)
        assert call == seen._replace(texts=call.texts, input_tokens=call.input_tokens), found.raw
        assert all(line in ours for text in seen.texts for line in text.text.split("\n")), found.raw
        assert call == route.read(json.loads(found.raw)), found.raw
    assert tried > 8


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_what_is_accepted_is_what_node_reads():
    accepted = [case.raw for case in CASES if not case.refused and b"9999999999" not in case.raw]  # node rounds what is above 2**53
    accepted += {found.raw for found in LOOKALIKES if fault_of(partial(read_json, found.raw, LIMITS)) is None}
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
