"""Every fact through every endpoint: present, absent, of the wrong type, nested. An endpoint without a row fails."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import RouteKind
from proxy.dialects.routes import ENDPOINTS
from proxy.errors import CallerError, Fault
from tests.dialects.corpus import CANARY, Probe, Row, as_form, put
from tests.dialects.rows.every import CARRIED, ROWS

WITHOUT_PROBES = {"dialect", "endpoint", "texts", "input_tokens", "inspected", "batch_size"}
"""Fields that a row's address, words or kind decide."""

WITHOUT_A_CALL = {
    "models.list", "models.get", "models.running", "version", "files.list", "files.get", "files.content", "files.delete",
    "batches.list", "batches.get", "batches.cancel", "fine_tuning.list", "fine_tuning.get", "fine_tuning.events", "fine_tuning.cancel",
    "messages.batches.list", "messages.batches.get", "messages.batches.results", "messages.batches.cancel", "messages.batches.delete",
}  # fmt: skip
"""Reviewed by hand: a new one is added here when its answers and effects are understood."""

EVERY = {**ROWS, **CARRIED}

STREAMED_UNLESS_TOLD = {"chat", "generate", "realtime"}

WRONG: tuple[Any, ...] = ("5", True, 5, 5.5, [1], {"a": 1})
SEVERAL_TYPES: dict[str, set[type]] = {
    "temperature": {int, float},
    "logprobs": {bool, int},
    "think": {bool, str},
    "thinking": {bool, dict},
    "prompt": {str, list},
    "tools": {list, dict},
}
"""Fields that an API documents with more types than the probe's own."""


CONTENT = {"messages", "contents", "requests", "content", "input", "conversation", "prompt_embeds", "container", "promptVariables"}
"""Fields with so many types that what none of them allows has a test of its own, and ids that are counted whatever they are."""

ANY_JSON = {"of_tomorrow", "format", "textFormat", "responseSchema", "response_json_schema", "promptVariables"}
"""Schemas and variables: any JSON is a text there."""


def _probes(wanted: Callable[[Row, Probe], bool] = lambda _row, _probe: True) -> list[Any]:
    return [
        pytest.param(row, field, probe, id=f"{key[0]}-{key[1]}-{field}-{at}")
        for key, row in EVERY.items()
        for field, probes in row.probes.items()
        for at, probe in enumerate(probes)
        if wanted(row, probe)
    ]


def test_every_endpoint_has_a_row():
    calls = {(row.dialect.name, row.endpoint) for row in ENDPOINTS if row.kind is not RouteKind.METADATA}
    assert calls == set(EVERY)
    assert {row.endpoint for row in ENDPOINTS if row.kind is RouteKind.METADATA} == WITHOUT_A_CALL


@pytest.mark.parametrize("key", EVERY, ids="-".join)
def test_every_field_of_a_call_is_looked_for_in_every_row_that_can_carry_it(key):
    row = EVERY[key]
    never = set(row.never.split()) | ({"model", "stream"} if row.path_model else set())
    assert row.probes.keys() | never == set(ModelCall._fields) - WITHOUT_PROBES
    assert row.probes.keys().isdisjoint(never)


@pytest.mark.parametrize("key", EVERY, ids="-".join)
def test_a_row_stands_for_the_endpoint_it_names(key):
    route = EVERY[key].route
    assert (route.dialect.name, route.endpoint, route.model) == (*key, EVERY[key].path_model)


@pytest.mark.parametrize("key", EVERY, ids="-".join)
def test_what_is_left_out_has_its_default(key):
    row = EVERY[key]
    call = row.read(copy.deepcopy(row.least))
    streams = row.route.stream or key[1] in STREAMED_UNLESS_TOLD
    assert (call.dialect, call.endpoint, call.model, call.stream) == (key[0], row.endpoint or key[1], row.path_model, streams)
    assert call.max_output_tokens == call.top_logprobs == call.reasoning_budget == call.images == call.audio == call.tool_results == 0
    assert (call.n, call.temperature, call.seed, call.logprobs) == (1, None, None, False)
    assert (call.reasoning, call.reasoning_effort, call.end_user, call.tools) == (False, "", "", ())
    assert call.inspected
    assert call.batch_size == 0
    assert bool(call.texts) == bool(row.words)
    assert (call.input_tokens > 0) == bool(row.words)


