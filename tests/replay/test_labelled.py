from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.detection.observation import Signals
from proxy.replay.outcomes import ALLOW, THROTTLE, Replayed
from proxy.replay.recorded import read_line
from proxy.replay.showing.figures import rank, share
from proxy.replay.showing.summary import Summary
from tests.replay.lines import AT, line, packed, replay

NONE = "rules: [{id: none.at_all, when: request.n > 100000, then: {tag: [never]}}]\n"


def replayed(account, level, label, *, served=True, at=AT, campaign="", filler=False, reasoning=False) -> Replayed:
    body = {"model": "m-large", "messages": [{"role": "user", "content": "Why?"}], **({"reasoning_effort": "high"} if reasoning else {})}
    made = line(at, account={"id": account}, body=body, x_label=label, x_campaign=campaign, x_filler=filler)
    recorded = read_line(packed([made])[0][1], 1, [])
    assert recorded is not None
    (judged,) = replay(NONE, [made])
    return Replayed(
        recorded, ALLOW if served else THROTTLE, "", (), Signals(level, campaign="k" if level else ""), "sha256:1", judged.decision
    )


def summary_of(*exchanges: Replayed) -> Summary:
    summary = Summary()
    for one in exchanges:
        summary.add(one)
    return summary


def test_accounts_count_once_at_their_highest_level():
    summary = summary_of(replayed("a", 0, ""), replayed("a", 3, ""), replayed("a", 1, ""), replayed("b", 0, ""))
    assert summary.by_level() == {0: 1, 1: 0, 2: 0, 3: 1, 4: 0}
    assert summary.labelled.seen == 0


def test_found_and_touched_are_counted_by_account():
    labelled = summary_of(
        replayed("x", 0, "attack:math"), replayed("x", 2, "attack:math"), replayed("y", 0, "attack:math"),
        replayed("p", 1, "benign:human"), replayed("q", 0, "benign:human"), replayed("r", 0, "benign:etl"),
    ).labelled  # fmt: skip
    assert labelled.detected(1)[:2] == labelled.detected(2)[:2] == (1, 2)
    assert labelled.detected(3)[:2] == (0, 2)
    assert labelled.touched(1)[:2] == (1, 3)
    assert labelled.touched(1, "benign:etl")[:2] == (0, 1)
    assert labelled.kinds() == ["benign:etl", "benign:human"]
    assert labelled.requests_until(1) == labelled.requests_until(2) == [2.0]


def test_an_attacking_account_is_no_honest_one_whatever_else_it_sends():
    labelled = summary_of(replayed("x", 1, "benign:human"), replayed("x", 1, "attack:math")).labelled
    assert labelled.touched(1).cases == 0
    assert labelled.detected(1)[:2] == (1, 1)


def test_what_was_served_before_each_level_is_a_share_of_the_whole_volume():
    summary = summary_of(
        replayed("x", 0, "attack:math", campaign="c", at=AT, reasoning=True),
        replayed("x", 0, "attack:math", campaign="c", at=AT + 1),
        replayed("x", 1, "attack:math", campaign="c", at=AT + 2, reasoning=True),
        replayed("x", 1, "attack:math", campaign="c", at=AT + 3, served=False),
        replayed("x", 1, "attack:math", campaign="c", at=AT + 4, filler=True),
    )
    (campaign,) = summary.as_dict(1.0)["labelled"]["campaigns"]
    assert (campaign["campaign"], campaign["volume"], campaign["served"], campaign["accounts"]) == ("c", 4, 3, 1)
    assert campaign["levels"]["1"] == {"at": AT + 2, "accounts": 1, "served_below": 0.5, "served_with_reasoning_below": 0.25}
    assert campaign["levels"]["2"] == {"at": None, "accounts": 0, "served_below": 0.75, "served_with_reasoning_below": 0.5}


def test_an_attack_without_a_campaign_of_its_own_is_known_by_its_label():
    (campaign,) = summary_of(replayed("x", 0, "attack:math")).labelled.campaigns()
    assert campaign.name == "attack:math"


@pytest.mark.parametrize(
    ("hits", "cases", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (10, 10, 0.7225, 1.0), (15, 148, 0.0624, 0.1605)],
)
def test_the_interval_is_wilsons(hits, cases, low, high):
    """Values of Newcombe, Statistics in Medicine 17 (1998), table I, and of R's prop.test without correction."""
    found = share(hits, cases)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)


@given(st.integers(1, 500), st.data())
def test_an_interval_holds_its_share(cases, data):
    found = share(data.draw(st.integers(0, cases)), cases)
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


def test_ranks_are_of_the_values_themselves():
    assert rank([], 0.5) is None
    assert rank([3.0, 1.0, 2.0], 0.5) == 2.0
    assert rank([float(value) for value in range(1, 11)], 0.9) == 9.0
    assert rank([7.0], 0.9) == 7.0
