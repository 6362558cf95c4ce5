"""A clamp lowers what is above it in every spelling, sets what is left out, and never touches anything else."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from proxy.dialects import rewrite
from proxy.dialects.rewrite import EFFORTS
from proxy.dialects.routes import find_route
from proxy.errors import CallerError
from tests.dialects.corpus import Probe, Row, put
from tests.dialects.rows.every import ROWS

BOUNDS: dict[str, tuple[str, Any]] = {
    "max_output_tokens": ("max_tokens", 50),
    "n": ("n", 1),
    "temperature": ("temperature", 0.125),
    "logprobs": ("logprobs", False),
    "top_logprobs": ("top_logprobs", 1),
    "reasoning_effort": ("reasoning_effort", "low"),
    "reasoning_budget": ("reasoning_budget", 100),
}
INSERTED = {"max_output_tokens", "temperature"}
"""Fields whose absence means more than the bound, so that the bound is set."""

NO_CLAMP = {"embeddings", "moderations", "audio.speech", "batches.create", "fine_tuning.create", "responses.input_tokens"} | {
    "messages.count_tokens", "count_tokens", "embed_content", "batch_embed_contents", "embed", "models.show",
}  # fmt: skip
"""Endpoints that generate no text: nothing there is worth lowering."""

CLAMPED = {key: row for key, row in ROWS.items() if key[1] not in NO_CLAMP}


def _cases(fields: set[str] | None = None) -> list[Any]:
    return [
        pytest.param(row, field, probe, id=f"{key[0]}-{key[1]}-{field}-{at}")
        for key, row in CLAMPED.items()
        for field, probes in row.probes.items()
        if field in (fields or BOUNDS.keys())
        for at, probe in enumerate(probes)
    ]


def _above(field: str, value: Any) -> bool:
    bound = BOUNDS[field][1]
    if field == "logprobs":
        return value is True
    if field == "reasoning_effort":
        return EFFORTS.index(value) > EFFORTS.index(bound)
    return value > bound


@pytest.mark.parametrize(("row", "field", "probe"), _cases())
def test_what_is_above_the_bound_is_lowered(row: Row, field: str, probe: Probe):
    route = find_route("POST", row.path)
    document = put(row.least, probe.path, probe.value)
    before = copy.deepcopy(document)
    name, most = BOUNDS[field]
    call = route.read(document)
    assert _above(field, getattr(call, field))
    lowered, after, changed = rewrite.clamp(route, document, call, {name: most})
    assert changed == (name,)
    assert document == before
    assert not _above(field, getattr(after, field))
    assert after == route.read(orjson.loads(orjson.dumps(lowered)))
    assert after.texts == call.texts or probe.path[0] == "chat_template_kwargs"  # which is text as well
    assert rewrite.clamp(route, lowered, after, {name: most}) == (lowered, after, ())


@pytest.mark.parametrize("key", CLAMPED, ids="-".join)
def test_what_is_left_out_is_set_where_that_means_more(key):
    row = CLAMPED[key]
    route = find_route("POST", row.path)
    for field in INSERTED & row.probes.keys():
        name, most = BOUNDS[field]
        call = route.read(row.least)
        _, after, changed = rewrite.clamp(route, copy.deepcopy(row.least), call, {name: most})
        assert (getattr(after, field), changed) == (most, (name,))


@pytest.mark.parametrize(("row", "field", "probe"), _cases({"max_output_tokens", "n", "temperature", "top_logprobs", "reasoning_budget"}))
def test_what_is_within_the_bound_stays(row, field, probe):
    route = find_route("POST", row.path)
    document = put(row.least, probe.path, probe.value)
    call = route.read(document)
    assert rewrite.clamp(route, document, call, {BOUNDS[field][0]: 100_000}) == (document, call, ())


@pytest.mark.parametrize("row", CLAMPED.values(), ids=map("-".join, CLAMPED))
def test_unlimited_is_above_every_bound(row):
    route = find_route("POST", row.path)
    for probe in row.probes.get("max_output_tokens", ()):
        document = put(row.least, probe.path, -1)
        call = route.read(document)
        assert call.max_output_tokens == 0
        assert rewrite.clamp(route, document, call, {"max_tokens": 50})[1].max_output_tokens == 50


def _with_a_null(value: Any) -> Iterator[Any]:
    """The value with null for it, and for each field inside."""
    yield None
    if isinstance(value, dict):
        yield from ({**value, key: nulled} for key, inside in value.items() for nulled in _with_a_null(inside))


@pytest.mark.parametrize(("row", "field", "probe"), _cases())
def test_a_null_that_is_read_can_be_bounded(row, field, probe):
    route = find_route("POST", row.path)
    name, most = BOUNDS[field]
    for value in _with_a_null(probe.value):
        document = put(row.least, probe.path, value)
        try:
            call = route.read(document)
        except CallerError:
            continue
        lowered, after, _ = rewrite.clamp(route, document, call, {name: most})
        assert after == route.read(lowered)
        assert rewrite.clamp(route, lowered, after, {name: most}) == (lowered, after, ())


@pytest.mark.parametrize("row", CLAMPED.values(), ids=map("-".join, CLAMPED))
def test_no_effort_switches_reasoning_off_in_every_spelling(row):
    route = find_route("POST", row.path)
    for probe in row.probes.get("reasoning", ()):
        if probe.path[0] == "input":
            continue
        document = put(row.least, probe.path, probe.value)
        call = route.read(document)
        after = rewrite.clamp(route, document, call, {"reasoning_effort": "none"})[1]
        assert not after.reasoning


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_all_bounds_hold_at_once_in_any_order(data):
    row = data.draw(st.sampled_from(list(CLAMPED.values())))
    document = row.least
    fields = sorted(BOUNDS.keys() & row.probes.keys())
    for field in data.draw(st.lists(st.sampled_from(fields), unique=True)):
        probe = data.draw(st.sampled_from(row.probes[field]))
        if probe.path[0] not in {"messages", "input", "contents"}:
            document = put(document, probe.path, probe.value)
    route = find_route("POST", row.path)
    try:
        call = route.read(document)
    except CallerError:  # two probes used two spellings of one key
        reject()
    orders = data.draw(st.permutations([BOUNDS[field] for field in fields]))
    _, after, _ = rewrite.clamp(route, document, call, dict(orders))
    assert after == rewrite.clamp(route, document, call, dict(sorted(orders)))[1]
    for field in fields:
        assert not _above(field, getattr(after, field) or (False if field == "logprobs" else 0 if field != "reasoning_effort" else "none"))


def test_usage_is_asked_for_in_openai_streams_only():
    chat = find_route("POST", "/v1/chat/completions")
    document: dict[str, Any] = {"stream": True}
    assert rewrite.force_usage(chat, document)
    assert document["stream_options"] == {"include_usage": True}
    assert not rewrite.force_usage(chat, document)
    kept: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": False, "x": 1}}
    assert rewrite.force_usage(chat, kept)
    assert kept["stream_options"] == {"include_usage": True, "x": 1}
    for path, streamed in (("/v1/chat/completions", False), ("/v1/responses", True), ("/v1/messages", True), ("/api/chat", True)):
        untouched: dict[str, Any] = {"stream": streamed}
        assert not rewrite.force_usage(find_route("POST", path), untouched)
        assert untouched == {"stream": streamed}


@pytest.mark.parametrize("wrong", [[], "x", 5, True, {"include_usage": "yes"}])
def test_stream_options_of_a_wrong_type_are_refused_before_they_are_rewritten(wrong):
    for path in ("/v1/chat/completions", "/v1/completions"):
        with pytest.raises(CallerError):
            find_route("POST", path).read(
                {"messages": [{"role": "user", "content": "x"}], "prompt": "x", "stream": True, "stream_options": wrong}
            )
