from __future__ import annotations

from proxy.detection.config import DetectionConfig
from proxy.detection.detector import Detector
from proxy.detection.observation import NO_SIGNALS
from proxy.drill.loop import run
from proxy.drill.plan import DrillPlan, sources
from proxy.policy.load import load
from proxy.replay.rehearsal import Rehearsal
from proxy.replay.showing.weights import Weights
from tests.replay.lines import EVIDENCE, INTENTS, replayer

NONE = "rules: [{id: none.at_all, when: request.n > 100000, then: {tag: [never]}}]\n"


def test_supporting_families_are_shown_with_what_the_detector_gives_them():
    rules = load({"a.yaml": NONE.encode()}, 0.0)
    decider = replayer(NONE).decider
    detector = decider.detector = Detector(EVIDENCE, DetectionConfig(index_bits=12, doorkeeper_bits=14, brake_share=1.0), None, 0, INTENTS)
    weights = Weights(detector, EVIDENCE)
    plan = DrillPlan(kind="reasoning-harvest", accounts=60, honest_accounts=0, honest_days=0)
    found = []
    for exchange, outcome in run(sources(plan), Rehearsal(rules, decider)):
        shown = weights.of(exchange.observation.account, outcome.signals, exchange.at)
        assert set(shown) == set(outcome.signals.families)
        if outcome.signals.campaign:
            found.append((outcome.signals, shown))
    assert found
    caps = {family: EVIDENCE.document.families[family].cap for _, shown in found for family in shown}
    assert all(0.0 <= weight <= caps[family] for _, shown in found for family, weight in shown.items())
    assert any(weight > 1.0 for _, shown in found for weight in shown.values())


def test_an_account_that_nothing_speaks_against_has_none():
    assert Weights(None, EVIDENCE).of("a", NO_SIGNALS, 0.0) == {}
