"""Whatever a reader accepts can be lowered: no document makes a clamp fail, and none gets past it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from proxy.dialects import rewrite
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Clamps
from proxy.dialects.realtime.session import RealtimeSession, clamp_event
from proxy.dialects.rewrite import lowered
from proxy.dialects.wire.keys import READ
from proxy.errors import CallerError
from tests.dialects.corpus import EVENTS, Row, put
from tests.dialects.rows.every import CARRIED
from tests.dialects.test_clamps import CLAMPED

DOCUMENTS = 600
STRICT: Clamps = {
    "max_tokens": 50, "n": 1, "temperature": 0.125, "logprobs": False, "top_logprobs": 0, "reasoning_effort": "none", "reasoning_budget": 0,
}  # fmt: skip
LENIENT: Clamps = {**STRICT, "top_logprobs": 2, "reasoning_effort": "low", "reasoning_budget": 2000}
WORDS = ["", "user", "text", "high", "none", "enabled", "disabled", "adaptive", "low", "HIGH"]
KEYS = sorted(READ)


def _value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(7 if depth < 4 else 5)
    if kind < 5:
        return [None, rng.random() < 0.5, rng.choice([-1, 0, 1, 5, 10**6]), rng.choice([0.5, 1.0, 2.0]), rng.choice(WORDS)][kind]
    inside = [_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return inside if kind == 5 else {rng.choice(KEYS): value for value in inside}


def _document(rng: random.Random, row: Row) -> dict[str, Any]:
    """A document with several of the endpoint's fields, some of them with any value, and keys of other endpoints."""
    document = row.least
    probes = [probe for found in row.probes.values() for probe in found if isinstance(probe.path[0], str)]
    for probe in rng.sample(probes, rng.randrange(min(5, len(probes)))):
        document = put(document, probe.path, probe.value if rng.random() < 0.7 else _value(rng))
    return {**document, **{rng.choice(KEYS): _value(rng) for _ in range(rng.randrange(3))}}


BROKEN: dict[str, Callable[[ModelCall, Clamps], bool]] = {
    "max_tokens": lambda call, _: call.max_output_tokens > 50,
    "n": lambda call, _: call.n > 1,
    "temperature": lambda call, _: (call.temperature or 0.0) > 0.125,
    "logprobs": lambda call, _: call.logprobs,
    "top_logprobs": lambda call, most: call.top_logprobs > int(most["top_logprobs"]),
    "reasoning_budget": lambda call, most: call.reasoning_budget > int(most["reasoning_budget"]),
    "reasoning_effort": lambda call, most: (
        bool(call.reasoning_effort) and call.reasoning_effort != "low" and lowered(call.reasoning_effort, str(most["reasoning_effort"]))
    ),
    "reasoning": lambda call, most: call.reasoning and most is STRICT,
}


@pytest.mark.parametrize("key", [key for key in CLAMPED if key[0] != "azure"], ids="-".join)
def test_whatever_is_read_can_be_lowered_and_stays_lowered(key):
    row = CLAMPED[key]
    rng = random.Random("-".join(key))
    read = 0
    for _ in range(DOCUMENTS):
        document = json.loads(json.dumps(_document(rng, row)))
        try:
            call = row.read(document)
        except CallerError:
            continue
        read += 1
        for most in (LENIENT, STRICT):
            after_once, after, *_ = rewrite.clamp(row.route, document, call, most)
            broken = [name for name, breaks in BROKEN.items() if breaks(after, most)]
            assert not broken, document
            assert rewrite.clamp(row.route, after_once, after, most)[:3] == (after_once, after, ()), document
    assert read > DOCUMENTS // 5


def _call(event: dict[str, Any]) -> ModelCall:
    read = RealtimeSession(CARRIED["openai", "realtime"].route, "m").read_event(json.dumps(event).encode())
    assert read is not None
    return read.call


def test_whatever_a_session_is_told_can_be_lowered_and_stays_lowered():
    rng = random.Random("realtime")
    read = 0
    for _ in range(4 * DOCUMENTS):
        for key, value in _document(rng, CARRIED["openai", "realtime"]).items():
            event = {"type": EVENTS.get(key, "session.update"), key: value}
            try:
                _call(event)
            except CallerError:
                continue
            read += 1
            for most in (LENIENT, STRICT):
                lowered_event, _ = clamp_event(event, most, _call(event))
                after = _call(lowered_event)
                assert not [name for name, breaks in BROKEN.items() if breaks(after, most)], event
                assert clamp_event(lowered_event, most, after) == (lowered_event, ())
    assert read > DOCUMENTS
