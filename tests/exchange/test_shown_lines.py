"""Which lines of a batch the detector is shown."""

from __future__ import annotations

import asyncio
import json

from proxy.adapters.memory_store import MemoryStore
from proxy.decide import Decider
from proxy.detection.observation import Observation
from proxy.dialects.batch import read_upload
from proxy.dialects.call import ModelCall
from proxy.dialects.routes import find_route
from proxy.exchange.uploads import SHOWN_LINES, decide_upload
from proxy.identity.caller import Account, Caller, Region
from proxy.identity.movement import Movements
from proxy.policy.load import load

NOW = 1_790_000_000.0
RULES = {"a.yaml": b"rules: [{id: a.b, when: request.n > 8, then: {tag: [x]}}]\n"}
CALLER = Caller("192.0.2.7", Region(), Account("a", "header"))


def shown(lines: int) -> list[int]:
    calls = [{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": str(number)}]} for number in range(lines)]
    body = json.dumps({"requests": [{"custom_id": str(number), "params": call} for number, call in enumerate(calls)]}).encode()
    upload = read_upload(find_route("POST", "/v1/messages/batches"), "application/json", body)
    decider = Decider(MemoryStore(), None, Movements())
    observation = Observation("a", ModelCall("anthropic", "messages.batches"))
    judged = asyncio.run(decide_upload(decider, load(RULES, NOW), CALLER, upload, observation, NOW))
    return [int(call.texts[0].text) for call in judged.shown]


def test_a_small_batch_is_shown_whole():
    assert shown(SHOWN_LINES) == list(range(SHOWN_LINES))


def test_of_a_large_batch_lines_are_shown_that_nobody_can_foresee():
    draws = [shown(400) for _ in range(6)]
    assert all(len(set(drawn)) == SHOWN_LINES for drawn in draws)
    assert len({place for drawn in draws for place in drawn}) > 3 * SHOWN_LINES