@pytest.mark.parametrize(("row", "field", "probe"), _probes())
def test_what_is_present_is_read(row, field, probe):
    call = row.read(put(row.least, probe.path, probe.value))
    assert getattr(call, field) == probe.expected


@pytest.mark.parametrize(("row", "field", "probe"), _probes(lambda row, probe: probe.path[0] not in {*row.least, "item"}))
def test_null_is_the_same_as_left_out(row, field, probe):
    nothing = put(row.least, probe.path, None)
    least = row.least
    for depth in range(1, len(probe.path)):
        least = put(least, probe.path[:depth], {})
    assert getattr(row.read(nothing), field) == getattr(row.read(least), field)


@pytest.mark.parametrize(
    ("row", "field", "probe"), _probes(lambda row, probe: row.carry is not as_form and not CONTENT.intersection(probe.path[:2]))
)
def test_a_wrong_type_is_refused_with_the_field_named(row, field, probe):
    allowed = SEVERAL_TYPES.get(str(probe.path[-1]), set()) | {type(probe.value)}
    for wrong in WRONG:
        if type(wrong) in allowed:
            continue
        with pytest.raises(CallerError) as refusal:
            row.read(put(row.least, probe.path, wrong))
        assert refusal.value.fault is Fault.MALFORMED
        assert refusal.value.param


@pytest.mark.parametrize(("row", "field", "probe"), _probes(lambda row, _: row.carry is as_form))
def test_what_is_no_value_of_a_forms_field_is_refused_with_the_field_named(row, field, probe):
    if field not in {"stream", "n", "temperature"}:
        return
    for wrong in ("many", "nan", "1_0", "\u0661", " 1", "[1]", [probe.value, probe.value], b"file"):
        with pytest.raises(CallerError) as refusal:
            row.read(put(row.least, probe.path, wrong))
        assert refusal.value.fault is Fault.MALFORMED


@pytest.mark.parametrize("key", [key for key, row in EVERY.items() if row.words and row.carry is not as_form], ids="-".join)
def test_content_of_no_documented_type_is_refused(key):
    row = EVERY[key]
    for path in {path for path, _ in row.words if path[-1] not in ANY_JSON}:
        for wrong in (5, 5.5, True):
            with pytest.raises(CallerError) as refusal:
                row.read(put(row.least, path, wrong))
            assert refusal.value.fault is Fault.MALFORMED


@pytest.mark.parametrize(
    ("row", "path", "value"),
    [pytest.param(row, *words, id=f"{key[0]}-{key[1]}-{at}") for key, row in EVERY.items() for at, words in enumerate(row.words)],
)
def test_every_text_is_read_wherever_it_stands(row, path, value):
    document = put(row.least, path, value)
    if path[0] == "generateContentRequest":
        del document["contents"]
    call = row.read(document)
    assert any(CANARY in text.text for text in call.texts)
    assert all(text.role in {"system", "user", "assistant", "tool", "input"} for text in call.texts)
    assert call.input_tokens >= len(CANARY) // 4


@pytest.mark.parametrize("key", [key for key, row in EVERY.items() if {"messages", "contents"} & row.least.keys()], ids="-".join)
def test_texts_keep_the_order_of_the_document(key):
    row = EVERY[key]
    document = copy.deepcopy(row.least)
    turns = "contents" if "contents" in document else "messages"
    first = document[turns][0]
    texts = [f"message {at}" for at in range(5)]
    document[turns] = [{**first, "parts" if turns == "contents" else "content": _shaped(first, words)} for words in texts]
    call = row.read(document)
    assert [text.text for text in call.texts if text.text.startswith("message ")] == texts


def _shaped(first: dict[str, Any], words: str) -> Any:
    if "parts" in first or isinstance(first["content"], list):
        return [{"text": words}]
    return words
