"""Drill plans: deterministic, in order, with the rates and the dilution that were asked for."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from itertools import islice
from pathlib import Path

import pytest

from proxy.drill.honest.lookalikes import KINDS as LOOKALIKES
from proxy.drill.honest.population import SHARES
from proxy.drill.plan import KINDS, DrillPlan, exchanges, planned_volume
from proxy.drill.wording import harvest
from proxy.drill.wording.honest import Draft
from proxy.errors import ConfigError

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


def small(**changes) -> DrillPlan:
    return DrillPlan(**{"accounts": 20, "honest_accounts": 40, "honest_days": 0, **changes})


def test_the_same_plan_gives_the_same_traffic():
    assert list(exchanges(small())) == list(exchanges(small()))


def test_another_seed_gives_other_traffic():
    first, second = (next(exchanges(small(seed=seed))).observation.call.texts for seed in (1, 2))
    assert first != second


@pytest.mark.parametrize("kind", KINDS)
def test_requests_come_in_the_order_of_time(kind):
    times = [sent.at for sent in exchanges(small(kind=kind, days=2, dilution=0.5))]
    assert times == sorted(times)
    assert len(times) > 500


def test_accounts_send_about_their_daily_requests():
    plan = small(accounts=60, days=2)
    counts = Counter(sent.observation.account for sent in exchanges(plan) if sent.campaign)
    assert len(counts) == 60
    assert all(25 < count < 85 for count in counts.values())  # four standard deviations about 52
    assert sum(counts.values()) == pytest.approx(sum(planned_volume(plan).values()), rel=0.06)


@pytest.mark.parametrize("dilution", [0.5, 0.1])
def test_the_harvest_is_the_share_of_the_traffic_that_was_asked_for(dilution):
    sent = [
        sent
        for sent in exchanges(small(accounts=60, honest_accounts=0, dilution=dilution, requests_per_account_per_day=60))
        if sent.campaign
    ]
    share = sum(not one.filler for one in sent) / len(sent)
    assert share == pytest.approx(dilution, rel=0.2)


def test_the_honest_world_has_every_kind():
    seen = {
        sent.label.removeprefix("benign:")
        for sent in exchanges(DrillPlan(accounts=1, honest_accounts=400, honest_days=0))
        if not sent.campaign
    }
    assert seen == set(SHARES) | set(LOOKALIKES)


def test_every_problem_of_a_plan_is_reported_at_once():
    with pytest.raises(ConfigError) as refused:
        DrillPlan(kind="theft", dilution=0.0, days=0)
    assert {problem.path for problem in refused.value.problems} == {"kind", "dilution", "days"}


def test_a_resold_account_shows_several_clients():
    agents = defaultdict(set)
    for sent in exchanges(small(kind="resold-hydra", dilution=0.2, requests_per_account_per_day=40)):
        agents[sent.campaign, sent.observation.account].add(sent.observation.user_agent)
    assert max(len(seen) for (campaign, _), seen in agents.items() if campaign) == 3
    assert max(len(seen) for (campaign, _), seen in agents.items() if not campaign) == 1


def runs(text: str, length: int) -> set[str]:
    words = text.lower().split()
    return {" ".join(words[at : at + length]) for at in range(len(words) - length + 1)}


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is absent")
def test_no_wording_is_copied_from_the_evaluation_data():
    own = set()
    for drafts in vars(harvest).values():
        if isinstance(drafts, tuple) and drafts and isinstance(drafts[0], Draft):
            own |= {run for draft in drafts for part in draft for run in runs(part, 8)}
    theirs = runs((SHARED / "templates" / "stanford_alpaca_prompt.txt").read_text(), 8)
    for name in (
        "templates/nemo_skills",
        "templates/llm_judge_benign",
        "templates/self_instruct_seeds",
        "prompts/personas",
        "prompts/human",
    ):
        with gzip.open(SHARED / f"{name}.jsonl.gz", "rt") as lines:
            for line in lines:
                theirs |= runs(" ".join(strings(json.loads(line))), 8)
    assert own
    assert not own & theirs


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for one in value.values() for text in strings(one)]
    return [text for one in value for text in strings(one)] if isinstance(value, list) else []


def test_exchanges_are_made_lazily():
    assert len(list(islice(exchanges(small(days=90)), 5))) == 5
