"""Paraphrase is as strong as it says, and honest texts don't collide."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

from proxy.drill.campaign.campaign import Shape, campaign
from proxy.drill.campaign.pipeline import OWN, Paraphrase
from proxy.drill.loop import Everything, run
from proxy.drill.plan import START, DrillPlan, exchanges
from proxy.drill.wording.harvest import REASONING
from proxy.drill.wording.honest import OwnWording
from proxy.drill.wording.paraphrase import SlotGrammar, rewritten


def runs(text: str) -> set[str]:
    words = text.lower().split()
    return {" ".join(words[at : at + 5]) for at in range(len(words) - 4)}


def template_runs(shape: Shape, count: int) -> list[set[str]]:
    fleets = campaign(OWN["rubric-grading"][0]._replace(payload=lambda _: ""), shape, OwnWording(1), name="c", start=START, days=1, seed=5)
    return [runs(one.exchange.observation.call.texts[-1].text) for one in run(fleets, Everything())][:count]


def most_shared(texts: list[set[str]]) -> int:
    return max(Counter(one for text in texts for one in text).values())


def test_a_strong_paraphrase_never_repeats_five_words():
    rng = Random(2)
    assert most_shared([runs(rewritten(REASONING[0].before, rng, gap=1)) for _ in range(2000)]) <= 3


def test_a_slot_grammar_shares_some_runs_but_not_the_whole_text():
    rng = Random(2)
    grammar = SlotGrammar(REASONING[0].before + REASONING[2].after, rng)
    drawn = [grammar.draw(rng) for _ in range(400)]
    assert len(set(drawn)) > 20
    assert most_shared([runs(text) for text in drawn]) > 100


def test_a_fixed_template_is_the_same_in_every_request():
    texts = template_runs(Shape(10, 10), 100)
    assert most_shared(texts) == len(texts) > 60


def test_a_rotated_template_is_new_and_the_old_one_gone():
    texts = template_runs(Shape(10, 20, rotation=50), 100)
    first = {run for run, count in Counter(run for text in texts[:50] for run in text).items() if count > 25}
    second = {run for run, count in Counter(run for text in texts[50:] for run in text).items() if count > 25}
    assert len(first) > 20
    assert len(second) > 20
    assert len(first & second) < 0.35 * len(first)


def test_strong_paraphrase_of_a_whole_campaign_shares_nothing():
    assert most_shared(template_runs(Shape(100, 10, paraphrase=Paraphrase.STRONG), 1000)) <= 3


def test_people_do_not_share_texts():
    holders = defaultdict(set)
    for sent in exchanges(DrillPlan(accounts=1, honest_accounts=400, honest_days=0)):
        if sent.label in {"benign:people", "benign:code", "benign:maths", "benign:research"}:
            for one in runs(sent.observation.call.texts[-1].text):
                holders[one].add(sent.observation.account)
    assert len(holders) > 50_000
    assert sum(len(seen) >= 4 for seen in holders.values()) < len(holders) / 1000
