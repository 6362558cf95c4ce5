from __future__ import annotations

import asyncio
import json

import pytest

from proxy.adapters.memory_store import MemoryStore
from proxy.audit.record import Record
from proxy.decide import Decider
from proxy.detection.observation import Observation
from proxy.dialects.call import ModelCall
from proxy.dialects.routes import find_route
from proxy.exchange.answering import said_no
from proxy.identity.caller import Account, Caller, Region
from proxy.identity.movement import Movements
from proxy.policy.load import load

NOW = 1_795_435_200.0
ROOMY = "{id: l.a, per: [account.id], count: requests, rate: 1/1h, burst: 100, message: Not this one.}"
REFUSAL = "{id: a.b, when: request.n > 1, then: {refuse: {code: too_many, message: One answer only.}}}"


@pytest.mark.parametrize(
    ("limit", "n", "reply", "told"),
    [
        pytest.param("rate: 1/1h", 2, (403, "too_many", "a.b", "refused"), "One answer only.", id="a rule"),
        pytest.param("rate: 1/1h, message: Own words.", 1, (429, "rate_limit_exceeded", "l.b", "limited"), "Own words.", id="own words"),
        pytest.param(
            "rate: 1/1h", 1, (429, "rate_limit_exceeded", "l.b", "limited"), "Limit 'l.b' is spent; try again in 3600 s.", id="no words"
        ),
        pytest.param(
            "rate: 1/1h, burst: 10, count: output_tokens", 1, (429, "cost_above_limit", "l.b", "limited"),
            "This request costs more than limit 'l.b' ever allows at once; make it smaller.", id="no words, for a request that is too large",
        ),
    ],
)  # fmt: skip
def test_who_is_turned_away_is_told_by_what_in_its_own_words_or_in_words_that_name_it(limit, n, reply, told):
    counted = limit if "count" in limit else f"count: requests, {limit}"
    rules = load({"a.yaml": f"rules: [{REFUSAL}]\nlimits:\n  - {ROOMY}\n  - {{id: l.b, per: [account.id], {counted}}}\n".encode()}, NOW)
    decider, caller, call = (
        Decider(MemoryStore(), None, Movements()),
        Caller("192.0.2.7", Region(), Account("acme")),
        ModelCall("openai", "chat.completions", "m", n=n),
    )

    async def second():
        await decider.decide(rules, caller, call, Observation("acme", call), NOW)
        return await decider.decide(rules, caller, call, Observation("acme", call), NOW)

    record = Record("d-1", NOW, rules.revision)
    decision = asyncio.run(second())
    assert not decision.allowed
    answer, outcome = said_no(find_route("POST", "/v1/chat/completions"), decision, record)
    assert (answer.status, answer.code, record.rule, outcome) == reply
    assert json.loads(answer.body)["error"]["message"] == told
    assert f"x-tosproxy-rule: {record.rule}\r\n".encode() in answer.headers
