from __future__ import annotations

import asyncio

import pytest

from proxy.adapters.memory_store import MemoryStore
from proxy.decide import Decider
from proxy.detection.observation import Observation
from proxy.dialects.call import ModelCall
from proxy.exchange.budget import Allowance
from proxy.identity.caller import Account, Caller, Region
from proxy.identity.movement import Movements
from proxy.policy.load import load

NOW = 1_795_435_200.0
CALLER = Caller("192.0.2.7", Region(), Account("acme"))


def _rules(*limits: tuple[int, str]):
    """Limits of output tokens, each with its burst and its own wording."""
    lines = "".join(
        f"  - {{id: l.l{place}, per: [account.id], count: output_tokens, rate: 1/1h, burst: {burst}{', message: ' if message else ''}{message}}}\n"
        for place, (burst, message) in enumerate(limits)
    )
    return load({"a.yaml": b"rules: [{id: a.b, when: request.n > 8, then: {tag: [x]}}]\nlimits:\n" + lines.encode()}, NOW)


async def _covered(rules, asked: int, written: int):
    """What covering `written` tokens of a call that asked for `asked` gives, and what is left of the limits then."""
    decider, call = Decider(MemoryStore(), None, Movements()), ModelCall("openai", "chat.completions", "m", max_output_tokens=asked)
    seen = Observation("acme", call)
    allowance = Allowance(decider, await decider.decide(rules, CALLER, call, seen, NOW), lambda: NOW)
    cut = await allowance.cover(written)
    left = await decider.decide(rules, CALLER, call._replace(endpoint="models.list"), seen, NOW)
    assert sum(ask.cost for ask in allowance.decision.held.asks) == sum(burst.burst - burst.remaining for burst in left.held.standings)
    return cut, [standing.remaining for standing in left.held.standings]


@pytest.mark.parametrize(
    ("asked", "written", "reserved"),
    [
        pytest.param(0, 1024, 1024, id="what is reserved for a call that names no limit"),
        pytest.param(0, 1025, 2048, id="a whole piece more"),
        pytest.param(0, 5000, 5000, id="more than a piece at once"),
        pytest.param(500, 1000, 500, id="twice what the caller allowed, by our count"),
        pytest.param(500, 1001, 1524, id="more than twice what the caller allowed"),
    ],
)
def test_output_is_reserved_by_the_piece_once_it_exceeds_what_is_paid_for(asked, written, reserved):
    assert asyncio.run(_covered(_rules((100_000, "")), asked, written)) == (None, [100_000 - reserved])


@pytest.mark.parametrize(("own", "told"), [("Own words.", "Own words."), ("", "Limit 'l.l1' is spent.")])
def test_a_cut_is_told_in_the_words_of_the_limit_that_denied_and_reserves_nothing(own, told):
    cut, left = asyncio.run(_covered(_rules((100_000, "Not this one."), (1500, own)), 0, 1025))
    assert cut == ("l.l1", "budget_exhausted", told)
    assert left == [100_000 - 1024, 1500 - 1024]
