from __future__ import annotations

import pytest

from proxy.adapters.memory_store import MemoryStore
from proxy.decide import Decider
from proxy.detection.detector import Detector
from proxy.detection.observation import Observation
from proxy.dialects.call import NO_USAGE, ModelCall, Text, Usage
from proxy.exchange.watching import Watching
from proxy.identity.caller import Account, Caller, Region
from proxy.identity.movement import Movements
from proxy.policy.load import load
from tests.detection.traffic import EVIDENCE, INTENTS, SMALL

NOW = 1_795_435_200.0
CALL = ModelCall("openai", "chat.completions", "m", texts=(Text("user", "why is the sky blue"),))
WAIVER = "waivers: [{{id: w.a, waives: [{}], when: account.verified, expires: 2027-06-30, reason: r, approver: a}}]"


class Listening(Detector):
    """Notes what it is told before it takes it in."""

    def __init__(self) -> None:
        super().__init__(EVIDENCE, SMALL, None, 1, INTENTS)
        self.told: list[tuple[object, ...]] = []

    def assess(self, account, now, observation=None):
        assert account, "of nobody nothing is known"
        return super().assess(account, now, observation)

    def started(self, observation, now):
        self.told.append(("began", observation.account, observation.call.n, observation.waived))
        return super().started(observation, now)

    def refused(self, observation, now, status):
        self.told.append(("refused", observation.account, status))
        super().refused(observation, now, status)

    def finished(self, ticket, usage, status, now):
        self.told.append(("ended", usage, status))
        super().finished(ticket, usage, status, now)


def _fault(error: BaseException) -> None:
    raise error


def _watching(detector: Detector | None, account: str = "acme", call: ModelCall = CALL, inside=(), waives: str = "", verified: bool = True):
    text = f"""rules: [{{id: distillation.a, when: request.n > 8, then: {{tag: [x]}}}}, {{id: usage.b, when: request.n > 8, then: {{tag: [x]}}}}]
{WAIVER.format(waives) if waives else ""}
"""
    decider = Decider(MemoryStore(), detector, Movements())
    caller = Caller("192.0.2.7", Region(), Account(account, verified=verified))
    observation = Observation(account, call)
    return Watching(
        decider, decider.judge(load({"a.yaml": text.encode()}, NOW), caller, call, observation, NOW), observation, inside, _fault
    )


@pytest.mark.parametrize(
    ("waives", "verified", "waived"),
    [("", True, False), ("distillation.*", True, True), ("distillation.*", False, False), ("usage.*", True, False)],
)
def test_only_a_waiver_of_terms_on_distillation_keeps_an_account_out_of_campaigns(waives, verified, waived):
    detector = Listening()
    watching = _watching(detector, waives=waives, verified=verified)
    watching.began(NOW)
    watching.ended(Usage(1, 2), 200, NOW + 1)
    assert detector.told == [("began", "acme", 1, waived), ("ended", Usage(1, 2), 200)]


def test_the_calls_of_a_batch_are_shown_in_its_place_and_what_they_cost_is_not_known_yet():
    detector = Listening()
    watching = _watching(detector, call=CALL._replace(texts=()), inside=(CALL._replace(n=2), CALL._replace(n=3)))
    watching.began(NOW)
    watching.ended(Usage(1, 2), 200, NOW + 1)
    assert detector.told == [("began", "acme", 2, False), ("began", "acme", 3, False), ("ended", NO_USAGE, 200), ("ended", NO_USAGE, 200)]


def test_how_an_account_takes_a_refusal_is_told():
    detector = Listening()
    _watching(detector).turned_away(429, NOW)
    assert detector.told == [("refused", "acme", 429)]


@pytest.mark.parametrize(
    ("detector", "account", "texts", "refused"),
    [(None, "acme", CALL.texts, 0), (Listening, "", CALL.texts, 0), (Listening, "acme", (), 1)],
    ids=["no detector", "nobody", "no text"],
)
def test_an_exchange_that_says_nothing_of_anybody_is_not_shown(detector, account, texts, refused):
    made = detector and detector()
    watching = _watching(made, account, CALL._replace(texts=texts))
    watching.began(NOW)
    watching.ended(Usage(1, 2), 200, NOW + 1)
    watching.turned_away(429, NOW + 1)
    assert made is None or [told[0] for told in made.told] == ["refused"] * refused
